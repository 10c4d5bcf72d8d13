"""A tracking store: runs found by their key, written once, updated in place. Nothing is ever duplicated."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from refbench.identity.file_digest import file_sha256
from refbench.tracking.images import COLUMNS
from refbench.untrusted.redact import without_credentials

PARENT = "mlflow.parentRunId"
NOTE = "mlflow.note.content"
PUBLISHED = "refbench.published"
"""Tag: digest of everything that one publication wrote; empty while it is being written."""
FILE_DIGEST = "refbench.sha256."
"""Prefix of tags: sha256 of an attached file."""
_LONGEST_VALUE = 5000
_KIND = {"mlflow.experimentKind": "custom_model_development"}
"""MLflow then opens the experiment with its runs, not with the traces of a language model."""
SOURCE = {"mlflow.source.type": "LOCAL"}
"""With ``mlflow.source.name``: the column that says what made a run."""


class TrackingStore:
    """One connection, to one experiment, which is made where it is not there."""

    def __init__(self, uri: str, experiment: str, artifacts: str | None) -> None:
        """artifacts: where the experiment keeps files; None leaves it to the server."""
        from mlflow import entities
        from mlflow.tracking import MlflowClient

        self._metric, self._param, self._tag = entities.Metric, entities.Param, entities.RunTag
        self._entities: Any = entities
        self.client: Any = MlflowClient(tracking_uri=uri)
        found = self.client.get_experiment_by_name(experiment)
        if found is not None and found.lifecycle_stage == "deleted":
            self.client.restore_experiment(found.experiment_id)
        self.experiment_id: str = (
            found.experiment_id
            if found is not None
            else self.client.create_experiment(experiment, artifact_location=artifacts, tags=_KIND)
        )

    def find(self, tag: str, value: str) -> Any:
        """The run with this tag, or None."""
        found = self.client.search_runs(
            [self.experiment_id], filter_string=f"tags.`{tag}` = '{value}'", max_results=1
        )
        return found[0] if found else None

    def write(
        self,
        run: Any,
        name: str,
        tags: Mapping[str, str],
        params: Mapping[str, object],
        metrics: Mapping[str, float | None],
        started: float | None = None,
    ) -> str:
        """Write what is new or changed into ``run`` (None: a new one, of the time ``started``); its id.

        Parameters cannot be changed in MLflow: the first value stays.
        """
        if run is None:
            begun = None if started is None else int(started * 1000)
            run = self.client.create_run(self.experiment_id, run_name=name, start_time=begun)
        elif run.info.run_name != name:
            self.client.update_run(run.info.run_id, name=name)
        now = int(time.time() * 1000)
        data = run.data
        new_tags = {key(k): v[:_LONGEST_VALUE] for k, v in tags.items()}
        new_params = {key(k): without_credentials(str(v))[:_LONGEST_VALUE] for k, v in params.items()}
        values = {key(k): v for k, v in metrics.items() if v is not None and math.isfinite(v)}
        entries = (
            [self._metric(k, float(v), now, 0) for k, v in values.items() if data.metrics.get(k) != v],
            [self._param(k, v) for k, v in new_params.items() if k not in data.params],
            [self._tag(k, v) for k, v in new_tags.items() if data.tags.get(k) != v],
        )
        for metric_part, param_part, tag_part in _batches(*entries):
            self.client.log_batch(run.info.run_id, metrics=metric_part, params=param_part, tags=tag_part)
        return str(run.info.run_id)

    def curves(self, run_id: str, curves: Mapping[str, Sequence[tuple[int, float]]]) -> None:
        """Add the points (step, value) of each curve that are not there, or have another value there."""
        now = int(time.time() * 1000)
        points = []
        for name, values in curves.items():
            history = self.client.get_metric_history(run_id, key(name)) if values else []
            there = {m.step: m.value for m in sorted(history, key=lambda m: int(m.timestamp))}
            points += [
                self._metric(key(name), float(v), now, step)
                for step, v in values
                if math.isfinite(v) and there.get(step) != v
            ]
        for part, _, _ in _batches(points, [], []):
            self.client.log_batch(run_id, metrics=part)

    def attach(self, run_id: str, files: Sequence[Path], tags: Mapping[str, str]) -> list[Path]:
        """Attach files that are new or changed, and return them: the rows of a large run are sent once.

        tags: the run's own, as they were before.
        """
        sent = []
        for path in files:
            content = file_sha256(path)
            tag = key(FILE_DIGEST + path.name)
            if tags.get(tag) != content:
                self.client.log_artifact(run_id, str(path))
                self.client.set_tag(run_id, tag, content)
                sent.append(path)
        return sent

    def dataset(
        self, run_id: str, name: str, fingerprint: str, plain: str, profile: Mapping[str, int]
    ) -> None:
        """Show ``name`` as what a new run was measured on, with its schema; equal fingerprints are one
        dataset. ``plain``: its name in refbench, which is what it is opened by."""
        from mlflow.types import ColSpec, Schema

        schema = Schema([ColSpec(kind, column) for column, kind in COLUMNS.items()])
        found = self._entities.Dataset(
            name,
            fingerprint[:20],
            "refbench",
            json.dumps({"name": plain, "fingerprint": fingerprint}),
            json.dumps({"mlflow_colspec": schema.to_dict()}),
            json.dumps(dict(profile)),
        )
        context = self._entities.InputTag("mlflow.data.context", "evaluation")
        self.client.log_inputs(run_id, [self._entities.DatasetInput(found, [context])])

    def table(self, run_id: str, columns: Mapping[str, Sequence[str | float | None]], file: str) -> None:
        """Attach a table that MLflow shows and compares between runs, in place of one that is there.

        ``log_table`` would append to it.
        """
        import pandas as pd
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        if any(found.path == file for found in self.client.list_artifacts(run_id)):
            uri = self.client.get_run(run_id).info.artifact_uri
            repository: Any = get_artifact_repository(uri)
            repository.delete_artifacts(file)
        self.client.log_table(run_id, pd.DataFrame(dict(columns)), file)

    def end(self, run_id: str, finished: float | None = None) -> None:
        """The run is over, since ``finished`` (seconds since 1970) or now."""
        over = None if finished is None else int(finished * 1000)
        self.client.set_terminated(run_id, "FINISHED", end_time=over)

    def finish(self, run_id: str, content: str, finished: float | None = None) -> None:
        """Mark a publication as complete; until then a repetition starts over."""
        self.client.set_tag(run_id, PUBLISHED, content)
        self.end(run_id, finished)


def flat(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Nested mappings as one, with dotted names."""
    found: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found.update(flat(value, f"{prefix}{name}."))
        else:
            found[f"{prefix}{name}"] = value
    return found


def key(text: str) -> str:
    """A name that MLflow accepts: letters, digits, ``_ - . : /`` and spaces, at most 250 of them."""
    return re.sub(r"[^\w\-. :/]", "_", text)[:250]


def _batches(metrics: list[Any], params: list[Any], tags: list[Any]) -> Iterator[tuple[list[Any], ...]]:
    """Split into calls of at most 100 entries of a kind, the limit of the REST interface."""
    for start in range(0, max(len(metrics), len(params), len(tags)), 100):
        end = start + 100
        yield metrics[start:end], params[start:end], tags[start:end]
