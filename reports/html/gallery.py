"""The gallery: for each chosen trial LR, references, SR of each method, HR, error maps and crops."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from refbench.imaging import bicubic_resize
from refbench.results.record import CellRecord
from refbench.results.trials import TrialImages
from refbench.specs import MetricSpec
from refbench.store import SampleRow
from refbench.types import Image, Trial
from refbench.untrusted.escape import printable

from ..write import put
from . import pictures
from .chosen import Item, gallery_items, sections

EMBED_LIMIT = 24_000_000
"""Bytes of pictures that go into the page itself; more lie in a folder next to it and load when looked at."""
MAX_REFERENCES = 5


@dataclass
class Gallery:
    """What the page's script reads, and the pictures behind it."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0
    """Trials that there are; the gallery may show fewer."""
    files: dict[str, bytes] = field(default_factory=dict)
    """Name -> WebP. Names are numbers: sample names never become paths."""
    problems: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all pictures."""
        return sum(len(data) for data in self.files.values())


def make_gallery(cells: Sequence[CellRecord], spec: MetricSpec, images: TrialImages, most: int) -> Gallery:
    """Render the pictures of at most ``most`` trials per dataset that have a kept SR image."""
    gallery = Gallery()
    items, gallery.total = gallery_items(cells, spec, most)
    by_section = sections(cells)
    rows = {id(c): {row.key: row for row in c.rows if row.ok} for c in cells}
    for item in items:
        members = by_section[item.section]
        own = {
            c.method_label: (c, rows[id(c)][item.sample, item.draw])
            for c in members
            if (item.sample, item.draw) in rows[id(c)]
        }
        entry = _entry(item, own, images, spec, gallery)
        if entry is not None:
            gallery.entries.append(entry)
    gallery.problems = images.problems
    return gallery


def _entry(
    item: Item,
    own: Mapping[str, tuple[CellRecord, SampleRow]],
    images: TrialImages,
    spec: MetricSpec,
    gallery: Gallery,
) -> dict[str, Any] | None:
    sr: dict[str, Image] = {}
    for label, (cell, row) in own.items():
        image = images.sr(cell, row)
        if image is not None:
            sr[label] = image
    if not sr:
        return None
    cell, row = own[next(iter(sr))]
    trial = images.trial(cell, row)
    target = trial.target if trial is not None else None
    shape = target.shape if target is not None else next(iter(sr.values())).shape
    # an image of another size cannot be laid over the others
    sr = {label: image for label, image in sr.items() if image.shape == shape}
    if not sr:
        return None
    number = len(gallery.entries)

    def keep(kind: str, data: bytes) -> str:
        name = f"{number:04d}_{kind}.webp"
        gallery.files[name] = data
        return name

    (dataset, _, seed), protocol = item.section
    views = _views(trial, sr, target, keep)
    boxes = pictures.crop_boxes(pictures.disagreement(sr, target)) if min(shape[:2]) >= 8 else []
    return {
        "dataset": printable(dataset),
        "seed": seed,
        "protocol": printable(protocol),
        "sample": printable(item.sample),
        "draw": item.draw,
        "width": shape[1],
        "height": shape[0],
        "thumb": keep("thumb", pictures.thumbnail(target if target is not None else next(iter(sr.values())))),
        "views": views,
        "references": _references(trial, keep),
        "scores": {label: _score(own[label], spec) for label in sr},
        "crops": [
            {"box": list(box), "images": _crops(box, k, trial, sr, target, keep)}
            for k, box in enumerate(boxes)
        ],
    }


def _views(
    trial: Trial | None, sr: Mapping[str, Image], target: Image | None, keep: Callable[[str, bytes], str]
) -> list[dict[str, str]]:
    """Pictures that lie on each other in the slider, all of HR's size."""
    views: list[dict[str, str]] = []
    shape = next(iter(sr.values())).shape[:2]
    if trial is not None and trial.sr_cut is None:
        large = bicubic_resize(trial.lr, (shape[0], shape[1]))
        views.append({"kind": "LR", "name": "LR (bicubic)", "src": keep("lr", pictures.encode(large))})
    for k, (label, image) in enumerate(sr.items()):
        views.append({"kind": "SR", "name": printable(label), "src": keep(f"sr{k}", pictures.encode(image))})
    if target is not None:
        views.append({"kind": "HR", "name": "HR", "src": keep("hr", pictures.encode(target))})
        for k, (label, image) in enumerate(sr.items()):
            error = pictures.encode(pictures.error_map(image, target))
            views.append(
                {"kind": "error", "name": f"error of {printable(label)}", "src": keep(f"error{k}", error)}
            )
    return views


def _references(trial: Trial | None, keep: Callable[[str, bytes], str]) -> list[dict[str, str]]:
    if trial is None:
        return []
    names = [*trial.ref_names, *[f"reference {k + 1}" for k in range(len(trial.ref_names), len(trial.refs))]]
    return [
        {"name": printable(name), "src": keep(f"ref{k}", pictures.encode(ref))}
        for k, (name, ref) in enumerate(zip(names, trial.refs[:MAX_REFERENCES], strict=False))
    ]


def _crops(
    box: tuple[int, int, int, int],
    number: int,
    trial: Trial | None,
    sr: Mapping[str, Image],
    target: Image | None,
    keep: Callable[[str, bytes], str],
) -> list[dict[str, str]]:
    parts: list[tuple[str, Image]] = []
    if trial is not None and trial.sr_cut is None:
        scale = next(iter(sr.values())).shape[0] / trial.lr.shape[0]
        parts.append(("LR", pictures.cut(trial.lr, box, scale)))
    parts += [(printable(label), pictures.cut(image, box)) for label, image in sr.items()]
    if target is not None:
        parts.append(("HR", pictures.cut(target, box)))
    return [
        {"name": name, "src": keep(f"crop{number}_{k}", pictures.encode(image, lossless=True))}
        for k, (name, image) in enumerate(parts)
        if image.size
    ]


def _score(own: tuple[CellRecord, SampleRow], spec: MetricSpec) -> str:
    _, row = own
    value = row.metrics.get(spec.signature)
    if value is not None:
        return f"{value:.{spec.decimals}f}{' ' + spec.unit if spec.unit else ''}"
    return row.special.get(spec.signature, "-")


def place_pictures(gallery: Gallery, folder: Path, name: str) -> tuple[dict[str, str], list[Path]]:
    """(picture -> address for the page, files written): embedded below EMBED_LIMIT, else in ``folder/name``.

    Raises UserError when the folder cannot be written.
    """
    if gallery.size <= EMBED_LIMIT:
        return {
            key: "data:image/webp;base64," + base64.b64encode(data).decode("ascii")
            for key, data in gallery.files.items()
        }, []
    for key, data in gallery.files.items():
        put(folder, f"{name}/{key}", data)
    return {key: f"{name}/{key}" for key in gallery.files}, [folder / name]
