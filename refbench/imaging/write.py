"""Writing of PNG files that are either complete or absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from refbench.errors import UserError
from refbench.store.disk import atomic_file
from refbench.types import Image


def write_png(path: str | Path, image: Image) -> Path:
    """Write uint8 RGB (H, W, 3) as PNG through a temporary file in the same folder; returns the path.

    A run that is killed leaves no half-written image under the final name. Missing parent folders are
    created. Raises UserError when the folder cannot be written, ValueError for another shape or dtype.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"expected uint8 (H, W, 3), got {image.dtype} {image.shape}")
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(target) as stream:
            PILImage.fromarray(np.ascontiguousarray(image)).save(stream, format="PNG")
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from error
    return target
