"""How right a matcher is, where the true correspondence is known.

A reference made by a known warp of HR gives every HR point its true place in the reference, and so does a
real pair with measured disparity (see :mod:`refbench.matching.truth`). A match found on the LR grid
(features at 1/scale of HR) is a statement about the patch around one LR pixel; its error is the distance, in
HR pixels, between where the match points and where that pixel's centre truly is. Positions on a grid of step
4 are off by up to 2 px a side even for a perfect matcher (about 1.5 px on average for a general warp), so
PCK@1 has a ceiling below 1 for them; the ceiling is reported next to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refbench.matching.truth import Points, inside, truth_of

THRESHOLDS = (1, 2, 4)
Grid = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Accuracy:
    """Scores of one image; NaN-free: ``None`` where no query has a true place."""

    epe: float | None
    """Mean end-point error, HR pixels, over queries whose true place lies inside the reference."""
    pck: tuple[float, ...] | None
    """Share of those queries within 1, 2, 4 HR pixels."""
    ceiling: tuple[float, ...] | None
    """The same for the nearest place on the matcher's own grid: what no matcher on this grid can exceed."""
    inside: float | None
    """Share of all matches that point into the part of the reference that shows HR."""


def grid_centres(height: int, width: int, scale: int, offset: int) -> Points:
    """Centres (x, y) in HR pixels of an (height, width) grid of patches; ``offset``: features from a patch's
    top-left to its centre (1 for unpadded 3x3 patches, 0 for padded ones)."""
    ys, xs = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    centre = (np.stack([xs, ys], axis=-1) + offset) * float(scale) + (scale - 1) / 2
    return np.asarray(centre, dtype=np.float64)


def match_accuracy(
    index: Grid,
    reference_grid: tuple[int, int],
    truth: npt.NDArray[np.float64],
    hr_size: tuple[int, int],
    ref_size: tuple[int, int],
    *,
    scale: int = 4,
    offset: int = 1,
) -> Accuracy:
    """Score best matches ``index`` (h', w'), row-major over ``reference_grid``; -1 is not a match.

    ``truth``: 3 x 3 map from HR points to reference points, or the place of every HR pixel (H, W, 2), NaN
    where it is not known or not visible: such queries are not scored. Sizes are (H, W) in pixels.
    """
    known_truth = truth_of(truth, hr_size, ref_size)
    height, width = index.shape
    centres = grid_centres(height, width, scale, offset)
    true = known_truth.places(centres)
    found = grid_centres(*reference_grid, scale, offset).reshape(-1, 2)[np.maximum(index, 0)]
    matched = index >= 0
    known = matched & inside(true, ref_size) & inside(centres, hr_size)
    overlap = float(known_truth.shown(found)[matched].mean()) if matched.any() else None
    if not known.any():
        return Accuracy(None, None, None, overlap)
    error = np.linalg.norm(found - true, axis=-1)[known]
    best = np.linalg.norm(_nearest(true[known], reference_grid, scale, offset) - true[known], axis=-1)
    return Accuracy(
        float(error.mean()),
        tuple(float((error <= t).mean()) for t in THRESHOLDS),
        tuple(float((best <= t).mean()) for t in THRESHOLDS),
        overlap,
    )


def _nearest(points: Points, grid: tuple[int, int], scale: int, offset: int) -> Points:
    """The grid centre nearest to each point."""
    limits = np.array([grid[1] - 1, grid[0] - 1])
    cell = np.clip(np.rint((points - (scale - 1) / 2) / scale - offset), 0, limits)
    nearest: Points = (cell + offset) * scale + (scale - 1) / 2
    return nearest
