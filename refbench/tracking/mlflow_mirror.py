"""Publishing a suite to MLflow: parent run = suite, child run = cell, idempotent by run key.

Called by the parent process only, after the rows are on disk. A mirror that fails is a warning.
"""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from refbench.identity import digest
from refbench.store.cell import SUMMARY
from refbench.store.linelog import files_of
from refbench.store.locks import exclusive
from refbench.store.manifest import MANIFEST
from refbench.redact import without_credentials
from refbench.store.reader import ROWS, SCORES
from refbench.tracking.local import artifact_root, follow_move, local_uri, published_before, ui_command
from refbench.tracking.quiet import quiet
from refbench.tracking.types import CellRunInfo, SuiteRunInfo, TrackingResult

EXPERIMENT = "refbench"
_LONGEST_VALUE = 5000
_PARENT = "mlflow.parentRunId"


def publish(
    out: Path,
    uri: str | None,
    suite: SuiteRunInfo,
    cells: Sequence[CellRunInfo],
    table_markdown: str,
    extra_artifacts: Sequence[Path] = (),
) -> TrackingResult:
    """Mirror one suite's finished cells; a second call with the same cells updates the same runs.

    uri: a tracking server, or None for SQLite inside ``out``. table_markdown: the comparison table,
    attached to the parent run and shown as its description. extra_artifacts: further files for the
    parent run. Never raises for a failing mirror: the result then carries a warning.
    """
    address = uri or local_uri(out)
    shown = without_credentials(address)
    command = None if uri else ui_command(out)
    try:
        content = _content(suite, cells, table_markdown, extra_artifacts)
        there = published_before(out, suite_key(suite), content) if uri is None else None
        if there is not None:
            return TrackingResult(shown, there[0], there[1], command)
        with quiet(), _alone(out, local=uri is None):
            if uri is None:
                follow_move(out, EXPERIMENT)
            mirror = _Mirror(address, None if uri else artifact_root(out))
            parent = mirror.suite(suite, cells, table_markdown, extra_artifacts)
            for cell in cells:
                mirror.cell(suite, parent, cell)
            mirror.finish(parent, content)
        return TrackingResult(shown, mirror.experiment_id, parent, command)
    except ImportError as error:
        reason = f"mlflow is not installed ({error}); pip install mlflow, or set tracking=none"
    # whatever a tracking server or its database does: the rows are safe and the run has succeeded
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    # blanked before it is cut: half an address has no `@` to know a password by
    text = without_credentials(" ".join(reason.split()))[:300]
    return TrackingResult(shown, warning=f"mirror {shown} not written: {text}; the rows are on disk")


@contextmanager
def _alone(out: Path, local: bool) -> Iterator[None]:
    # two processes that touch a fresh database at once break each other's migrations
    if not local:
        yield
        return
    out.mkdir(parents=True, exist_ok=True)
    with exclusive(out / ".mlflow.lock"):
        yield


