"""Feature maps as the matcher reads them: pixel-normalised, zero-padded, cut into contiguous blocks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from refbench.matching.checks import require

PIXEL_EPS = 1e-12
"""Smallest channel norm that is divided by (``max`` form, as in ``F.normalize``)."""


@dataclass(frozen=True)
class Features:
    """One map (C, H, W) and what turns it into matching operands; no copy of it is made here."""

    raw: Tensor
    scale: Tensor | None
    """(H, W) factor per pixel (1 / channel norm), or None when pixels are used as they are."""
    patch_norm: Tensor
    """float64 (h', w'): L2 norm of every patch over C * patch * patch values, after ``scale``."""
    padding: int

    @property
    def height(self) -> int:
        """Rows including the zero padding."""
        return self.raw.shape[1] + 2 * self.padding

    @property
    def width(self) -> int:
        """Columns including the zero padding."""
        return self.raw.shape[2] + 2 * self.padding

    def block(self, top: int, bottom: int, left: int, right: int) -> Tensor:
        """Rows [top, bottom) and columns [left, right) of the padded map, as contiguous float32 (C, h, w)."""
        pad = self.padding
        rows, columns = self.raw.shape[1:]
        y0, y1 = max(top - pad, 0), max(min(bottom - pad, rows), 0)
        x0, x1 = max(left - pad, 0), max(min(right - pad, columns), 0)
        y0, x0 = min(y0, y1), min(x0, x1)
        out = torch.empty(
            self.raw.shape[0], bottom - top, right - left, dtype=torch.float32, device=self.raw.device
        )
        inside = out[:, y0 + pad - top : y1 + pad - top, x0 + pad - left : x1 + pad - left]
        if inside.shape != out.shape:
            out.zero_()
        part = self.raw[:, y0:y1, x0:x1]
        if self.scale is None:
            inside.copy_(part)
        else:
            torch.mul(part, self.scale[y0:y1, x0:x1], out=inside)
        return out


def prepare(raw: Tensor, *, name: str, patch: int, stride: int, padding: int, per_pixel: bool) -> Features:
    """Measure norms of ``raw`` (C, H, W).

    Raises ValueError, naming ``name``, for NaN or infinite features (on CUDA perhaps later, see
    :mod:`.checks`) and for a map smaller than one patch.
    """
    if raw.shape[1] + 2 * padding < patch or raw.shape[2] + 2 * padding < patch:
        raise ValueError(
            f"{name} features of {raw.shape[1]}x{raw.shape[2]} pixels are smaller than one {patch}x{patch} "
            "patch"
        )
    raw = raw.detach()
    raw = raw.float().contiguous()
    energy = torch.linalg.vector_norm(raw, dim=0).double().square_()
    require(
        # NaN is not below infinity either; one reduction and one comparison, since a launch costs on a card
        energy.amax() < torch.inf,
        f"{name} features are not finite (NaN, infinity or beyond float32 range)",
    )
    scale = None
    if per_pixel:
        norm = energy.sqrt().clamp_(min=PIXEL_EPS)
        scale = norm.reciprocal().float()
        energy = energy / norm.square()
    padded = functional.pad(energy, (padding,) * 4) if padding else energy
    summed = functional.avg_pool2d(padded[None, None], patch, stride, divisor_override=1)
    return Features(raw, scale, summed[0, 0].clamp_(min=0).sqrt_(), padding)
