"""Reads stereo pairs: the left image is HR, the right one the reference, disparity tells where things went.

Without ``data.root`` it is scikit-image's own pair (motorcycle of Middlebury 2014, at a quarter of its size).
A root is one scene, or a folder of scenes, in Middlebury's layout::

    im0.png im1.png disp0.pfm [mask0nocc.png]

``disp0GT.pfm``, the name in the evaluation kit, is read as well. Where there is no mask of what both images
show, it is told from the disparity (:func:`refbench.datasets.stereo.disparity.visible`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from refbench.errors import SampleError, UserError
from refbench.imaging import read_image
from refbench.specs import DataRequest
from refbench.types import Sample

from ..groups import Group, Scan
from ..image_dataset import ImageDataset, open_scan
from ..roots import check_options, existing_folder
from .disparity import places, read_disparity
from .spec import SPEC

DISPARITIES = ("disp0.pfm", "disp0GT.pfm")
MASK = "mask0nocc.png"
OWN = ("motorcycle_left.png", "motorcycle_right.png", "motorcycle_disp.npz")
"""In scikit-image's wheel."""


class StereoDataset:
    """An :class:`ImageDataset` whose samples also know where their pixels are in the reference."""

    truth_source = "disparity"

    def __init__(self, images: ImageDataset, groups: Sequence[Group]) -> None:
        self._images = images
        self._truth = {group.id: group.truth for group in groups}

    @property
    def name(self) -> str:
        """``stereo``."""
        return self._images.name

    @property
    def label(self) -> str:
        """``stereo (motorcycle)``."""
        return self._images.label

    @property
    def title(self) -> str:
        """The label without how much of the set there is."""
        return self._images.title

    @property
    def total(self) -> int | None:
        """Scenes of the whole set where the copy is a part of it."""
        return self._images.total

    @property
    def fingerprint(self) -> str:
        """Over images, disparities and masks."""
        return self._images.fingerprint

    @property
    def count(self) -> int:
        """Scenes, of which ``ids`` may be a part."""
        return self._images.count

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the folder."""
        return self._images.notes

    def ids(self) -> tuple[str, ...]:
        """Names of the scenes."""
        return self._images.ids()

    def pixels(self, sample_id: str) -> int:
        """Pixels of the left image."""
        return self._images.pixels(sample_id)

    def outline(self, sample_id: str) -> Sample:
        """The pair with blank images of the right sizes."""
        return self._images.outline(sample_id)

    def load(self, sample_id: str) -> Sample:
        """One pair with its correspondence. SampleError for files that cannot be read or do not fit."""
        sample = self._images.load(sample_id)
        disparity_file, *masks = self._truth[sample_id]
        disparity = read_disparity(disparity_file)
        if sample.hr is None or disparity.shape != sample.hr.shape[:2]:
            raise SampleError(f"{disparity_file}: {_size(disparity)}, the left image has another size")
        mask = None
        if masks:
            shown = read_image(masks[0])
            if shown.shape[:2] != disparity.shape:
                raise SampleError(f"{masks[0]}: {_size(shown)}, the left image has another size")
            # Middlebury: 255 is seen by both, 128 by the left camera only, 0 not measured
            mask = np.asarray(shown[:, :, 0] == 255)
        return replace(sample, places=places(disparity, mask))


def open_dataset(request: DataRequest) -> StereoDataset:
    """The pairs at ``data.root``, or scikit-image's; UserError when they are not there."""
    found = scan(request)
    label = "motorcycle" if not request.root else Path(request.root).expanduser().resolve().name
    return StereoDataset(open_scan(SPEC, request, found, label=f"stereo ({label})"), found.groups)


def scan(request: DataRequest) -> Scan:
    """What is there. UserError for a missing root, or a scikit-image without its pair."""
    check_options(SPEC, request, ())
    if not request.root:
        return _own()
    root = existing_folder("data.root", request.root)
    scenes = [root] if (root / "im0.png").is_file() else sorted(p.parent for p in root.glob("*/im0.png"))
    groups: list[Group] = []
    missing: list[str] = []
    for scene in scenes:
        name = scene.resolve().name
        prefix = "" if scene == root else f"{scene.name}/"
        disparity = next((scene / file for file in DISPARITIES if (scene / file).is_file()), None)
        right = scene / "im1.png"
        missing += [f"{prefix}im1.png"] * (not right.is_file()) + [f"{prefix}disp0.pfm"] * (disparity is None)
        if disparity is not None and right.is_file():
            mask = (scene / MASK,) if (scene / MASK).is_file() else ()
            groups.append(Group(name, scene / "im0.png", (right,), truth=(disparity, *mask)))
    return Scan(root, tuple(groups), tuple(missing))


def _own() -> Scan:
    found = find_spec("skimage.data")
    folder = Path(found.origin).parent if found is not None and found.origin else Path()
    absent = [name for name in OWN if not (folder / name).is_file()]
    if absent:
        raise UserError(
            f"dataset stereo: this scikit-image has no {absent[0]} in {folder}; install its wheel "
            "(pip install --force-reinstall scikit-image), or name a folder with data.root=DIR "
            f"({SPEC.layout})"
        )
    left, right, disparity = (folder / name for name in OWN)
    return Scan(folder, (Group("motorcycle", left, (right,), truth=(disparity,)),))


def _size(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> str:
    return f"{array.shape[1]}x{array.shape[0]}"
