"""Reading, writing, resizing and cropping of 8-bit RGB images."""

from __future__ import annotations

from refbench.imaging.crop import mod_crop
from refbench.imaging.read import (
    MAX_PIXELS,
    Picture,
    image_size,
    open_image,
    read_image,
    read_picture,
    upright_size,
)
from refbench.imaging.resize import bicubic_down, bicubic_resize, bicubic_up
from refbench.imaging.write import write_image, write_png

__all__ = [
    "MAX_PIXELS",
    "Picture",
    "bicubic_down",
    "bicubic_resize",
    "bicubic_up",
    "image_size",
    "mod_crop",
    "open_image",
    "read_image",
    "read_picture",
    "upright_size",
    "write_image",
    "write_png",
]
