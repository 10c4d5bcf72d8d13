"""The gallery: for each chosen trial HR, LR, references and the SR of each method, in full resolution."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from refbench.registry import Registry
from refbench.results.record import CellRecord
from refbench.results.scoring import kept_image
from refbench.results.trials import TrialImages
from refbench.specs import MethodSpec, MetricSpec
from refbench.store import SampleRow
from refbench.types import Image, Trial
from refbench.untrusted.escape import printable

from .. import pictures
from ..chosen import Item, gallery_items, sections
from .carriers import Pictures

MAX_REFERENCES = 5
Own = Mapping[str, tuple[CellRecord, SampleRow]]
"""Method label -> its cell and its row of one trial."""


@dataclass
class Gallery:
    """What the page's script reads, and the pictures behind it."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0
    """Trials that there are; the gallery may show fewer."""
    asked: int = 0
    """Trials that were chosen; those without any SR image are not shown."""
    problems: tuple[str, ...] = ()

    @property
    def bare(self) -> int:
        """Chosen trials without an SR image: mirrored without images, or run with ``images=none``."""
        return self.asked - len(self.entries)


@dataclass(frozen=True)
class Source:
    """What entries are made of."""

    images: TrialImages
    pictures: Pictures
    page: Path
    """Folder of the page, which kept images are linked from."""
    metrics: tuple[MetricSpec, ...]
    """The viewer's table of scores; the first is the report's own."""
    free: frozenset[str]
    """Labels of methods that use no reference."""


def make_gallery(
    cells: Sequence[CellRecord], metrics: Sequence[MetricSpec], images: TrialImages, most: int,
    kept: Pictures, page: Path,
) -> Gallery:  # fmt: skip
    """Make the pictures of at most ``most`` trials per dataset that have a kept SR image."""
    gallery = Gallery()
    items, gallery.total = gallery_items(cells, metrics[0], most)
    gallery.asked = len(items)
    by_section = sections(cells)
    source = Source(images, kept, page, tuple(metrics), reference_free(cells))
    rows = {id(c): {row.key: row for row in c.rows if row.ok} for c in cells} if items else {}
    for item in items:
        key = (item.sample, item.draw)
        own = {c.method_label: (c, rows[id(c)][key]) for c in by_section[item.section] if key in rows[id(c)]}
        entry = _entry(item, own, source, len(gallery.entries))
        if entry is not None:
            gallery.entries.append(entry)
    gallery.problems = images.problems
    return gallery


def reference_free(cells: Sequence[CellRecord]) -> frozenset[str]:
    """Labels of the methods that use no reference; of one that is not installed the baseline alone."""
    specs = {entry.name: entry.spec for entry in Registry.discover().entries("methods") if entry.spec}
    found = set()
    for cell in cells:
        spec = specs.get(cell.method)
        if not spec.uses_reference if isinstance(spec, MethodSpec) else cell.baseline:
            found.add(cell.method_label)
    return frozenset(found)


def _entry(item: Item, own: Own, source: Source, number: int) -> dict[str, Any] | None:
    sr: dict[str, Image] = {}
    for label, (cell, row) in own.items():
        image = source.images.sr(cell, row)
        if image is not None:
            sr[label] = image
    if not sr:
        return None
    cell, row = own[next(iter(sr))]
    trial = source.images.trial(cell, row)
    target = trial.target if trial is not None else None
    shape = target.shape if target is not None else next(iter(sr.values())).shape
    missing = [f"{label}: no SR image kept" for label in own if label not in sr]
    missing += [f"{label}: SR of another size" for label, image in sr.items() if image.shape != shape]
    # an image of another size cannot be laid over the others
    sr = {label: image for label, image in sr.items() if image.shape == shape}
    if not sr:
        return None
    (dataset, _, seed), protocol = item.section
    views = _views(trial, sr, target, own, source)
    boxes = pictures.crop_boxes(pictures.disagreement(sr, target)) if min(shape[:2]) >= 8 else []
    thumb = pictures.thumbnail(target if target is not None else next(iter(sr.values())))
    return {
        "dataset": printable(dataset),
        "seed": seed,
        "protocol": printable(protocol),
        "sample": printable(item.sample),
        "draw": item.draw,
        "width": shape[1],
        "height": shape[0],
        "thumb": source.pictures.thumb(number, thumb),
        "views": views,
        "pair": _pair(views, own, source),
        "scores": [[printable(k), *(_score(row, m) for m in source.metrics)] for k, (_, row) in own.items()],
        "boxes": [[left, top, width, height] for top, left, height, width in boxes],
        "missing": [printable(text) for text in missing],
    }


def _views(
    trial: Trial | None, sr: Mapping[str, Image], target: Image | None, own: Own, source: Source
) -> list[dict[str, Any]]:
    """HR, LR, references and SR, each as a side of the viewer."""

    def view(kind: str, name: str, image: Image) -> dict[str, Any]:
        return {"kind": kind, "name": printable(name), "src": source.pictures.keep(pictures.encode(image))}

    found = [view("HR", "HR", target)] if target is not None else []
    if trial is not None and trial.sr_cut is None:
        found.append(view("LR", "LR, enlarged", trial.lr))
    if trial is not None:
        names = [*trial.ref_names, *("" for _ in range(len(trial.ref_names), len(trial.refs)))]
        for k, (name, ref) in enumerate(zip(names, trial.refs[:MAX_REFERENCES], strict=False)):
            found.append({**view("Ref", f"Ref {k + 1}{f' ({name})' if name else ''}", ref), "first": k == 0})
    for label, image in sr.items():
        cell, row = own[label]
        found.append({**view("SR", label, image), "file": _link(cell, row, source.page)})
    return found


def _link(cell: CellRecord, row: SampleRow, page: Path) -> str:
    """Address of the kept PNG from the page: relative, so that both may move together."""
    path = kept_image(cell.path, row)
    if path is None:
        return ""
    return quote(os.path.relpath(path.absolute(), page.absolute()).replace(os.sep, "/"))


def _pair(views: Sequence[Mapping[str, Any]], own: Own, source: Source) -> list[int]:
    """The sides at first: the best method that uses no reference against HR; else the last two methods."""
    spec = source.metrics[0]
    sr = [k for k, view in enumerate(views) if view["kind"] == "SR"]
    labels = {printable(label): label for label in own}

    def quality(k: int) -> float:
        value = own[labels[views[k]["name"]]][1].metrics.get(spec.signature)
        return float("-inf") if value is None else value if spec.higher_is_better else -value

    free = [k for k in sr if labels[views[k]["name"]] in source.free]
    left = max(free or sr, key=quality)
    if views[0]["kind"] == "HR":
        return [left, 0]
    return [left, next((k for k in reversed(sr) if k != left), left)]


def _score(row: SampleRow, spec: MetricSpec) -> str:
    value = row.metrics.get(spec.signature)
    if value is not None:
        return f"{value:.{spec.decimals}f}"
    return row.special.get(spec.signature, "-")