class _Mirror:
    """One connection to a tracking store."""

    def __init__(self, uri: str, artifacts: str | None) -> None:
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.tracking import MlflowClient

        self._metric, self._param, self._tag = Metric, Param, RunTag
        self._client: Any = MlflowClient(tracking_uri=uri)
        found = self._client.get_experiment_by_name(EXPERIMENT)
        if found is not None and found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        self.experiment_id: str = (
            found.experiment_id
            if found is not None
            else self._client.create_experiment(EXPERIMENT, artifact_location=artifacts)
        )

    def suite(
        self, suite: SuiteRunInfo, cells: Sequence[CellRunInfo], table: str, extra: Sequence[Path]
    ) -> str:
        """Create or update the parent run; returns its id."""
        key = suite_key(suite)
        run = self._find("refbench.suite_key", key)
        before = set(run.data.tags.get("method", "").split(", ")) - {""} if run else set()
        tags = {
            **suite.tags,
            "kind": "suite",
            "suite": suite.suite,
            "dataset": suite.dataset,
            "dataset_label": suite.dataset_label,
            "seed": str(suite.seed),
            "method": ", ".join(sorted(before | {cell.method for cell in cells})),
            "label": ", ".join(dict.fromkeys(cell.method_label for cell in cells)),
            "refbench.suite_key": key,
            # empty until everything is written, see finish
            "refbench.published": "",
            "mlflow.note.content": table,
        }
        run_id = self._write(run, f"{suite.suite} on {suite.dataset_label}", tags, {"seed": suite.seed}, {})
        self._client.log_text(run_id, table, "table.md")
        for path in extra:
            self._client.log_artifact(run_id, str(path))
        return run_id

    def cell(self, suite: SuiteRunInfo, parent: str, cell: CellRunInfo) -> None:
        """Create or update the child run of a cell."""
        key = f"{cell.run_key}@{suite_key(suite)}"
        run = self._find("refbench.cell_key", key)
        tags = {
            **suite.tags,
            _PARENT: parent,
            "kind": "cell",
            "suite": suite.suite,
            "method": cell.method,
            "method_label": cell.method_label,
            "weights": cell.weights,
            "dataset": cell.dataset,
            "dataset_label": cell.dataset_label,
            "protocol": cell.protocol,
            "seed": str(cell.seed),
            "baseline": str(cell.baseline).lower(),
            "run_key": cell.run_key,
            "refbench.cell_key": key,
            **{f"signature.{alias}": text for alias, text in cell.signatures.items()},
        }
        params = {"protocol": cell.protocol, "seed": cell.seed, **_flat(cell.params)}
        run_id = self._write(run, f"{cell.method_label} | {cell.protocol}", tags, params, cell.metrics)
        self._attach(run_id, _files(cell), {} if run is None else run.data.tags)
        self._client.set_terminated(run_id, "FINISHED")

    def _attach(self, run_id: str, files: Sequence[Path], tags: Mapping[str, str]) -> None:
        """Attach files that are new or changed: the rows of a large run are sent once."""
        for path in files:
            content = _file_digest(path)
            tag = _name(f"refbench.sha256.{path.name}")
            if tags.get(tag) != content:
                self._client.log_artifact(run_id, str(path))
                self._client.set_tag(run_id, tag, content)

    def finish(self, parent: str, content: str) -> None:
        """Mark the publication as complete; until then a repetition starts over."""
        self._client.set_tag(parent, "refbench.published", content)
        self._client.set_terminated(parent, "FINISHED")

    def _find(self, tag: str, value: str) -> Any:
        found = self._client.search_runs(
            [self.experiment_id], filter_string=f"tags.`{tag}` = '{value}'", max_results=1
        )
        return found[0] if found else None

    def _write(
        self,
        run: Any,
        name: str,
        tags: Mapping[str, str],
        params: Mapping[str, object],
        metrics: Mapping[str, float | None],
    ) -> str:
        """Write what is new or changed. Parameters cannot be changed in MLflow: the first value stays."""
        if run is None:
            run = self._client.create_run(self.experiment_id, run_name=name)
        now = int(time.time() * 1000)
        data = run.data
        new_tags = {_name(k): v[:_LONGEST_VALUE] for k, v in tags.items()}
        new_params = {_name(k): str(v)[:_LONGEST_VALUE] for k, v in params.items()}
        values = {_name(k): v for k, v in metrics.items() if v is not None and math.isfinite(v)}
        entries = (
            [self._metric(k, float(v), now, 0) for k, v in values.items() if data.metrics.get(k) != v],
            [self._param(k, v) for k, v in new_params.items() if k not in data.params],
            [self._tag(k, v) for k, v in new_tags.items() if data.tags.get(k) != v],
        )
        for metric_part, param_part, tag_part in _batches(*entries):
            self._client.log_batch(run.info.run_id, metrics=metric_part, params=param_part, tags=tag_part)
        return str(run.info.run_id)


def suite_key(suite: SuiteRunInfo) -> str:
    """What makes two publications the same parent run."""
    return digest([suite.suite, suite.dataset_label, suite.fingerprint, suite.seed])[:20]


def _files(cell: CellRunInfo) -> list[Path]:
    """What is attached to a cell's run."""
    own = [cell.folder / name for name in (MANIFEST, SUMMARY)]
    logs = [path for name in (ROWS, SCORES) for path in files_of(cell.folder, name)]
    return [path for path in (*logs, *own, *cell.files) if path.is_file()]


def _file_digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _content(suite: SuiteRunInfo, cells: Sequence[CellRunInfo], table: str, extra: Sequence[Path]) -> str:
    """Digest of everything that one publication writes."""
    files = [[_file_digest(path) for path in _files(cell)] for cell in cells]
    return hashlib.sha256(
        repr((suite, list(cells), table, files, [_file_digest(path) for path in extra])).encode()
    ).hexdigest()


def _batches(metrics: list[Any], params: list[Any], tags: list[Any]) -> Iterator[tuple[list[Any], ...]]:
    """Split into calls of at most 100 entries of a kind, the limit of the REST interface."""
    for start in range(0, max(len(metrics), len(params), len(tags)), 100):
        end = start + 100
        yield metrics[start:end], params[start:end], tags[start:end]


def _flat(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _name(text: str) -> str:
    """A key that MLflow accepts: letters, digits, ``_ - . : /`` and spaces, at most 250 of them."""
    return re.sub(r"[^\w\-. :/]", "_", text)[:250]
