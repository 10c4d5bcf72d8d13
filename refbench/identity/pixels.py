"""The digest of an image by its pixels: the same whatever file format or encoder holds them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from refbench.types import Image


def pixel_sha256(image: Image) -> str:
    """sha256 hex over ``HxW`` and the uint8 RGB bytes of ``image``, shape (H, W, 3).

    >>> import numpy as np
    >>> pixel_sha256(np.zeros((2, 3, 3), np.uint8))[:12]
    '3ac76f50c03b'
    """
    head = f"{image.shape[0]}x{image.shape[1]}\0".encode()
    return hashlib.sha256(head + image.tobytes()).hexdigest()
