"""What a plan will take in seconds and bytes: from rows that are on disk, or from one image computed now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory

from refbench.errors import UserError
from refbench.execution.runner import NoProgress, carry_out
from refbench.execution.serial import SerialExecutor
from refbench.identity.keys import folder_name
from refbench.nets.reference_use import references_read
from refbench.plan.equality import equal_cells
from refbench.plan.planner import Cell, Plan, SuitePlan
from refbench.results.scoring import kept_image
from refbench.settings import RunConfig
from refbench.store import load_run
from refbench.store.manifest import MANIFEST, read_manifest

ENOUGH_ROWS = 200
"""Earlier rows of a method after which no further cell is read."""
ALIKE = ("method", "weights", "params", "precision", "dataset")
"""Fields of a run key that earlier rows must share; protocol, seed and code may differ."""
PER_ROW = 3000
"""Bytes that a row takes where no image is kept."""


@dataclass(frozen=True)
class MethodEstimate:
    """The images that one method has to compute."""

    method: str
    images: int
    seconds: float | None
    """For all of them, on one worker; None: not known."""
    size: float
    """Bytes of rows and kept images."""
    source: str
    """``54 earlier rows``, ``one image computed now``, or why the time is not known."""


@dataclass(frozen=True)
class Estimate:
    """What a plan will take, per method with something to do."""

    methods: tuple[MethodEstimate, ...]

    @property
    def seconds(self) -> float | None:
        """Of all methods, one after the other; None when one is not known."""
        known = [each.seconds for each in self.methods if each.seconds is not None]
        return sum(known) if len(known) == len(self.methods) else None

    @property
    def size(self) -> float:
        """Bytes."""
        return sum(each.size for each in self.methods)


@dataclass(frozen=True)
class _Seen:
    """One finished row: what it took with how many references that were read, and what it left on disk."""

    references: int
    seconds: float
    size: float | None


def estimate(plan: Plan, done: Mapping[str, set[tuple[str, int]]], config: RunConfig) -> Estimate:
    """Time and disk for what ``plan`` still has to compute.

    done: run key -> finished trials. From rows of the same method, weights, options and kind of device on the
    same dataset in ``config.out``; without any, one image is computed in a folder of its own, which is
    removed. The time grows with the number of references that the method reads. Rows that repeat an equal
    cell's take no time. Raises nothing for a method that fails: its time is not known.
    """
    cells = plan.cells()
    equal = equal_cells(cells) if plan.shard is None else {}
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(f"{cell.job.method!r} {cell.job.data.id}", []).append(cell)
    found = []
    for own in groups.values():
        left = {c.key: len(set(plan.trials(c)) - done.get(c.key, set())) for c in own}
        if any(left.values()):
            found.append(_of_method(own, left, equal, config))
    return Estimate(tuple(found))


def _of_method(
    cells: Sequence[Cell], left: Mapping[str, int], equal: Mapping[str, Cell], config: RunConfig
) -> MethodEstimate:
    first, count = cells[0], sum(left.values())
    label = f"{first.method_label}, {first.dataset_label}"
    seen = earlier(cells, config.out)
    source = f"{len(seen)} earlier row{'' if len(seen) == 1 else 's'}"
    if not seen:
        try:
            seen, source = probe(cells, config), "one image computed now"
        except UserError as error:
            reason = " ".join(str(error).split())
            return MethodEstimate(label, count, None, count * float(PER_ROW), reason)
    seconds = sum(
        left[cell.key] * _seconds(seen, _read(cell))
        for cell in cells
        if left[cell.key] and cell.key not in equal
    )
    sizes = [one.size for one in seen if one.size is not None]
    each = fmean(sizes) if sizes and first.job.images else 0.0
    return MethodEstimate(label, count, seconds, count * (each + PER_ROW), source)


def _read(cell: Cell) -> int:
    """References that the method reads under the cell's protocol, as far as it is declared."""
    policy = cell.protocol.reference
    given = policy.count or (cell.job.method.spec.max_refs if policy.name == "all" else 1)
    return min(given, references_read(cell.job.method.spec, dict(cell.job.method.params)))


def _seconds(seen: Sequence[_Seen], references: int) -> float:
    """Median of the rows with so many references, or of the nearest number, in proportion."""
    near = min({one.references for one in seen}, key=lambda n: (abs(n - references), n))
    each = median(one.seconds for one in seen if one.references == near)
    return each * max(references, 1) / max(near, 1)


def earlier(cells: Sequence[Cell], out: Path) -> list[_Seen]:
    """Finished rows of the cells' method on their dataset in ``out``: of these cells, else of others."""
    found: list[_Seen] = []
    for cell in cells:
        folder = out / folder_name(cell.key)
        if len(found) < ENOUGH_ROWS and (folder / MANIFEST).is_file():
            found += _rows(cell, folder)
    if found:
        return found
    own = cells[0].identity
    for path in sorted(out.glob(f"*/{MANIFEST}")):
        try:
            identity = read_manifest(path.parent).identity
        except UserError:
            continue
        if all(identity.get(name) == own.get(name) for name in ALIKE):
            found += _rows(cells[0], path.parent)
        if len(found) >= ENOUGH_ROWS:
            break
    return found


def _rows(cell: Cell, folder: Path) -> list[_Seen]:
    """The rows that were computed on the same kind of device. What cannot be read counts for nothing."""
    try:
        run = load_run(folder)
    except UserError:
        return []
    kind = cell.job.method.device.partition(":")[0]
    read = references_read(cell.job.method.spec, dict(cell.job.method.params))
    found = []
    for row in run.rows:
        total = row.seconds.get("total")
        if row.ok and total and not row.equal_to and row.device.partition(":")[0] == kind:
            image = kept_image(folder, row)
            size = float(image.stat().st_size) if image is not None else None
            found.append(_Seen(min(len(row.ref_names), read), total, size))
    return found


def probe(cells: Sequence[Cell], config: RunConfig) -> list[_Seen]:
    """One image, computed like any other, after another one that warms up, in a folder that is removed.
    Raises UserError when that fails."""
    cell = min(cells, key=lambda each: (each.protocol.draws, each.protocol.reference.oracle))
    one = replace(cell, ids=cell.ids[:2], config=config)
    suite = SuitePlan("estimate", "", cell.dataset_label, cell.job.seed, (one,))
    with TemporaryDirectory(prefix="refbench-estimate-") as folder:
        place = replace(config, out=Path(folder), shard=None)
        outcome = carry_out(Plan((suite,)), place, SerialExecutor(), NoProgress())
        found = _rows(one, Path(folder) / folder_name(cell.key))
        failures = [failure for each in outcome.cells() for failure in each.failures]
    if not found:
        raise UserError(str(failures[0]["error"]) if failures else "the image gave no row")
    return found[-1:]
