"""Masks over pixels or over patch positions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def position_mask(
    mask: Tensor,
    *,
    name: str,
    pixels: tuple[int, int],
    grid: tuple[int, int],
    patch: int,
    stride: int,
    padding: int,
    over: str = "auto",
) -> Tensor:
    """Bool mask over patch positions (h', w') from a mask over pixels (H, W) or over positions.

    A position is valid when every *real* pixel under its patch is valid; the matcher's own zero padding
    counts as valid, because a flavour that pads wants its border patches. ``over``: ``pixels``,
    ``patches``, or ``auto``, which goes by the shape and reads a mask that fits both as pixels.
    Raises ValueError when the shape fits neither or the mask is not bool.
    """
    if mask.dtype != torch.bool:
        raise ValueError(f"{name} must be a bool mask, not {mask.dtype}")
    shape = tuple(mask.shape)
    if over in ("auto", "pixels") and shape == pixels:
        wrong = functional.pad((~mask).float(), (padding,) * 4)[None, None]
        return functional.max_pool2d(wrong, patch, stride)[0, 0] == 0
    if over in ("auto", "patches") and shape == grid:
        return mask
    raise ValueError(
        f"{name} has shape {shape}; it must cover the pixels {pixels} or the patch positions {grid}"
        + ("" if over == "auto" else f" (read as {over})")
    )
