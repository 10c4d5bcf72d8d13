"""Writing of image files that are either complete or absent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from refbench.errors import UserError
from refbench.files.disk import atomic_file
from refbench.types import Image

_JPEG: Mapping[str, object] = {"format": "JPEG", "quality": 95, "subsampling": 0}
FORMATS: Mapping[str, Mapping[str, object]] = {
    ".png": {"format": "PNG"},
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".jfif": _JPEG,
    ".webp": {"format": "WEBP", "lossless": True, "exact": True},
}
"""Extension -> how Pillow writes it. PNG and WebP keep every value, JPEG does not."""
OPAQUE = frozenset({".jpg", ".jpeg", ".jfif"})
"""Formats without transparency."""


def write_image(path: str | Path, image: Image, alpha: npt.NDArray[np.uint8] | None = None) -> Path:
    """Write uint8 RGB (H, W, 3), and uint8 ``alpha`` (H, W) if there is some, as the path's extension says.

    Goes through a temporary file in the same folder: a run that is killed leaves no half-written image under
    the final name. Missing parent folders are created. Returns the path. Raises UserError when it cannot be
    written, ValueError for another shape, dtype or extension.
    """
    target = Path(path)
    options = FORMATS.get(target.suffix.lower())
    if options is None:
        raise ValueError(f"{target}: no image format; extensions are {', '.join(FORMATS)}")
    return _write(target, image, alpha, options)


def write_png(path: str | Path, image: Image) -> Path:
    """:func:`write_image` as PNG, whatever the path's extension."""
    return _write(Path(path), image, None, FORMATS[".png"])


def _write(
    target: Path, image: Image, alpha: npt.NDArray[np.uint8] | None, options: Mapping[str, object]
) -> Path:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"expected uint8 (H, W, 3), got {image.dtype} {image.shape}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        pixels = image if alpha is None else np.dstack([image, alpha])
        with atomic_file(target) as stream:
            PILImage.fromarray(np.ascontiguousarray(pixels)).save(stream, **options)  # type: ignore[arg-type]
    except (OSError, ValueError) as error:
        # ValueError: WebP and JPEG have a largest size
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise UserError(f"cannot write {target}: {reason}") from error
    return target
