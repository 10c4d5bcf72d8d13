"""MASA's match extraction: one coarse match per block, then a dense search in the window around it.

Both steps compare the encoder's finest features of the LR image with those of the reference at a quarter
of its size. Paper: Lu et al., "MASA-SR: Matching Acceleration and Spatial Adaptation for Reference-Based
Image Super-Resolution", CVPR 2021, section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .blocks import Blocks, Window, cut_blocks, window
from .config import MasaConfig

EPS = 1e-12
"""Smallest patch norm that is divided by (``max`` form, as in ``F.normalize``)."""
CHUNK = 2**24
"""Similarities held at a time (64 MB); the result does not depend on it beyond rounding."""


@dataclass(frozen=True)
class Geometry:
    """Blocks of the LR image and windows in the reference, for one pair of sizes."""

    blocks: Blocks
    down: Window
    across: Window


def geometry(lr: tuple[int, int], reference: tuple[int, int], config: MasaConfig) -> Geometry:
    """For feature sizes (H, W) of the LR image and of the reference at a quarter of its size."""
    blocks = cut_blocks(*lr, config.block)
    down = window(reference[0], blocks.rows, config.spread)
    return Geometry(blocks, down, window(reference[1], blocks.columns, config.spread))


def _inverse_norm(energy: Tensor, dilation: int = 1, padding: int = 0) -> Tensor:
    """1 / norm of the 3x3 patches of a map whose squared pixel norms are ``energy`` (B, 1, H, W)."""
    ones = energy.new_ones(1, 1, 3, 3)
    summed = F.conv2d(energy, ones, dilation=dilation, padding=padding)
    return summed.clamp_(min=0).sqrt_().clamp_(min=EPS).reciprocal_()


def _energy(features: Tensor) -> Tensor:
    return features.square().sum(dim=1, keepdim=True)


def _samples(padded: Tensor, blocks: Blocks, dilation: int) -> Tensor:
    """The unit 3x3 samples that stand for each block: (B, N, C, 3, 3), from the map padded by 1."""
    taps = torch.arange(-1, 2, device=padded.device) * dilation

    def places(count: int, size: int) -> Tensor:
        centres = torch.arange(count, device=padded.device) * size + (size + 2) // 2
        return centres[:, None] + taps

    ys, xs = places(blocks.rows, blocks.height), places(blocks.columns, blocks.width)
    picked = padded[:, :, ys[:, None, :, None], xs[None, :, None, :]]
    picked = picked.permute(0, 2, 3, 1, 4, 5).reshape(padded.shape[0], blocks.count, -1)
    return F.normalize(picked, dim=2, eps=EPS).view(padded.shape[0], blocks.count, -1, 3, 3)


@torch.no_grad()
def coarse_search(
    query: Tensor, key: Tensor, blocks: Blocks, dilations: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """(index, correlation), each (B, N): the reference pixel that each block is most like.

    query (B, C, H, W), key (B, C, Hr, Wr): features of LR and small reference. ``index`` is row-major
    over Hr x Wr; the correlation is the sum of one cosine similarity per dilation. Reference samples
    beyond the border are zero, LR samples there repeat the border. Ties go to the lowest index.
    """
    batch, _, height, width = key.shape
    padded = F.pad(query, (1, 1, 1, 1), mode="replicate")
    step = max(1, CHUNK // (height * width))
    energy = _energy(key)
    samples = [_samples(padded, blocks, d) for d in dilations]
    inverse = [_inverse_norm(energy, d, d) for d in dilations]
    value = key.new_empty(batch, blocks.count)
    index = torch.empty(batch, blocks.count, dtype=torch.int64, device=key.device)
    for b in range(batch):
        for first in range(0, blocks.count, step):
            last = min(first + step, blocks.count)
            total = key.new_zeros(1)
            for d, kernels, scale in zip(dilations, samples, inverse, strict=True):
                scores = F.conv2d(key[b : b + 1], kernels[b, first:last], dilation=d, padding=d)
                total = scores.mul_(scale[b : b + 1]).add_(total)
            # reshape: a channels-last result is read in row-major order of the reference
            best = total[0].reshape(last - first, height * width).max(dim=1)
            value[b, first:last], index[b, first:last] = best.values, best.indices
    return index, value


def window_starts(index: Tensor, place: Geometry) -> tuple[Tensor, Tensor]:
    """(y, x), each (B, N): top-left pixels of the windows around the coarse matches ``index`` (B, N)."""
    y = torch.div(index, place.across.length, rounding_mode="floor")
    return place.down.start(y), place.across.start(index - y * place.across.length)


def _tiles(features: Tensor, y: Tensor, x: Tensor, height: int, width: int) -> Tensor:
    """The (height, width) parts of (C, H, W) at top-left ``y``, ``x`` (n): (n, height, width, C)."""
    rows = y[:, None] + torch.arange(height, device=y.device)
    columns = x[:, None] + torch.arange(width, device=x.device)
    return features.permute(1, 2, 0)[rows[:, :, None], columns[:, None, :]]


@torch.no_grad()
def dense_search(query: Tensor, key: Tensor, place: Geometry, y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """(index, similarity), each (B, N, height, width): every LR pixel's best patch in its block's window.

    ``index`` is row-major over the window's diameter x diameter patch positions; similarity is the
    cosine of two 3x3 patches. ``y``, ``x`` (B, N) are the windows' top-left pixels. The taps of a patch
    share their products: pixels are compared once, then nine shifted copies are added.
    """
    blocks, down, across = place.blocks, place.down, place.across
    batch, channels = query.shape[:2]
    tall, wide = blocks.height, blocks.width
    padded = F.pad(query, (1, 1, 1, 1), mode="replicate")
    step = max(1, CHUNK // ((tall + 2) * (wide + 2) * down.side * across.side))
    corner_y = (torch.arange(blocks.rows, device=y.device) * tall).repeat_interleave(blocks.columns)
    corner_x = (torch.arange(blocks.columns, device=y.device) * wide).repeat(blocks.rows)
    inverse_q, inverse_k = _inverse_norm(_energy(padded)), _inverse_norm(_energy(key))
    index = torch.empty(batch, blocks.count, tall, wide, dtype=torch.int64, device=key.device)
    value = key.new_empty(batch, blocks.count, tall, wide)
    for b in range(batch):
        for first in range(0, blocks.count, step):
            part = slice(first, min(first + step, blocks.count))
            at_q, at_k = (corner_y[part], corner_x[part]), (y[b, part], x[b, part])
            q = _tiles(padded[b], *at_q, tall + 2, wide + 2)
            k = _tiles(key[b], *at_k, down.side, across.side)
            count = q.shape[0]
            pixels = q.reshape(count, -1, channels) @ k.reshape(count, -1, channels).transpose(1, 2)
            pixels = pixels.view(count, tall + 2, wide + 2, down.side, across.side)
            scores = key.new_zeros(count, tall, wide, down.diameter, across.diameter)
            for i in range(3):
                for j in range(3):
                    scores += pixels[
                        :, i : i + tall, j : j + wide, i : i + down.diameter, j : j + across.diameter
                    ]
            norm_k = _tiles(inverse_k[b], *at_k, down.diameter, across.diameter)
            scores *= norm_k.view(count, 1, 1, down.diameter, across.diameter)
            best = scores.flatten(3).max(dim=3)
            index[b, part] = best.indices
            value[b, part] = best.values * _tiles(inverse_q[b], *at_q, tall, wide)[..., 0]
    return index, value
