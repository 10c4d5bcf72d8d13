"""Images that take the reference's place: the truth, the input, strangers, noise, nothing."""

from __future__ import annotations

import numpy as np

from refbench.errors import SampleError
from refbench.types import Dataset, Image, Sample

Made = tuple[Image, str]
FOREIGN = ("brick", "grass", "gravel")
"""scikit-image's CC0 texture photographs (512 x 512, grey): in its wheel, in no RefSR dataset."""
PATCH = 16


def _size_like(sample: Sample, lr: Image, scale: int) -> tuple[int, int]:
    like = sample.refs[0] if sample.refs else sample.hr
    if like is None:
        return lr.shape[0] * scale, lr.shape[1] * scale
    return like.shape[0], like.shape[1]


def own_hr(sample: Sample, lr: Image, rng: np.random.Generator, dataset: Dataset | None, scale: int) -> Made:
    """The ground truth itself."""
    if sample.hr is None:
        raise SampleError(f"{sample.id}: no HR to use as an oracle reference")
    return sample.hr, "hr"


def own_lr(sample: Sample, lr: Image, rng: np.random.Generator, dataset: Dataset | None, scale: int) -> Made:
    """The LR image itself."""
    return lr, "lr"


def other_sample(
    sample: Sample, lr: Image, rng: np.random.Generator, dataset: Dataset | None, scale: int
) -> Made:
    """HR (or, without one, the first reference) of another sample of the set."""
    others = [i for i in dataset.ids() if i != sample.id] if dataset is not None else []
    if dataset is None or not others:
        raise SampleError(f"{sample.id}: no other sample in the set to take a reference from")
    chosen = others[int(rng.integers(len(others)))]
    found = dataset.load(chosen)
    if found.hr is not None:
        return found.hr, f"{chosen} (HR)"
    if found.refs:
        return found.refs[0], f"{chosen} (reference)"
    raise SampleError(f"{sample.id}: sample {chosen} has neither HR nor references")


def photograph(name: str) -> Image:
    """One of FOREIGN, (512, 512, 3)."""
    from skimage import data

    grey = np.asarray(getattr(data, name)(), dtype=np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def foreign(sample: Sample, lr: Image, rng: np.random.Generator, dataset: Dataset | None, scale: int) -> Made:
    """A texture photograph that belongs to no RefSR dataset."""
    name = FOREIGN[int(rng.integers(len(FOREIGN)))]
    return photograph(name), f"skimage.data.{name}"


def noise(sample: Sample, lr: Image, rng: np.random.Generator, dataset: Dataset | None, scale: int) -> Made:
    """Independent uniform values in every pixel and channel."""
    return rng.integers(0, 256, (*_size_like(sample, lr, scale), 3), dtype=np.uint8), "noise"


def constant(
    sample: Sample, lr: Image, rng: np.random.Generator, dataset: Dataset | None, scale: int
) -> Made:
    """Mid-grey: what a method does without a reference."""
    return np.full((*_size_like(sample, lr, scale), 3), 128, dtype=np.uint8), "constant"


def shuffled(
    sample: Sample, lr: Image, rng: np.random.Generator, dataset: Dataset | None, scale: int
) -> Made:
    """The first reference with its patches in other places: right colours and textures, no layout."""
    if not sample.refs:
        raise SampleError(f"{sample.id}: no reference to shuffle")
    ref = sample.refs[0]
    rows, columns = ref.shape[0] // PATCH, ref.shape[1] // PATCH
    if rows * columns < 2:
        raise SampleError(
            f"{sample.id}: the reference {ref.shape[1]}x{ref.shape[0]} has no two {PATCH}px patches"
        )
    cut = ref[: rows * PATCH, : columns * PATCH]
    blocks = cut.reshape(rows, PATCH, columns, PATCH, 3).transpose(0, 2, 1, 3, 4)
    mixed = blocks.reshape(-1, PATCH, PATCH, 3)[rng.permutation(rows * columns)]
    back = mixed.reshape(rows, columns, PATCH, PATCH, 3).transpose(0, 2, 1, 3, 4)
    return np.ascontiguousarray(back.reshape(cut.shape)), "shuffled"
