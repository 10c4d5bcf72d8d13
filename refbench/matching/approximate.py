"""Opt-in approximations of the search, each with its recall measured: never a silent loss.

All of them choose candidates cheaply and score those exactly. ``docs/performance.md`` says when they pay:
at the sizes of the public test sets the exact search is hard to beat.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from refbench.matching.candidates import best_of
from refbench.matching.exact import search
from refbench.matching.features import Features
from refbench.matching.patchmatch import patchmatch
from refbench.matching.task import Task

APPROXIMATIONS = ("pca", "coarse", "patchmatch")
REACHED = 1e-6
"""A similarity this close to the exact best counts as found."""
RECALL_ROWS = 4
"""Query rows that are matched exactly to measure the recall."""
PCA_CHANNELS = 64
PCA_SPARE = 7
COARSE_RADIUS = 2


def approximate(task: Task, k: int, name: str) -> tuple[Tensor, Tensor, float, int]:
    """(score (k, h', w'), index (k, h', w'), recall, number of positions it was measured on).

    Raises ValueError for an unknown name and where the approximation does not apply.
    """
    if name not in APPROXIMATIONS:
        raise ValueError(f"approx {name!r} is unknown; known: {', '.join(APPROXIMATIONS)}")
    if name != "pca" and (task.stride > 1 or task.valid is not None):
        raise ValueError(f"approx {name!r} needs stride 1 and no reference_valid; use approx='pca' or none")
    if name == "pca":
        score, index = _pca(task, k)
    elif name == "coarse":
        score, index = _coarse(task, k)
    else:
        score, index = patchmatch(task, k)
    return score, index, *_recall(task, score[0])


def _recall(task: Task, score: Tensor) -> tuple[float, int]:
    """Share of positions in evenly spaced query rows whose exact best score is reached, and their number."""
    rows, columns = task.grid
    picked = sorted({int((i + 0.5) * rows / RECALL_ROWS) for i in range(RECALL_ROWS)})
    hits = 0
    for row in picked:
        top = row * task.stride
        raw = task.query.block(top, top + task.patch, 0, task.query.width)
        line = replace(task, query=Features(raw, None, task.query.patch_norm[row : row + 1], 0))
        exact, _ = search(line, 1)
        # scores carry the query patch's norm, similarities do not
        gap = (exact[0, 0] - score[row]) / task.query.patch_norm[row].clamp(min=1e-12)
        hits += int((gap <= REACHED).sum())
    return hits / (len(picked) * columns), len(picked) * columns


def _pca(task: Task, k: int) -> tuple[Tensor, Tensor]:
    """Search in the leading principal components of both maps' pixels, then score the best exactly."""
    channels = task.query.raw.shape[0]
    kept = min(PCA_CHANNELS, max(1, channels // 2))
    second = sum(_second_moment(f) for f in (task.query, task.reference))
    basis = torch.linalg.eigh(second).eigenvectors[:, -kept:].float().t()

    def project(features: Features) -> Features:
        whole = features.block(0, features.height, 0, features.width)
        low = (basis @ whole.view(channels, -1)).view(kept, features.height, features.width)
        return Features(low, None, features.patch_norm, 0)

    low = replace(task, query=project(task.query), reference=project(task.reference))
    _, index = search(low, min(k + PCA_SPARE, task.inverse.numel()))
    return best_of(task, index, k)


def _second_moment(features: Features) -> Tensor:
    pixels = features.block(0, features.height, 0, features.width).flatten(1)
    return (pixels @ pixels.t()).double() / pixels.shape[1]


def _coarse(task: Task, k: int) -> tuple[Tensor, Tensor]:
    """Search at half resolution, then exactly in a window around twice the displacement found."""
    rows, columns = task.reference_grid
    side = 2 * COARSE_RADIUS + 1
    if min(rows, columns) < side or side * side < k:
        raise ValueError(
            f"approx 'coarse' needs a reference grid of {side}x{side} or more and k <= {side * side}; "
            f"the grid is {rows}x{columns} and k={k}"
        )
    small = replace(
        task, query=_halved(task.query, task.patch), reference=_halved(task.reference, task.patch)
    )
    small = replace(small, inverse=small.reference.patch_norm.clamp(min=1e-12).reciprocal())
    _, index = search(small, 1)
    height, width = task.grid
    y, x = (torch.arange(n, device=task.device) for n in (height, width))
    near_y = (y // 2).clamp(max=small.grid[0] - 1)
    near_x = (x // 2).clamp(max=small.grid[1] - 1)
    near = index[0][near_y[:, None], near_x]
    small_row = torch.div(near, small.reference_grid[1], rounding_mode="floor")
    v = 2 * (small_row - near_y[:, None]) + y[:, None]
    u = 2 * (near - small_row * small.reference_grid[1] - near_x) + x
    # the window is moved, not cut, at the border: it always holds side * side different positions
    v = (v - COARSE_RADIUS).clamp(0, rows - side)
    u = (u - COARSE_RADIUS).clamp(0, columns - side)
    step = torch.arange(side, device=task.device)
    window = (step[:, None] * columns + step).view(-1, 1, 1)
    return best_of(task, v * columns + u + window, k)


def _halved(features: Features, patch: int) -> Features:
    whole = features.block(0, features.height, 0, features.width)
    # a map too small to halve keeps one patch
    size = (max(patch, features.height // 2), max(patch, features.width // 2))
    small = functional.adaptive_avg_pool2d(whole, size)
    energy = small.square().sum(0).double()
    summed = functional.avg_pool2d(energy[None, None], patch, 1, divisor_override=1)
    return Features(small, None, summed[0, 0].clamp_(min=0).sqrt_(), 0)
