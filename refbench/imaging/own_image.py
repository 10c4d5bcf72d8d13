"""Someone's own image, as ``refbench upscale`` takes it: pixels, alpha, and what had to be said about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage
from PIL import ImageOps

from refbench.errors import SampleError, UserError
from refbench.imaging import open_image, read_image
from refbench.types import Image

ALPHA_MODES = {"RGBA", "LA", "PA", "RGBa", "La"}
ORIENTATION_TAG = 0x0112


@dataclass(frozen=True)
class OwnImage:
    """A decoded file."""

    path: Path
    rgb: Image
    """uint8 (H, W, 3). Where there is alpha, the colours under it, not a composite."""
    alpha: npt.NDArray[np.uint8] | None
    """uint8 (H, W), None without transparency."""
    notes: tuple[str, ...]
    """One line per thing that a person may not expect: rotation, lost depth, grey made RGB."""


def read_own_image(path: Path) -> OwnImage:
    """Decode ``path``. Raises UserError, one line, for what is missing, broken or not an 8-bit-able image."""
    try:
        composited = read_image(path)
    except SampleError as error:
        raise UserError(str(error)) from error
    # read_image has checked size, completeness and mode; what follows looks at the same file again
    with open_image(path) as image:
        notes = list(_notes(path, image))
        if image.mode not in ALPHA_MODES and "transparency" not in image.info:
            return OwnImage(path, composited, None, tuple(notes))
        rgba = np.array(ImageOps.exif_transpose(image).convert("RGBA"), dtype=np.uint8)
    alpha = np.ascontiguousarray(rgba[:, :, 3])
    if bool((alpha == 255).all()):
        return OwnImage(path, composited, None, tuple(notes))
    notes.append(f"{path.name}: transparency is kept; the alpha channel is enlarged by bicubic interpolation")
    return OwnImage(path, np.ascontiguousarray(rgba[:, :, :3]), alpha, tuple(notes))


def _notes(path: Path, image: PILImage.Image) -> list[str]:
    notes = []
    if image.getexif().get(ORIENTATION_TAG, 1) not in (0, 1):
        notes.append(f"{path.name}: rotated as its EXIF orientation says")
    if image.mode.startswith("I;16"):
        notes.append(f"{path.name}: 16-bit values are reduced to 8 bits")
    if image.mode in ("L", "1", "LA", "La") or image.mode.startswith("I;16"):
        notes.append(f"{path.name}: grey image, treated as RGB")
    return notes
