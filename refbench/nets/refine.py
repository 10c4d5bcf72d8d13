"""Matching at every scale, coarse to fine: each level searches a small window about the coarser match.

The paper defines correspondence matching with the encoders of each scale. Done exhaustively, the finest
level costs 256 times the coarsest and finds mostly look-alikes; the coarser match says where to look.
Here the flow of a pixel belongs to the patch *centred* on it, and all nine taps of the aggregation stand
around that one match, as in the paper's A_l (the released code lets every tap follow a neighbour's match).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from refbench.matching.offsets import index_to_flow
from refbench.nets.correspondence import LevelMatch
from refbench.tiling import tiled
from refbench.tiling.windows import Window

TAPS = 9
NORM_EPS = 1e-12
PATCH = 7
"""Side in HR/2 pixels of the patches compared in the window: on validation views 3 leaves a median error of
1.15 HR pixels, 7 one of 0.78, and the regularisation after it brings that to 0.5."""
REFINE_PASS = "refine"
REFINE_HALO = 6
"""LR pixels that a refined match depends on: 1 for the median and 1 for the enlargement of the coarse flow,
then at HR/2 3 for the patches, 2 for the median and 3 for the smoothing."""


def centred_flow(index: Tensor, grid_width: int) -> Tensor:
    """Flow (..., h, w, 2) of every pixel from the ``index`` (..., h-2, w-2) of unpadded 3x3 patches.

    The match of a patch goes to its centre; the rim takes the flow of the nearest patch.
    """
    flow = index_to_flow(index, grid_width, padded=0).movedim(-1, -3)
    lead = flow.shape[:-3]
    grown = F.pad(flow.reshape(-1, *flow.shape[-3:]).float(), (1, 1, 1, 1), mode="replicate")
    return grown.view(*lead, *grown.shape[1:]).movedim(-3, -1)


def unit_pixels(features: Tensor) -> Tensor:
    """(B, H, W, C): features (B, C, H, W), normalised per pixel."""
    return F.normalize(features, dim=1).permute(0, 2, 3, 1).contiguous()


class KeyTable:
    """Features to search in, ready for gathers: one row per pixel, a ring of zeros around the map."""

    def __init__(self, key: Tensor) -> None:
        batch, channels, height, width = key.shape
        self.rows, self.columns = height + 2, width + 2
        table = key.new_zeros(batch, self.rows, self.columns, channels)
        torch.div(
            key.permute(0, 2, 3, 1),
            torch.linalg.vector_norm(key, dim=1).clamp_(min=NORM_EPS).unsqueeze(-1),
            out=table[:, 1:-1, 1:-1],
        )
        self.pixels = table.view(-1, channels)


def window_scores(
    query: Tensor,
    key: Tensor | KeyTable,
    flow: Tensor,
    radius: int,
    patch: int = PATCH,
    origin: tuple[int, int] = (0, 0),
    pixels: Tensor | None = None,
) -> Tensor:
    """Similarity of patches at every whole-pixel displacement about ``flow``: (B, (2r+1)^2, H, W).

    query (B, C, H, W) and key (B, C, h, w): features, normalised per pixel here; flow (B, H, W, 2) whole
    pixels. The score is the mean over ``patch`` x ``patch`` pixels, row-major over (dy, dx). Positions
    outside the key score as zero features do: 0. ``origin``: (y, x) of the query's first pixel;
    ``pixels``: its :func:`unit_pixels`, where they are known.
    """
    batch, channels, height, width = query.shape
    found = key if isinstance(key, KeyTable) else KeyTable(key)
    rows, columns, table = found.rows, found.columns, found.pixels
    top, left = origin
    pixels = unit_pixels(query).view(-1, channels) if pixels is None else pixels.reshape(-1, channels)
    whole = flow.long()
    y = whole[..., 1] + torch.arange(top + 1, top + height + 1, device=flow.device).view(1, height, 1)
    x = whole[..., 0] + torch.arange(left + 1, left + width + 1, device=flow.device).view(1, 1, width)
    first = torch.arange(batch, device=flow.device).view(batch, 1, 1) * rows
    scores = []
    for dy in range(-radius, radius + 1):
        line = (first + (y + dy).clamp(0, rows - 1)) * columns
        for dx in range(-radius, radius + 1):
            place = line + (x + dx).clamp(0, columns - 1)
            # not vecdot: its rounding depends on how many pixels there are, and a window must equal the whole
            scores.append(table.index_select(0, place.view(-1)).mul_(pixels).sum(-1))
    stacked = torch.stack(scores).view(-1, batch, height, width).transpose(0, 1)
    return F.avg_pool2d(stacked, patch, 1, patch // 2, count_include_pad=False)


def _vertex(before: Tensor, at: Tensor, after: Tensor) -> Tensor:
    """Offset of a parabola's top through three equidistant scores, within half a step."""
    curvature = before - 2 * at + after
    return torch.where(curvature < -1e-6, 0.5 * (before - after) / curvature, torch.zeros_like(at)).clamp(
        -0.5, 0.5
    )


