"""One antialiased projective warp of an 8-bit image.

Points are (x, y) in pixels, pixel centres at whole numbers, the top-left centre at (0, 0). A matrix maps
*output* points to *input* points (the direction in which images are resampled).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from refbench.types import Image

Matrix = npt.NDArray[np.float64]
"""3 x 3, homogeneous."""

MAX_SUPERSAMPLING = 6


def project(matrix: Matrix, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Map points of shape (..., 2)."""
    homogeneous = np.concatenate([points, np.ones_like(points[..., :1])], axis=-1) @ matrix.T
    mapped: npt.NDArray[np.float64] = homogeneous[..., :2] / homogeneous[..., 2:]
    return mapped


def local_scale(matrix: Matrix, height: int, width: int) -> float:
    """Largest stretch of the map output -> input over a grid of the output: input pixels per output pixel."""
    ys, xs = np.meshgrid(np.linspace(0, height - 1, 5), np.linspace(0, width - 1, 5), indexing="ij")
    at = np.stack([xs, ys], axis=-1)
    step = 0.5
    columns = [
        (project(matrix, at + offset) - project(matrix, at - offset)) / (2 * step)
        for offset in (np.array([step, 0.0]), np.array([0.0, step]))
    ]
    jacobian = np.stack(columns, axis=-1)
    return float(np.linalg.svd(jacobian, compute_uv=False).max())


def warp(image: Image, matrix: Matrix, size: tuple[int, int] | None = None) -> Image:
    """Resample ``image`` through ``matrix``; ``size`` is the output's (H, W), default the input's.

    Each output pixel averages a grid of bicubic samples (a = -0.75) fine enough for the strongest local
    shrinking, so minified parts do not alias. Outside the input the border pixel is repeated. The identity
    returns the image unchanged.
    """
    import torch
    import torch.nn.functional as F

    height, width = size if size is not None else (image.shape[0], image.shape[1])
    if height == image.shape[0] and width == image.shape[1] and np.array_equal(matrix, np.eye(3)):
        return image.copy()
    factor = min(MAX_SUPERSAMPLING, max(1, math.ceil(local_scale(matrix, height, width) - 1e-6)))
    inner = (np.arange(factor) + 0.5) / factor - 0.5
    xs = (np.arange(width)[:, None] + inner).reshape(-1)
    ys = (np.arange(height)[:, None] + inner).reshape(-1)
    grid = np.stack(np.meshgrid(xs, ys, indexing="xy"), axis=-1)
    source = project(matrix, grid)
    # grid_sample's own coordinates with align_corners=False: pixel centre i is at (2 i + 1) / n - 1
    unit = (2.0 * source + 1.0) / np.array([image.shape[1], image.shape[0]]) - 1.0
    pixels = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]
    sampled = F.grid_sample(
        pixels,
        torch.from_numpy(unit.astype(np.float32))[None],
        mode="bicubic",
        padding_mode="border",
        align_corners=False,
    )
    if factor > 1:
        sampled = F.avg_pool2d(sampled, factor)
    out: Image = sampled[0].clamp(0, 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return np.ascontiguousarray(out)
