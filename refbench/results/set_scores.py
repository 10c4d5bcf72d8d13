"""Metrics of image sets, computed from a cell's kept SR images and stored next to its rows.

``sets.json``: signature -> value, interval, number of items, and the trials that it is about. A value of
other trials (a run with another ``limit``) is not shown as one of these.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from refbench.errors import SampleError, UserError
from refbench.files.disk import explained, write_atomic
from refbench.identity.keys import digest
from refbench.imaging import read_image
from refbench.metrics import MetricUnavailable
from refbench.metrics.names import with_field
from refbench.protocols import ProtocolInstance
from refbench.specs import MetricSpec
from refbench.stats.summary import MetricSummary
from refbench.store import CellStore, SampleRow
from refbench.types import Dataset, Image
from refbench.untrusted.files import read_object

SETS = "sets.json"
NOT_COMPUTED = "not computed for these images; refbench score computes it from kept SR images"


class SetScorer(Protocol):
    """What the factory of a metric of kind ``set`` returns, see :class:`refbench.metrics.sets.SetMetric`."""

    def features(self, image: Image) -> Any: ...
    def value(self, made: Sequence[Any], real: Sequence[Any]) -> Any: ...


@dataclass(frozen=True)
class SetData:
    """Where the images of a cell come from."""

    dataset: Dataset
    instance: ProtocolInstance
    seed: int


def trials_id(rows: Iterable[SampleRow]) -> str:
    """Identity of the trials with an image: what a set's value is about."""
    return digest(sorted([row.sample_id, row.draw] for row in rows if row.ok))


def set_summaries(
    folder: Path, specs: Sequence[MetricSpec], rows: Sequence[SampleRow]
) -> dict[str, MetricSummary]:
    """By alias: the stored value of each metric of kind ``set`` for exactly these rows, or why there is none.

    The number of items is part of the signature: values of sets of different sizes do not compare.
    """
    wanted = [spec for spec in specs if spec.kind == "set"]
    if not wanted:
        return {}
    stored, trials = read_sets(folder), trials_id(rows)
    found: dict[str, MetricSummary] = {}
    for spec in wanted:
        entry = stored.get(spec.signature)
        if entry is None or entry.get("trials") != trials:
            found[spec.alias] = MetricSummary(None, None, None, spec, 0, NOT_COMPUTED)
            continue
        if entry.get("value") is None:
            found[spec.alias] = MetricSummary(None, None, None, spec, 0, str(entry.get("reason")))
            continue
        sized = replace(spec, signature=with_field(spec.signature, "n", str(entry["items"])))
        found[spec.alias] = MetricSummary(
            entry["value"], entry.get("lo"), entry.get("hi"), sized, int(entry.get("images", 0))
        )
    return found


def read_sets(folder: Path) -> dict[str, dict[str, Any]]:
    """The stored values of a cell by signature; empty when there are none. UserError for a damaged file."""
    path = folder / SETS
    try:
        data = read_object(path) or {}
        if not all(map(_is_entry, data.values())):
            raise ValueError("not a table of values")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: damaged ({error}); delete it and refbench score again") from error
    return data


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    numbers = [entry.get(name) for name in ("value", "lo", "hi")]
    fine = all(x is None or (isinstance(x, int | float) and math.isfinite(x)) for x in numbers)
    counts = [entry.get(name, 0) for name in ("items", "images")]
    return (
        fine and all(isinstance(count, int) for count in counts) and (numbers[0] is None or "items" in entry)
    )


def score_sets(
    store: CellStore,
    specs: Sequence[MetricSpec],
    metrics: Mapping[str, SetScorer | str],
    rows: Sequence[SampleRow],
    data: SetData,
    images: Mapping[tuple[str, int], Path | None],
) -> dict[str, str]:
    """Compute what is missing of ``specs`` for exactly ``rows``, and store it.

    metrics: by signature, what :func:`built` returned. Returns alias -> reason of those without a value.
    """
    stored, trials = read_sets(store.folder), trials_id(rows)
    ok = [row for row in rows if row.ok]
    reasons: dict[str, str] = {}
    for spec in specs:
        there = stored.get(spec.signature)
        if there is not None and there.get("trials") == trials and there.get("value") is not None:
            continue
        entry: dict[str, Any] = {"trials": trials, "images": len({row.sample_id for row in ok})}
        metric = metrics[spec.signature]
        try:
            if isinstance(metric, str):
                raise SampleError(metric)
            lacking = sum(images.get(row.key) is None for row in ok)
            if lacking or not ok:
                raise SampleError(f"{lacking} of {len(ok)} SR images were not kept; run with images=png")
            entry |= set_value(metric, ok, data, images)
        except SampleError as error:
            entry |= {"value": None, "reason": str(error)}
            reasons[spec.alias] = str(error)
        stored[spec.signature] = entry
    store.forget_digest()
    with explained(store.folder):
        write_atomic(store.folder / SETS, json.dumps(stored, indent=1, sort_keys=True).encode("ascii"))
    return reasons


def set_value(
    metric: SetScorer,
    rows: Sequence[SampleRow],
    data: SetData,
    images: Mapping[tuple[str, int], Path | None],
) -> dict[str, Any]:
    """``value lo hi items`` of one metric over exactly ``rows``, from their images (every one is there).
    Raises SampleError."""
    made, real = [], []
    for row in rows:
        trial = data.instance.apply(data.dataset.load(row.sample_id), row.draw, data.seed, data.dataset)
        if trial.target is None:
            raise SampleError("no ground truth")
        made.append(metric.features(read_image(str(images[row.key]))))
        real.append(metric.features(trial.target))
    value = metric.value(made, real)
    return {"value": value.value, "lo": value.lo, "hi": value.hi, "items": value.items}


def built(specs: Sequence[MetricSpec]) -> dict[str, SetScorer | str]:
    """By signature: the metric, or why it cannot run here."""
    from refbench.metrics import build

    found: dict[str, SetScorer | str] = {}
    for spec in specs:
        try:
            made: Any = build(spec)
            found[spec.signature] = made
        except MetricUnavailable as reason:
            found[spec.signature] = reason.reason
    return found
