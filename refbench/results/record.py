"""The one record of a finished cell, made from its manifest and rows and from nothing else.

``run``, ``report``, ``check``, ``merge``, ``score``, the MLflow mirror and the JSON documents all read this
record, so that none of them can say something that another does not. What a cell is (labels, control,
compare key, metrics) was decided when the plan was made and stands in the manifest.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from refbench.identity.keys import canonical_json
from refbench.metrics import recorded_specs
from refbench.results.digests import stated_digest
from refbench.results.protocol_parts import ProtocolParts, protocol_parts
from refbench.results.set_scores import set_summaries
from refbench.specs import MetricSpec
from refbench.stats.paired import Trials
from refbench.stats.summary import MetricSummary, summarise
from refbench.store import Manifest, Run, SampleRow, TrialKey, row_files


@dataclass(frozen=True)
class CellRecord:
    """One cell = method x dataset x protocol instance x seed, as tables, gate and ``--json`` see it."""

    method: str
    """Plain id."""
    weights: str
    """Weights variant or path label; empty for a method without weights."""
    method_label: str
    """``datsr (compact)``."""
    dataset: str
    """Plain id."""
    dataset_label: str
    """``cufed5-sample``, ``wrsr [6 of 80]``, ``wrsr [partial: shard 1/4]``."""
    protocol: str
    """Instance id: ``canonical@1+jitter@1[level=x1]``."""
    baseline: bool
    """True for the method that the others' deltas refer to (bicubic)."""
    n: int
    """Distinct HR images with at least one ok trial."""
    trials: int
    """Rows: images x draws, errors included."""
    errors: int
    """Rows with ``status=error``."""
    run_key: str
    rows_path: str
    """File of the rows."""
    metrics: Mapping[str, MetricSummary]
    """By alias."""
    values: Mapping[str, Trials] = field(repr=False, default_factory=dict)
    """By alias: (sample id, draw) -> finite value."""
    special: Mapping[str, Mapping[TrialKey, str]] = field(repr=False, default_factory=dict)
    """By alias: (sample id, draw) -> ``inf``, ``-inf`` or ``nan`` where that was computed."""
    inputs: Mapping[str, str] = field(repr=False, default_factory=dict)
    """Sample id -> digest of its HR and references; empty where the rows do not record them."""
    random: bool = False
    """The method is declared random (``MethodSpec.deterministic=False``)."""
    repeated: Mapping[str, tuple[str, float]] = field(repr=False, default_factory=dict)
    """By alias: (sample id, how far apart the scores of two calls on the same input were), where that was
    largest; only of a run with ``repeat=2``."""
    refs_read: tuple[int, int] | None = None
    """(most references that the method read in a trial, most that it was given); None: not known."""
    equal_to: str = ""
    """Protocol id of the cell that these rows repeat, because the method reads the same in both."""
    compare_key: Mapping[str, Any] = field(repr=False, default_factory=dict)
    """What two cells must share to be compared, without the metric's signature: dataset fingerprint,
    protocol id and parameters, seed. Never weights or code."""
    control: str | None = None
    """Protocol id of the undistorted cell that the drop is measured from; None: no such cell."""
    samples: tuple[str, ...] = field(repr=False, default=())
    """Ids of the samples that have a row, in the order of the rows."""
    failed: tuple[str, ...] = ()
    """Ids of the samples with an error row."""
    failures: tuple[Mapping[str, Any], ...] = ()
    """The error rows: ``sample_id draw error error_kind attempts``."""
    costs: Mapping[str, float] = field(default_factory=dict)
    """What the gate's ``--perf`` compares, lower is better: ``seconds`` per image, ``peak_mb``."""
    work: Mapping[str, float] = field(default_factory=dict)
    """``parameters`` of the method and ``flops`` of one trial, as far as they are known."""
    suite: str = ""
    """The suite that the cell was last run for."""
    machine: Mapping[str, str] = field(default_factory=dict)
    """Where the costs were measured: processor, device, threads; empty when not known."""
    part: tuple[int, int] | None = None
    """(samples with a row, samples of the set) where these are not all; None: all, or nobody knows."""
    partial: str = ""
    """``partial: shard 1/4`` for one shard of a cell: it is neither ranked nor gated. Empty: complete."""
    parts: ProtocolParts | None = field(repr=False, default=None)
    """Card, reference policy, transform and level; None when the manifest records no protocol parameters."""
    references: tuple[int, int] = (0, 0)
    """Fewest and most references that the method was given in one trial."""
    digest: str = ""
    """Digest of rows and manifest that the cell's folder states (refbench.results.digests); empty: none."""
    audit: str = ""
    """What ``refbench audit`` found of exactly these rows, where the reader was given its findings:
    ``re-scored``, ``re-run 5 of 126``. Empty: nobody but its maker vouches for the cell."""
    run: Run | None = field(repr=False, default=None)
    """The cell on disk. Its rows are held only where the whole report is made of them."""

    @property
    def manifest(self) -> Manifest:
        """What was run."""
        return self._on_disk().manifest

    @property
    def path(self) -> Path:
        """The cell's folder."""
        return self._on_disk().path

    @property
    def rows(self) -> Sequence[SampleRow]:
        """The rows behind the record, as far as they were kept in memory."""
        return self._on_disk().rows

    def _on_disk(self) -> Run:
        if self.run is None:
            raise ValueError(f"{self.method_label}, {self.protocol}: this record was not read from a folder")
        return self.run

    @property
    def seed(self) -> int:
        """Seed of the protocol's random numbers."""
        seed = self.compare_key.get("seed")
        return seed if isinstance(seed, int) else 0

    def json(self) -> dict[str, Any]:
        """The cell as documents print it; the drop of each metric comes from
        :func:`refbench.results.drops.cells_document`."""
        partial = {"partial": self.partial} if self.partial else {}
        failures = {"failures": [dict(f) for f in self.failures]} if self.failures else {}
        equal = {"equal_to": self.equal_to} if self.equal_to else {}
        read = {"refs_read": list(self.refs_read)} if self.refs_read is not None else {}
        apart = {
            alias: [sample, size if math.isfinite(size) else str(size)]
            for alias, (sample, size) in self.repeated.items()
        }
        repeated = {"repeated": apart} if apart else {}
        return {
            "method": self.method,
            "method_label": self.method_label,
            "weights": self.weights,
            "dataset": self.dataset,
            "dataset_label": self.dataset_label,
            "protocol": self.protocol,
            "seed": self.seed,
            "suite": self.suite,
            "baseline": self.baseline,
            "control": self.control,
            "n": self.n,
            "trials": self.trials,
            "errors": self.errors,
            "run_key": self.run_key,
            "digest": self.digest,
            "rows": self.rows_path,
            **partial,
            **failures,
            **equal,
            **read,
            **repeated,
            "metrics": {alias: metric.json() for alias, metric in self.metrics.items()},
        }

    def summary_document(self) -> dict[str, Any]:
        """The content of summary.json, but for the time: what was asked for, and what it amounts to."""
        document = self.json()
        # the folder may be moved: its summary names the file only
        document["rows"] = Path(self.rows_path).name
        # it is made after the summary
        del document["digest"]
        document["failed"] = list(self.failed)
        document["samples"] = list(self.samples)
        document["costs"] = dict(self.costs)
        return document


