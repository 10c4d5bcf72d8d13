"""What the figure shows of one trial: the whole image with a box, and the box cut out of everything."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from refbench.errors import UserError
from refbench.imaging import bicubic_resize
from refbench.metrics import MetricCatalog
from refbench.metrics.build import Metric, build
from refbench.registry import Registry
from refbench.results.record import CellRecord
from refbench.results.trials import TrialImages
from refbench.specs import MetricSpec
from refbench.types import Image, Trial
from refbench.untrusted.escape import printable

from ..pictures import Plane, crop_boxes, cut, disagreement, error_map
from ..selection import Names
from .choose import BOTH, PLACE, Box, Place, Wanted, places

PATCH_METRIC = "psnr_y:crop=0"
"""Of the patch alone, so that nothing is cut from its borders."""
PARTS = 5
"""A chosen place has a side of the image's shorter one divided by this."""
LEAST_SIDE = 32


@dataclass(frozen=True)
class Tile:
    """One patch."""

    name: str
    score: str
    """PSNR of the patch in dB, ``inf`` for an equal one; empty where there is none to state."""
    image: Image
    """uint8 RGB, the size of the box."""
    error: Image | None = None
    """Its difference map, where that was asked for."""


@dataclass(frozen=True)
class Block:
    """One trial of the figure."""

    sample: str
    dataset: str
    protocol: str
    whole: Image
    box: Box
    tiles: tuple[Tile, ...]
    how: str
    """How image or place were chosen; empty: both by the person who asked."""
    reference: str
    """How the place in the reference was found; empty without one."""

    @property
    def words(self) -> str:
        """The ``crop=`` value that shows the same."""
        top, left, height, width = self.box
        return f"{self.sample}:{left},{top},{width},{height}"


def make_blocks(
    cells: Sequence[CellRecord],
    spec: MetricSpec,
    wanted: Sequence[Wanted],
    names: Names,
    *,
    difference: bool = False,
    data_root: str | None = None,
) -> tuple[list[Block], list[str]]:
    """(the blocks, what was left out). Raises UserError where an image or the dataset is not there."""
    registry = Registry.discover()
    images = TrialImages(registry, data_root)
    (patch_spec,) = MetricCatalog.of(registry).of_names((PATCH_METRIC,))
    score = build(patch_spec)
    notes: list[str] = []
    blocks = []
    for place, crop in places(cells, spec, wanted):
        blocks.append(_block(place, crop, spec, names, images, score, notes, difference))
    return blocks, notes


def _block(
    place: Place,
    crop: Wanted | None,
    spec: MetricSpec,
    names: Names,
    images: TrialImages,
    score: Metric,
    notes: list[str],
    difference: bool,
) -> Block:
    trial, sr = _images(place, images, names, notes)
    target = trial.target
    whole = target if target is not None else next(iter(sr.values()))
    box, how = _box(place, crop, sr, target, spec)
    tiles = []
    if target is not None:
        tiles.append(Tile("HR", "PSNR / dB", cut(target, box)))
    tiles.append(Tile("LR", "", _lr_patch(trial, box, whole.shape)))
    reference = ""
    if trial.refs:
        patch, reference = _reference_patch(trial, cut(whole, box), whole.shape)
        tiles.append(Tile("Ref", "", patch))
    for label, image in sr.items():
        patch = cut(image, box)
        value, error = "", None
        if target is not None:
            value = _number(score(patch, cut(target, box)))
            error = error_map(patch, cut(target, box)) if difference else None
        tiles.append(Tile(printable(label), value, patch, error))
    dataset = names.dataset(place.cells[0])
    return Block(place.sample, dataset, place.section[1], whole, box, tuple(tiles), how, reference)


