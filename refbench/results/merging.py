"""``refbench merge``: results folders of shards -> one folder, as an undivided run would have left it.

Nothing is written before everything was read and found to belong together, cell after cell, so that memory
holds one cell. Folders that are read are never changed; in the target rows are only added.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from refbench.errors import UserError
from refbench.files.disk import atomic_file, explained, make_folder
from refbench.identity.keys import first_difference, folder_name
from refbench.results.digests import store_digests
from refbench.results.merging_rows import join_rows
from refbench.results.record import CellRecord, cell_record
from refbench.results.scoring import kept_image
from refbench.settings import Shard
from refbench.store import CellStore, Manifest, Run, SampleRow, TrialKey, find_runs, load_run
from refbench.store.cell import SUMMARY
from refbench.store.manifest import larger_whole, read_manifest, replace_manifest
from refbench.store.partial import shards_of, whole_trials
from refbench.store.provenance import now

_SHOWN = 5


@dataclass(frozen=True)
class MergedCell:
    """What became of one cell."""

    record: CellRecord
    """The cell in the target: all of its rows."""
    added: int
    """Rows that the target did not have."""
    repeated: int
    """Trials that stood in more than one folder, with equal values."""
    images: int
    """SR images copied."""
    lost_images: int
    """Rows whose image is in no folder."""
    problems: tuple[str, ...]
    """Lines that could not be read."""

    def json(self) -> dict[str, Any]:
        """The cell as ``merge --json`` prints it."""
        cell = self.record.json()
        names = ("run_key", "method", "weights", "dataset_label", "protocol", "seed", "trials")
        return {
            **{name: cell[name] for name in names},
            "folder": str(self.record.path),
            "added": self.added,
            "repeated": self.repeated,
            "images": self.images,
            "lost_images": self.lost_images,
            "partial": self.record.partial,
        }


@dataclass(frozen=True)
class _Cell:
    """The folders of one run key, the target's own first, and what is known of them after the check."""

    key: str
    folders: tuple[Path, ...]
    manifest: Manifest
    lacking: tuple[TrialKey, ...] = ()


def merge(places: Sequence[Path], out: Path, *, partial: bool = False) -> list[MergedCell]:
    """Join the cells of ``places`` in ``out``, which may be one of them.

    partial: accept missing trials; such a cell stays marked. Raises UserError, before anything is written,
    for a place without runs, for folders that do not belong together (code, protocol, signature), for two
    values of one trial, and for missing trials.
    """
    cells = [_checked(key, folders, out) for key, folders in gather(places, out).items()]
    if not partial:
        _require_whole(cells)
    return [_written(cell, out) for cell in cells]


def gather(places: Sequence[Path], out: Path) -> dict[str, tuple[Path, ...]]:
    """Run key -> its folders, that of ``out`` first. Raises UserError for a place without runs."""
    found: dict[str, dict[Path, Path]] = {}
    for place in places:
        for folder in find_runs(place):
            found.setdefault(read_manifest(folder).run_key, {}).setdefault(folder.resolve(), folder)
    gathered: dict[str, tuple[Path, ...]] = {}
    for key, folders in found.items():
        target = out / folder_name(key)
        others = [shown for real, shown in folders.items() if real != target.resolve()]
        there = [target] if (target / "manifest.json").is_file() else []
        gathered[key] = (*there, *others)
    return gathered


def _checked(key: str, folders: tuple[Path, ...], out: Path) -> _Cell:
    runs = [load_run(folder) for folder in folders]
    manifest = joined_manifest(runs, out)
    joined = join_rows(runs)
    lacking = tuple(trial for trial in whole_trials(manifest) if trial not in joined.rows)
    return _Cell(key, folders, manifest, lacking)


def joined_manifest(runs: Sequence[Run], out: Path) -> Manifest:
    """One manifest for all: every session by its start, every metric, and ``whole`` of all.

    Raises UserError when an alias stands for two signatures.
    """
    first = runs[0].manifest
    metrics: dict[str, Mapping[str, Any]] = {}
    sessions: dict[str, Mapping[str, Any]] = {}
    whole = None
    for run in runs:
        for alias, facts in run.manifest.metrics.items():
            there = metrics.setdefault(alias, facts)
            if there.get("signature") != facts.get("signature"):
                raise UserError(
                    f"{runs[0].path} and {run.path}: {alias} is {there.get('signature')} in one and "
                    f"{facts.get('signature')} in the other; run all shards with one version of refbench"
                )
        sessions.update({str(session.get("id")): session for session in run.manifest.sessions})
        whole = larger_whole(whole, run.manifest.whole)
    ordered = sorted(sessions.values(), key=lambda s: (str(s.get("started")), str(s.get("id"))))
    config = {**first.config, "out": str(out)} if "out" in first.config else first.config
    return replace(first, metrics=metrics, sessions=tuple(ordered), whole=whole, config=config)