_FAILURE = ("sample_id", "draw", "error", "error_kind", "attempts")


def cell_record(
    run: Run,
    trials: Collection[TrialKey] | None = None,
    *,
    hold: bool = True,
    signatures: Collection[str] | None = None,
    suite: str | None = None,
) -> CellRecord:
    """The record of one cell on disk.

    trials: those that were asked for, in order; None: every row that is there. hold: keep the rows for
    reports of single images. signatures: the metrics that were asked for; None: all that the manifest
    records. suite: the one whose control counts; None: the last one that ran the cell.
    """
    manifest = run.manifest
    suite = manifest.suite if suite is None else suite
    rows: Sequence[SampleRow] = run.rows
    if trials is not None:
        by_key = {row.key: row for row in run.rows}
        rows = [by_key[key] for key in trials if key in by_key]
    specs = recorded_specs(manifest.metrics)
    chosen = [spec for spec in specs if signatures is None or spec.signature in signatures]
    summary = summarise([_scored(row) for row in rows], chosen)
    files = row_files(run.path)
    samples = tuple(dict.fromkeys(row.sample_id for row in rows))
    part = part_of(len(samples), manifest.dataset_count, manifest.dataset_total)
    title = manifest.dataset_title or manifest.dataset_label or manifest.dataset
    copy = manifest.dataset_label or manifest.dataset
    label = f"{copy} [{run.partial}]" if run.partial else part_label(title, part)
    metrics = {**summary.metrics, **set_summaries(run.path, chosen, rows)}
    return CellRecord(
        method=manifest.method,
        weights=manifest.weights,
        method_label=manifest.method_label or manifest.method,
        dataset=manifest.dataset,
        dataset_label=label,
        protocol=manifest.protocol,
        baseline=manifest.baseline,
        n=summary.n,
        trials=summary.trials,
        errors=summary.errors,
        run_key=manifest.run_key,
        rows_path=str(files[0] if files else run.path),
        metrics=metrics,
        values=summary.values,
        special=summary.special,
        inputs=input_digests(rows),
        random=not manifest.deterministic,
        repeated=_repeated(rows, chosen),
        refs_read=_refs_read(rows),
        equal_to=next((text for row in rows if (text := row.equal_to.get("protocol"))), ""),
        compare_key=manifest.compare,
        control=manifest.controls.get(suite),
        samples=samples,
        failed=summary.failed,
        failures=tuple({name: getattr(row, name) for name in _FAILURE} for row in rows if not row.ok),
        costs=_costs(rows),
        work=next((dict(row.work) for row in rows if row.ok and row.work), {}),
        suite=suite,
        machine=machine(manifest.sessions, sorted({row.device for row in rows if row.ok and row.device})),
        part=part,
        partial=run.partial,
        parts=protocol_parts(manifest.compare),
        references=_references(rows),
        digest=stated_digest(run.path),
        run=Run(run.path, manifest, tuple(rows) if hold else (), run.problems),
    )