def _images(
    place: Place, images: TrialImages, names: Names, notes: list[str]
) -> tuple[Trial, Mapping[str, Image]]:
    """The trial, and the SR images of its size by name in print."""
    found: dict[str, Image] = {}
    trial: Trial | None = None
    for cell in place.cells:
        row = next(row for row in cell.rows if row.ok and row.key == (place.sample, place.draw))
        sr = images.sr(cell, row)
        if sr is None:
            notes.append(f"{cell.method_label} is not in the crops of {place.sample}: no kept SR image")
            continue
        trial = images.trial(cell, row) if trial is None else trial
        found[names.method(cell)] = sr
    if trial is None:
        reason = "; ".join(images.problems) or "its images are not there"
        raise UserError(f"crops of {place.sample}: {reason}; data.root= says where the dataset is now")
    shape = trial.target.shape if trial.target is not None else next(iter(found.values())).shape
    for name in [name for name, image in found.items() if image.shape != shape]:
        notes.append(f"{name} is not in the crops of {place.sample}: its SR image has another size")
        del found[name]
    return trial, found


def _box(
    place: Place, crop: Wanted | None, sr: Mapping[str, Image], target: Image | None, spec: MetricSpec
) -> tuple[Box, str]:
    height, width = next(iter(sr.values())).shape[:2]
    if crop is not None and crop.box is not None:
        top, left, high, wide = crop.box
        if top + high > height or left + wide > width:
            raise UserError(
                f"crop={crop.sample}:{left},{top},{wide},{high} leaves the image, which is {width} x {height}"
            )
        return crop.box, ""
    side = max(LEAST_SIDE, min(height, width) // PARTS // 4 * 4)
    (box,) = crop_boxes(disagreement(sr, target), 1, side)
    how = BOTH.format(metric=spec.title or spec.alias) if place.automatic else PLACE
    return box, how


def _lr_patch(trial: Trial, box: Box, shape: tuple[int, ...]) -> Image:
    """The box in LR, each pixel as a square of HR pixels."""
    whole_height = shape[0] if trial.sr_cut is None else max(shape[0], trial.sr_cut[0] + trial.sr_cut[2])
    scale = max(1, round(whole_height / trial.lr.shape[0]))
    above, before = (0, 0) if trial.sr_cut is None else trial.sr_cut[:2]
    top, left, height, width = box[0] + above, box[1] + before, box[2], box[3]
    rows = np.minimum(np.arange(top, top + height) // scale, trial.lr.shape[0] - 1)
    columns = np.minimum(np.arange(left, left + width) // scale, trial.lr.shape[1] - 1)
    return np.ascontiguousarray(trial.lr[rows][:, columns])


def _reference_patch(trial: Trial, patch: Image, shape: tuple[int, ...]) -> tuple[Image, str]:
    """The part of the references that is most like ``patch`` at LR size, and how it was found."""
    from skimage.feature import match_template

    scale = max(1, round(shape[0] / trial.lr.shape[0]))
    height, width = patch.shape[:2]
    small = _grey(bicubic_resize(patch, (max(2, height // scale), max(2, width // scale))))
    best: tuple[float, int, int, int] | None = None
    for k, ref in enumerate(trial.refs):
        size = (ref.shape[0] // scale, ref.shape[1] // scale)
        if size[0] < small.shape[0] or size[1] < small.shape[1]:
            continue
        found: Plane = match_template(_grey(bicubic_resize(ref, size)), small)  # type: ignore[no-untyped-call]
        alike = np.nan_to_num(found)
        top, left = (int(v) for v in np.unravel_index(int(np.argmax(alike)), alike.shape))
        if best is None or float(alike[top, left]) > best[0]:
            best = float(alike[top, left]), k, top * scale, left * scale
    if best is None:
        # a reference smaller than the patch is shown whole
        return bicubic_resize(trial.refs[0], (height, width)), "Ref: the whole reference, resized"
    _, k, top, left = best
    top = min(top, max(0, trial.refs[k].shape[0] - height))
    left = min(left, max(0, trial.refs[k].shape[1] - width))
    part = cut(trial.refs[k], (top, left, height, width))
    if part.shape != patch.shape:
        part = bicubic_resize(part, (height, width))
    which = "" if len(trial.refs) == 1 else f"reference {k + 1} of {len(trial.refs)}, "
    return part, f"Ref: {which}where it is most like the patch at LR size (normalised cross-correlation)"


def _grey(image: Image) -> Plane:
    grey: Plane = image.astype(np.float64).mean(axis=2)
    return grey


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "inf"
