"""Writing of PNG files that are either complete or absent."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from refbench.errors import UserError
from refbench.types import Image


def write_png(path: str | Path, image: Image) -> Path:
    """Write uint8 RGB (H, W, 3) as PNG through a temporary file in the same folder; returns the path.

    A run that is killed leaves no half-written image under the final name. Missing parent folders are
    created. Raises UserError when the folder cannot be written, ValueError for another shape or dtype.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"expected uint8 (H, W, 3), got {image.dtype} {image.shape}")
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        PILImage.fromarray(np.ascontiguousarray(image)).save(temporary, format="PNG")
        os.replace(temporary, target)
    except OSError as error:
        if temporary.parent.is_dir():
            temporary.unlink(missing_ok=True)
        raise UserError(f"cannot write {target}: {error.strerror or error}") from error
    return target