def _require_whole(cells: Sequence[_Cell]) -> None:
    """Raise UserError naming what is missing, and why where that can be told."""
    short = [cell for cell in cells if cell.lacking]
    if not short:
        return
    for cell in short:
        for other in short:
            _require_one_study(cell, other)
    shards = sorted({s for c in cells for s in shards_of(c.manifest)}, key=lambda s: (s.count, s.number))
    trials = sum(len(cell.lacking) for cell in short)
    asked = sum(len(whole_trials(cell.manifest)) for cell in cells)
    cell = short[0]
    ids = list(dict.fromkeys(sample for sample, _ in cell.lacking))
    named = ", ".join(ids[:_SHOWN]) + (", ..." if len(ids) > _SHOWN else "")
    more = f" and {len(short) - 1} more cells" if len(short) > 1 else ""
    raise UserError(
        f"{trials} of {asked} images are missing{_unseen(shards)}: {_label(cell.manifest)}: {named}{more}; "
        "run the missing shards (a finished part is not repeated), or merge what is there with --partial"
    )


def _unseen(shards: Sequence[Shard]) -> str:
    counts = {shard.count for shard in shards}
    if len(counts) > 1:
        return f" (shards of different divisions: {', '.join(map(str, shards))})"
    if not shards:
        return ""
    seen = {shard.number for shard in shards}
    unseen = [f"{n}/{shards[0].count}" for n in range(1, shards[0].count + 1) if n not in seen]
    named = ", ".join(unseen[:_SHOWN]) + (", ..." if len(unseen) > _SHOWN else "")
    if not unseen:
        return " (each shard has rows: one was interrupted)"
    return f" (no rows of shard{'s' if len(unseen) > 1 else ''} {named})"


def _require_one_study(a: _Cell, b: _Cell) -> None:
    """Two incomplete cells of one method out of different plans: shards that were run unlike each other."""
    left, right = a.manifest, b.manifest
    mine, other = left.whole or {}, right.whole or {}
    if mine.get("study") == other.get("study") or (left.method, left.dataset) != (
        right.method,
        right.dataset,
    ):
        return
    found = first_difference(left.identity, right.identity)
    if found is None or (left.protocol != right.protocol and found[0] == "protocol.id"):
        return
    raise UserError(
        f"{a.folders[-1]} and {b.folders[-1]} do not belong to the same run: {found[0]} of {_label(left)} is "
        f"{found[1]!r} in one and {found[2]!r} in the other; run all shards with the same code and settings"
    )


def _written(cell: _Cell, out: Path) -> MergedCell:
    """Add to the target what it lacks; a target that lacks nothing is left byte by byte as it is."""
    runs = [load_run(folder) for folder in cell.folders]
    joined = join_rows(runs)
    target = out / folder_name(cell.key)
    order = [key for key in whole_trials(cell.manifest) if key in joined.rows]
    order += sorted(joined.rows.keys() - set(order))
    whole = Run(target, cell.manifest, tuple(joined.rows[key] for key in order))
    problems = tuple(problem for run in runs for problem in run.problems)
    if len(runs) == 1 and cell.manifest.whole is None and runs[0].path == target:
        return MergedCell(cell_record(whole, hold=False), 0, 0, 0, 0, problems)
    with explained(out):
        make_folder(target, out)
    have = {row.key: row for row in runs[0].rows} if runs[0].path == target else {}
    new = [key for key in order if key not in have or (joined.rows[key].ok and not have[key].ok)]
    if new:
        # marked as incomplete until every row is there
        replace_manifest(target, cell.manifest)
    images = lost = 0
    with CellStore(target, cell.manifest) as store:
        for row in whole.rows:
            if row.image is not None and kept_image(target, row) is None:
                copied = _copy_image(joined.sources[row.key], target, row)
                images, lost = images + copied, lost + (not copied)
            if row.key in have and (score := joined.score_for(have[row.key], cell.manifest)):
                store.append_score(score)
        for key in new:
            store.append(joined.rows[key])
        record = cell_record(whole, hold=False)
        _write_summary(store, record)
    replace_manifest(target, cell.manifest if cell.lacking else replace(cell.manifest, whole=None))
    store_digests(target)
    return MergedCell(record, len(new), joined.repeated, images, lost, problems)


def _write_summary(store: CellStore, record: CellRecord) -> None:
    """summary.json, unless it says the same already."""
    document = record.summary_document()
    if store.manifest.whole is not None:
        document["samples"] = list(store.manifest.whole["samples"])
    try:
        there = json.loads((store.folder / SUMMARY).read_bytes())
    except (OSError, ValueError):
        there = None
    if not isinstance(there, dict) or {**document, "finished": there.get("finished")} != there:
        store.write_summary({**document, "finished": now()})


def _copy_image(source: Path, target: Path, row: SampleRow) -> bool:
    """Copy a row's SR image; False when it is not there any more."""
    path = kept_image(source, row)
    if path is None or row.image is None:
        return False
    destination = target / row.image
    with explained(target):
        make_folder(destination.parent, target.parent)
        with path.open("rb") as image, atomic_file(destination, target.parent) as copy:
            shutil.copyfileobj(image, copy)
    return True


def _label(manifest: Manifest) -> str:
    return f"{manifest.method_label or manifest.method} on {manifest.dataset_label}, {manifest.protocol}"
