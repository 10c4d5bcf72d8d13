"""Where pairs come from: a folder of photos, or the CUFED train layout (input/ and ref/)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from PIL import Image as PILImage

from refbench.errors import UserError

from ..recipe import Recipe
from .guard import check_apart
from .homography import flip_rotate
from .pair import Pair, bicubic_lr
from .photos import Photo, fingerprint, load_photos, photo_files, read_rgb
from .synthesis import ReferenceSynthesizer

Refuse: TypeAlias = Callable[[Iterable[Path], Iterable[str]], None]
"""(files, roles) -> None, or UserError naming the first file that is, or is a copy of, a photo held out
for one of the ``roles``."""
TRAINING = ("sample", "reference", "val")
"""Roles that no training photo may have."""
VALIDATION = ("sample", "reference")
HOLD_OUT = 8
"""Without ``train.val_data`` every eighth photo is for validation."""


class PairSource(Protocol):
    """Draws pairs; each depends on its generator alone."""

    def pair(self, rng: np.random.Generator, kind: str | None = None, more: int = 0) -> Pair: ...


class CufedTrainSource:
    """The official training pairs: ``input/NAME`` with ``ref/NAME``, both 160 x 160.

    References of another size are resized as the official code does (Pillow bicubic). HR and reference
    get the same flip and rotation. ``kind`` is ignored: the true matches are unknown. ``more`` references
    are patches of other pairs' references: the layout has one reference per input.
    """

    def __init__(self, root: Path, patch: int) -> None:
        self.inputs = photo_files(root / "input")
        self.refs = [root / "ref" / path.name for path in self.inputs]
        self.patch = patch
        missing = [path for path in self.refs if not path.is_file()]
        if missing:
            raise UserError(f"train.data: {str(missing[0])!r} is missing; each input/NAME needs a ref/NAME")

    def pair(self, rng: np.random.Generator, kind: str | None = None, more: int = 0) -> Pair:
        """One pair, cropped to ``patch`` at the same place when the images are larger."""
        number = int(rng.integers(len(self.inputs)))
        hr = np.asarray(read_rgb(self.inputs[number]))
        if min(hr.shape[:2]) < self.patch:
            raise UserError(
                f"train.data: {str(self.inputs[number])!r} is smaller than train.stage2.patch={self.patch}"
            )
        ref = self._reference(number, (hr.shape[1], hr.shape[0]))
        top = int(rng.integers(hr.shape[0] - self.patch + 1))
        left = int(rng.integers(hr.shape[1] - self.patch + 1))
        place = (slice(top, top + self.patch), slice(left, left + self.patch))
        turn = int(rng.integers(8))
        hr, reference = flip_rotate(hr[place], turn), flip_rotate(np.asarray(ref)[place], turn)
        others = tuple(
            flip_rotate(np.asarray(self._reference(int(rng.integers(len(self.refs))), ref.size))[place], turn)
            for _ in range(more)
        )
        return Pair(hr, bicubic_lr(hr), reference, "similar", None, others)

    def _reference(self, number: int, size: tuple[int, int]) -> PILImage.Image:
        """Reference ``number`` at ``size`` (W, H)."""
        ref = read_rgb(self.refs[number])
        return ref if ref.size == size else ref.resize(size, PILImage.Resampling.BICUBIC)


@dataclass(frozen=True)
class TrainingData:
    """What a run trains and validates on."""

    stage1: PairSource
    stage2: PairSource
    validation: tuple[Photo, ...]
    fingerprint: str
    """sha256 over names and contents of the training photos."""
    names: tuple[str, ...]


def is_cufed_layout(root: Path) -> bool:
    """Whether ``root`` has the folders input/ and ref/."""
    return (root / "input").is_dir() and (root / "ref").is_dir()


def open_data(recipe: Recipe, refuse: Refuse) -> TrainingData:
    """Read the photos of a recipe and check the split: nothing held out, and validation apart from training.

    ``refuse`` raises for photos of sample or evaluation sets. UserError for anything that is not apart.
    """
    root = Path(recipe.data)
    patch = max(recipe.stage1.patch, recipe.stage2.patch)
    cufed = is_cufed_layout(root)
    folder = root / "input" if cufed else root
    smallest = recipe.stage1.patch if cufed else patch
    refuse(photo_files(folder), VALIDATION if not recipe.val_data else TRAINING)
    photos = load_photos(folder, recipe.photo_sizes, smallest)
    if recipe.val_data:
        refuse(photo_files(Path(recipe.val_data)), VALIDATION)
        validation = load_photos(Path(recipe.val_data), recipe.photo_sizes, recipe.validation.patch)
    else:
        validation = photos[::HOLD_OUT]
        photos = tuple(p for i, p in enumerate(photos) if i % HOLD_OUT)
    if not photos:
        raise UserError(
            f"train.data: {recipe.data!r} has one photo only and it is held out; give train.val_data"
        )
    check_apart(photos, validation)
    stage2: PairSource
    if cufed:
        stage2 = CufedTrainSource(root, recipe.stage2.patch)
    else:
        stage2 = ReferenceSynthesizer(photos, recipe.synthesis, recipe.stage2.patch)
    return TrainingData(
        ReferenceSynthesizer(photos, recipe.synthesis, recipe.stage1.patch),
        stage2,
        validation,
        fingerprint(photos),
        tuple(p.name for p in photos),
    )