def refine(
    query: Tensor,
    key: Tensor | KeyTable,
    flow: Tensor,
    radius: int = 2,
    origin: tuple[int, int] = (0, 0),
    pixels: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The best displacement near ``flow`` (B, H, W, 2), its score and its distinctness.

    A parabola through the scores next to the best one gives fractions of a pixel; at the rim of the window
    there is none. Score (B, 1, H, W): the cosine similarity of the patches. Distinctness (B, 1, H, W),
    positive: how far the best score stands above the window's mean; next to nothing without texture.
    """
    flow = flow.round()
    scores = window_scores(query, key, flow, radius, origin=origin, pixels=pixels)
    side = 2 * radius + 1
    best = scores.argmax(dim=1, keepdim=True)
    dy, dx = torch.div(best, side, rounding_mode="floor"), best % side

    def near(row: Tensor, column: Tensor) -> Tensor:
        place = row.clamp(0, side - 1) * side + column.clamp(0, side - 1)
        return scores.gather(1, place)

    at = near(dy, dx)
    inner_x, inner_y = (dx > 0) & (dx < side - 1), (dy > 0) & (dy < side - 1)
    part_x = torch.where(inner_x, _vertex(near(dy, dx - 1), at, near(dy, dx + 1)), torch.zeros_like(at))
    part_y = torch.where(inner_y, _vertex(near(dy - 1, dx), at, near(dy + 1, dx)), torch.zeros_like(at))
    found = torch.cat((dx - radius + part_x, dy - radius + part_y), dim=1)
    distinct = (at - scores.mean(dim=1, keepdim=True)).clamp(min=1e-4)
    return flow + found.permute(0, 2, 3, 1), at, distinct


def _neighbours(planes: Tensor, side: int) -> Tensor:
    """(B, C, H, W) -> (B, C, side^2, H, W), the rim replicated."""
    batch, channels, height, width = planes.shape
    grown = F.pad(planes, (side // 2,) * 4, mode="replicate")
    return F.unfold(grown, side).view(batch, channels, side * side, height, width)


def median(flow: Tensor, side: int) -> Tensor:
    """Componentwise median of ``flow`` (B, H, W, 2) over side x side pixels: drops lone false matches."""
    return _neighbours(flow.permute(0, 3, 1, 2), side).median(dim=2).values.permute(0, 2, 3, 1)


def smooth(flow: Tensor, weight: Tensor, side: int = 7, reach: float = 1.5) -> tuple[Tensor, Tensor]:
    """Weighted mean of those neighbours that move alike, within ``reach`` pixels, and their share.

    ``weight`` (B, 1, H, W) lets textured places speak for flat ones; motion boundaries stay sharp. The
    share (B, 1, H, W) tells a true correspondence, which is coherent, from look-alikes, which point anywhere.
    """
    planes = flow.permute(0, 3, 1, 2)
    # relative to the pixel's own flow: sums of large displacements would round by more than fractions matter
    near = _neighbours(planes, side) - planes.unsqueeze(2)
    alike = (near.abs() < reach).all(dim=1, keepdim=True)
    share = alike.to(flow.dtype) * _neighbours(weight, side)
    mean = planes + (near * share).sum(dim=2) / share.sum(dim=2)
    return mean.permute(0, 2, 3, 1), alike.to(flow.dtype).mean(dim=2)


def enlarge(flow: Tensor, factor: int) -> Tensor:
    """Flow (B, H, W, 2) on a grid ``factor`` times finer: bilinear where neighbours agree, else nearest.

    Interpolating across a jump would point between two true matches.
    """
    planes = flow.permute(0, 3, 1, 2) * factor
    nearest = planes.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    smooth = F.interpolate(planes, scale_factor=factor, mode="bilinear", align_corners=False)
    agree = ((smooth - nearest).abs() < factor / 2).all(dim=1, keepdim=True)
    return torch.where(agree, smooth, nearest).permute(0, 2, 3, 1)


def refined_matches(
    queries: Sequence[Tensor], keys: Sequence[Tensor], index: Tensor, similarity: Tensor, grid_width: int
) -> list[LevelMatch]:
    """Matches of the three levels, finest first, from the exhaustive match of the coarsest.

    queries, keys: features (B, C_l, ...) of levels whose last two are HR/2 and HR/4; index, similarity
    (B, K, h-2, w-2) of the last. The HR/2 features, which still see the upsampled LR's detail, fix the
    position to a fraction of a pixel, and neighbours that move alike agree on it; the HR level takes it
    over, the LR level takes its mean.
    """
    levels: list[list[Tensor]] = [[], [], []]
    trust: list[Tensor] = []
    coarse = centred_flow(index, grid_width)
    table, pixels = KeyTable(keys[-2]), unit_pixels(queries[-2])
    for k in range(index.shape[1]):
        middle, alike, score = _refined(queries[-2], pixels, table, coarse[:, k])
        coarse_similarity = F.pad(similarity[:, k : k + 1], (1, 1, 1, 1), mode="replicate")
        coarse_similarity = coarse_similarity.repeat_interleave(2, -2).repeat_interleave(2, -1)
        trust.append(torch.cat((coarse_similarity, alike, score), dim=1))
        small = F.avg_pool2d(middle.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1) / 2
        for level, flow in enumerate((enlarge(middle, 2), middle, small)):
            levels[level].append(flow)
    trusted = torch.stack(trust, dim=1)
    sim = F.pad(similarity, (1, 1, 1, 1), mode="replicate").unsqueeze(2)
    matches = []
    for level, flows in enumerate(levels):
        flow, factor = torch.stack(flows, dim=1), 4 >> level
        tapped = flow.unsqueeze(2).expand(-1, -1, TAPS, -1, -1, -1)
        similar = sim.repeat_interleave(factor, -2).repeat_interleave(factor, -1)
        matches.append(LevelMatch(flow, tapped, similar, _resized(trusted, flow.shape[2:4])))
    return matches


def _refined(query: Tensor, pixels: Tensor, table: KeyTable, coarse: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(flow (B, 2h, 2w, 2), share of neighbours that move alike, score), both (B, 1, 2h, 2w), at HR/2 from
    the flow ``coarse`` (B, h, w, 2) at LR scale.

    In flat places the vertex of a parabola magnifies a rounding error of the scores by orders of magnitude,
    so a window's scores must be the whole image's to the last bit: ``pixels`` are normalised beforehand.
    """

    def compute(window: Window) -> tuple[Tensor, ...]:
        fine = window.times(2)
        start = enlarge(median(window.of_vectors(coarse), 3), 2)
        own = pixels[:, fine.top : fine.bottom, fine.left : fine.right]
        found, score, distinct = refine(fine.of(query), table, start, origin=fine.origin, pixels=own)
        middle, alike = smooth(median(found, 5), distinct)
        return middle.permute(0, 3, 1, 2), alike, score

    size = (coarse.shape[1], coarse.shape[2])
    middle, alike, score = tiled(REFINE_PASS, size, compute, (2, 2, 2))
    return middle.permute(0, 2, 3, 1), alike, score


def _resized(maps: Tensor, size: torch.Size) -> Tensor:
    """Maps (B, K, C, H, W) at another resolution, bilinear or averaged."""
    flat = maps.flatten(0, 1)
    if size[0] < flat.shape[2]:
        flat = F.avg_pool2d(flat, flat.shape[2] // size[0])
    elif size[0] > flat.shape[2]:
        flat = F.interpolate(flat, size=tuple(size), mode="bilinear", align_corners=False)
    return flat.view(*maps.shape[:3], *size)
