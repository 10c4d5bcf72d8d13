"""``refbench score``: metrics for finished runs, from their kept SR images and without inference.

The target of each trial is made again by the protocol that the manifest records; the dataset must still
have the fingerprint it had, or the new values would not belong to the old rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from refbench.errors import SampleError, UserError
from refbench.imaging import read_image
from refbench.metrics import MetricCatalog, metric_facts
from refbench.metrics.metric_set import NO_TRUTH, NOT_EXACT, MetricSet
from refbench.plan.planner import Cell
from refbench.protocols import ProtocolInstance, build_instances
from refbench.registry import Registry, load_class
from refbench.results.digests import store_digests
from refbench.results.labels import distinct_labels
from refbench.results.record import CellRecord, cell_record
from refbench.results.reopen import RecordedDatasets
from refbench.results.set_scores import SetData, built, score_sets
from refbench.settings import SuiteConfig
from refbench.specs import MetricSpec
from refbench.store import CellStore, Manifest, Run, SampleRow, ScoreRow, TrialKey, find_runs, load_run
from refbench.store.cell import SUMMARY
from refbench.types import Dataset, Image
from refbench.untrusted.schema import SchemaError, fitted


@dataclass(frozen=True)
class ScoredCell:
    """What scoring added to one cell."""

    record: CellRecord
    """The cell over all its rows, with the metrics that were asked for."""
    scored: int
    """Trials that got new values (or the reason for having none)."""
    reused: int
    """Trials that had every value already."""
    without_image: int
    """Trials whose SR image is not there."""
    errors: int
    """Trials whose SR image or sample could not be read now."""

    def json(self) -> dict[str, Any]:
        """The cell as ``score --json`` prints it: as ``run --json`` does, and what scoring did."""
        return {
            **self.record.json(),
            "errors": self.errors,
            "folder": str(self.record.path),
            "scored": self.scored,
            "reused": self.reused,
            "without_image": self.without_image,
        }


class Scorer:
    """Scores cells; datasets are opened and metrics built once for all of them."""

    def __init__(
        self,
        metrics: Sequence[str],
        registry: Registry,
        data_root: str | None = None,
        note: Callable[[str], None] = lambda line: None,
    ) -> None:
        """``data_root``: where the dataset is now, if it has moved. UserError for unknown metrics."""
        self._specs = MetricCatalog.of(registry).of_names(tuple(metrics))
        self._image = [spec for spec in self._specs if spec.kind == "image"]
        self._sets = [spec for spec in self._specs if spec.kind == "set"]
        self._metrics = MetricSet(self._image)
        self._set_metrics = built(self._sets)
        self._note = note
        self._datasets = RecordedDatasets(registry, data_root)

    def score(self, folder: Path) -> ScoredCell:
        """Add the metrics to one cell. Raises UserError when its images or its dataset are not there."""
        run = load_run(folder)
        ok = [row for row in run.rows if row.ok]
        todo = [row for row in ok if not self._has_all(row)]
        images = {row.key: kept_image(folder, row) for row in todo}
        lacking = [row for row in todo if images[row.key] is None]
        todo = [row for row in todo if images[row.key] is not None]
        if lacking and not todo:
            raise UserError(
                f"{folder}: no SR images to score (they were not kept, or have been deleted); "
                "run again with images=png"
            )
        if lacking:
            first = f"{lacking[0].sample_id} draw {lacking[0].draw}"
            self._note(
                f"{folder.name}: {len(lacking)} rows without a kept image are not scored, such as {first}"
            )
        errors = 0
        with CellStore(folder, run.manifest) as store:
            if todo:
                dataset = self._datasets.dataset(run.manifest, folder)
                instance = protocol_of(run.manifest, folder)
                for row in todo:
                    errors += not self._score_row(store, row, dataset, instance, run.manifest.seed)
            if self._sets:
                self._score_sets(store, run)
            store.add_metrics(metric_facts(self._specs))
            _refresh_summary(store)
        store_digests(folder)
        signatures = [spec.signature for spec in self._specs]
        after = load_run(folder)
        values = {row.key: row.metrics for row in after.rows}
        gained = sum(bool(values[row.key].keys() - row.metrics.keys()) for row in todo)
        return ScoredCell(
            record=cell_record(after, hold=False, signatures=signatures),
            scored=gained,
            reused=len(ok) - len(todo) - len(lacking),
            without_image=len(lacking),
            errors=errors,
        )

    def _score_sets(self, store: CellStore, run: Run) -> None:
        data = SetData(
            self._datasets.dataset(run.manifest, run.path),
            protocol_of(run.manifest, run.path),
            run.manifest.seed,
        )
        images = {row.key: kept_image(run.path, row) for row in run.rows}
        score_sets(store, self._sets, self._set_metrics, run.rows, data, images)

    def _has_all(self, row: SampleRow) -> bool:
        return all(spec.signature in row.metrics or _never(spec, row) for spec in self._image)

    def _score_row(
        self, store: CellStore, row: SampleRow, dataset: Dataset, instance: ProtocolInstance, seed: int
    ) -> bool:
        error = score_row(store, row, dataset, instance, seed, self._metrics, self._image)
        if error is not None:
            self._note(f"{store.folder.name}: {row.sample_id} draw {row.draw}: {error}")
        return error is None


def score_row(
    store: CellStore,
    row: SampleRow,
    dataset: Dataset,
    instance: ProtocolInstance,
    seed: int,
    metrics: MetricSet,
    specs: Sequence[MetricSpec],
) -> str | None:
    """Score the kept image of one row and append the values; the reason when that cannot be done."""
    try:
        sr = read_image(str(kept_image(store.folder, row)))
        trial = instance.apply(dataset.load(row.sample_id), row.draw, seed, dataset)
        _same_size(sr, trial.target, row)
        values, absent = metrics.score(sr, trial)
    # a learned metric may refuse a pair in its own way
    except (SampleError, ValueError, RuntimeError, ArithmeticError) as error:
        return " ".join(str(error).split())
    present = tuple(spec.alias for spec in specs if spec.signature in values)
    if not present and all(row.absent.get(alias) == reason for alias, reason in absent.items()):
        # nothing new (no ground truth, say): a line per resume would only make the file grow
        return None
    store.append_score(ScoreRow(row.sample_id, row.draw, metrics=values, absent=absent, present=present))
    return None


def complete_rows(cell: Cell, store: CellStore, trials: Sequence[TrialKey]) -> set[TrialKey]:
    """Those of ``trials`` of ``cell`` that need no inference, with every metric that is asked for.

    Rows of an earlier run that asked for fewer metrics are scored now from their kept images; where no
    image was kept, or cannot be scored, the trial is run again.
    """
    specs = [s for s in cell.job.metrics if s.kind == "image"]
    metrics: MetricSet | None = None
    done: set[TrialKey] = set()
    lacking: list[SampleRow] = []
    for row in store.rows(trials):
        if cell.job.repeat > 1 and not row.repeated:
            # the second call is still to come
            continue
        # a sample without HR has none later either: its dataset's fingerprint is in the run key
        missing = [s for s in specs if s.signature not in row.metrics and not _never(s, row)]
        if any(s.exact and row.absent.get(s.alias, NOT_EXACT) == NOT_EXACT for s in missing):
            # only another call of the method can tell
            continue
        if missing and metrics is None:
            metrics = MetricSet(cell.job.metrics)
        # what was absent then (a backbone, a package) may be here now
        if row.ok and all(s.alias in row.absent and metrics and not metrics.ready(s) for s in missing):
            done.add(row.key)
        elif row.ok and kept_image(store.folder, row) is not None:
            lacking.append(row)
    if lacking and metrics is not None:
        dataset: Dataset = load_class(cell.job.data.target)(cell.job.data.request)
        for row in lacking:
            seed = cell.job.seed
            if score_row(store, row, dataset, cell.protocol, seed, metrics, specs) is None:
                done.add(row.key)
        store.close()
    return done


def _never(spec: MetricSpec, row: SampleRow) -> bool:
    """Whether a value that is absent will be absent at every attempt: no HR, or no such region in it."""
    reason = row.absent.get(spec.alias, "")
    return (spec.needs_target and row.hr_size is None and reason == NO_TRUTH) or (
        bool(spec.region) and "region" in reason
    )


def complete_sets(cell: Cell, store: CellStore) -> None:
    """Compute the metrics of image sets that ``cell`` asks for, over exactly its trials."""
    specs = [spec for spec in cell.job.metrics if spec.kind == "set"]
    if not specs:
        return
    rows = store.rows(cell.trials())
    dataset: Dataset = load_class(cell.job.data.target)(cell.job.data.request)
    images = {row.key: kept_image(store.folder, row) for row in rows}
    score_sets(store, specs, built(specs), rows, SetData(dataset, cell.protocol, cell.job.seed), images)


def score_runs(places: Sequence[Path], scorer: Scorer) -> list[ScoredCell]:
    """Score every cell in the given results or cell folders, each once."""
    folders = dict.fromkeys(folder for place in places for folder in find_runs(place))
    return scored_cells([scorer.score(folder) for folder in folders])


def kept_image(folder: Path, row: SampleRow) -> Path | None:
    """The SR image of a row, or None when there is none.

    Rows may come from elsewhere: nothing outside the cell's folder is opened on their word.
    """
    if row.image is None:
        return None
    try:
        path = (folder / row.image).resolve()
        return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
    except (OSError, ValueError, RuntimeError):
        # a name that no file can have: half a character, too long, links in a circle
        return None


def protocol_of(manifest: Manifest, folder: Path) -> ProtocolInstance:
    """The protocol instance of a cell, rebuilt from its manifest. UserError when it has changed since."""
    instances = build_instances(suite_of(manifest, folder))
    for instance in instances:
        if instance.id == manifest.protocol:
            recorded = manifest.compare.get("protocol", {}).get("params")
            if json.loads(json.dumps(instance.identity())) != recorded:
                break
            return instance
    raise UserError(f"{folder}: protocol {manifest.protocol} is not the one that was run; run it again")


def suite_of(manifest: Manifest, folder: Path) -> SuiteConfig:
    """The suite that a cell was first run for, from its manifest. UserError for one of another version."""
    suite = manifest.config.get("suite")
    if not isinstance(suite, Mapping):
        raise UserError(f"{folder}: its manifest records no suite; run it again")
    try:
        return fitted(SuiteConfig, suite)
    except SchemaError as error:
        raise UserError(
            f"{folder}: its manifest records a suite of another version ({error}); run it again"
        ) from error


def _same_size(sr: Image, target: Image | None, row: SampleRow) -> None:
    if target is not None and sr.shape != target.shape:
        raise SampleError(
            f"{row.image} is {sr.shape[1]}x{sr.shape[0]}, the target {target.shape[1]}x{target.shape[0]}"
        )


def _refresh_summary(store: CellStore) -> None:
    """Write summary.json anew with the metrics that were added, over the samples that it is about."""
    path = store.folder / SUMMARY
    if not path.is_file():
        return
    try:
        document = json.loads(path.read_text(encoding="ascii"))
        asked = set(document["samples"])
        finished = document.get("finished")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{path}: damaged ({error}); repeat the run, which keeps its rows") from error
    run = load_run(store.folder)
    trials = [row.key for row in run.rows if row.sample_id in asked]
    record = cell_record(run, trials, hold=False)
    store.write_summary({**record.summary_document(), "samples": document["samples"], "finished": finished})


def scored_cells(found: Sequence[ScoredCell]) -> list[ScoredCell]:
    """The same with labels that tell variants of one method apart."""
    labelled = distinct_labels([cell.record for cell in found])
    return [replace(cell, record=record) for cell, record in zip(found, labelled, strict=True)]
