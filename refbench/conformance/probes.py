"""Made-up images on which a method is tried: reproducible, textured, of any size."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from refbench.imaging import bicubic_down, bicubic_resize
from refbench.types import Image


@dataclass(frozen=True)
class Probe:
    """One trial of the kit: LR and references are shown to the method, HR only to the harness."""

    name: str
    hr: Image
    lr: Image
    refs: tuple[Image, ...]


def random_for(*names: object) -> np.random.Generator:
    """A generator that depends on ``names`` only, so clauses do not influence each other."""
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def texture(name: str, height: int, width: int) -> Image:
    """A picture with structure at several scales, so that matching has something to match."""
    rng = random_for("texture", name)
    canvas = np.zeros((height, width, 3))
    for cells in (2, 5, 13, 31):
        coarse = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        canvas += bicubic_resize(coarse, (height, width)).astype(np.float64) / 4
    rows, columns = np.mgrid[0:height, 0:width]
    stripes = 40 * np.sign(np.sin(rows / 3.0 + columns / rng.uniform(2.0, 5.0)))
    picture: Image = np.clip(canvas + stripes[..., None], 0, 255).astype(np.uint8)
    return picture


def noise(name: str, height: int, width: int) -> Image:
    """Uniform noise, uint8 (H, W, 3)."""
    return random_for("noise", name).integers(0, 256, (height, width, 3), dtype=np.uint8)


def related(hr: Image, name: str, height: int, width: int) -> Image:
    """A reference of the given size that shows the same texture as ``hr``, shifted, with a little noise."""
    rng = random_for("related", name)
    tiles = (height // hr.shape[0] + 2, width // hr.shape[1] + 2, 1)
    top, left = int(rng.integers(0, hr.shape[0])), int(rng.integers(0, hr.shape[1]))
    cut = np.tile(hr, tiles)[top : top + height, left : left + width].astype(np.int16)
    reference: Image = np.clip(cut + rng.integers(-4, 5, cut.shape), 0, 255).astype(np.uint8)
    return reference


def probe(name: str, lr_size: tuple[int, int], ref_sizes: tuple[tuple[int, int], ...], scale: int) -> Probe:
    """A probe with an LR of ``lr_size`` (H, W) made from an HR ``scale`` times as large, PIL bicubic."""
    hr = texture(name, lr_size[0] * scale, lr_size[1] * scale)
    refs = tuple(related(hr, f"{name}/{i}", *size) for i, size in enumerate(ref_sizes))
    return Probe(name, hr, bicubic_down(hr, scale), refs)