def _references(rows: Sequence[SampleRow]) -> tuple[int, int]:
    counts = [max(len(row.ref_sizes), len(row.ref_names)) for row in rows if row.ok]
    return (min(counts), max(counts)) if counts else (0, 0)


def _repeated(rows: Sequence[SampleRow], specs: Sequence[MetricSpec]) -> dict[str, tuple[str, float]]:
    """Alias -> (sample, largest difference between two calls on its input); of rows with a second call."""
    found: dict[str, tuple[str, float]] = {}
    for spec in specs:
        sizes = [
            (math.inf if (apart := row.repeated[spec.signature]) is None else apart, row.sample_id)
            for row in rows
            if spec.signature in row.repeated
        ]
        if sizes:
            size, sample = max(sizes)
            found[spec.alias] = (sample, size)
    return found


def _refs_read(rows: Sequence[SampleRow]) -> tuple[int, int] | None:
    known = [row for row in rows if row.ok and row.refs_read is not None]
    if not known:
        return None
    return max(len(row.refs_read or ()) for row in known), max(len(row.ref_names) for row in known)


def _scored(row: SampleRow) -> dict[str, Any]:
    """What a summary reads of a row. Not all of it: that would double the memory of a large cell's rows."""
    return {
        "sample_id": row.sample_id,
        "draw": row.draw,
        "status": row.status,
        "metrics": row.metrics,
        "special": row.special,
        "absent": row.absent,
    }


def part_of(samples: int, count: int | None, total: int | None = None) -> tuple[int, int] | None:
    """(``samples``, samples of the whole) where they are a part. count: samples of the copy; total: of the
    set, where the copy is a part itself, and a part of a part counts in the whole."""
    whole = count if total is None else total
    return None if whole is None or samples >= whole else (samples, whole)


def part_label(title: str, part: tuple[int, int] | None) -> str:
    """``wrsr``, or ``wrsr [9 of 80]``."""
    return title if part is None else f"{title} [{part[0]} of {part[1]}]"


def _costs(rows: Sequence[SampleRow]) -> dict[str, float]:
    """Mean seconds and CPU-side stage seconds per image, and the largest peak memory (MiB)."""
    ok = [row for row in rows if row.ok]
    found: dict[str, float] = {}
    timed = [row.seconds["method"] for row in ok if "method" in row.seconds]
    if timed:
        found["seconds"] = round(fmean(timed), 6)
    for name in dict.fromkeys(stage for row in ok for stage in row.stages):
        values = [row.stages[name]["seconds"] for row in ok if name in row.stages]
        present = [v for v in values if v is not None]
        if present:
            found[f"{name}_seconds"] = round(fmean(present), 6)
    peaks = [row.peak_mb for row in ok if row.peak_mb is not None]
    if peaks:
        found["peak_mb"] = max(peaks)
    return found


def machine(sessions: Sequence[Mapping[str, Any]], devices: Sequence[str]) -> dict[str, str]:
    """Processor, device and CPU threads of the sessions that computed rows; ``a + b`` when they differ."""
    busy = [session for session in sessions if session.get("cpu")]
    if not busy:
        return {}
    threads = [s.get("threads") or dict(s.get("environment") or {}).get("OMP_NUM_THREADS") for s in busy]
    return {
        "cpu": joined([f"{s['cpu']}, {s.get('cpus')} cores" for s in busy]),
        # cuda:0 is another card on another machine
        "device": joined([str(s["gpu"]["name"]) for s in busy if s.get("gpu")] or devices),
        "threads": joined([str(count) if count else "all" for count in threads]),
    }


def input_digests(rows: Sequence[SampleRow]) -> dict[str, str]:
    """Sample id -> digest of the HR, LR and reference images that the rows were made from, in order of draws.

    Empty as soon as one ok row does not record its images: an older row says nothing about them.
    """
    found: dict[str, list[tuple[int, list[str]]]] = {}
    for row in rows:
        if row.ok:
            if row.lr_sha256 is None:
                return {}
            images = [row.hr_sha256 or "", row.lr_sha256, *row.ref_sha256]
            found.setdefault(row.sample_id, []).append((row.draw, images))
    return {
        sample: hashlib.sha256(canonical_json(sorted(draws)).encode()).hexdigest()[:16]
        for sample, draws in found.items()
    }


def joined(values: Sequence[str]) -> str:
    """Different values as ``a + b``, each once."""
    return " + ".join(dict.fromkeys(values))
