"""Floating point operations: torch's counter, with the formulas that it lacks.

Counted are multiply-adds (2 each) of matrix products, convolutions, attention, deformable convolution,
weighted gathers and bilinear sampling. Elementwise work and reductions are not: they are bound by bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

Shape = Sequence[int]

BILINEAR = 8
"""Four multiply-adds for each value sampled between pixels."""


def deform_conv_flops(
    source: Shape, weight: Shape, offset: Shape, *rest: object, out_shape: Shape, **named: object
) -> int:
    """torchvision's (modulated) deformable convolution: bilinear samples, then a convolution.

    Masks scale the four weights of a sample, which all channels of a group share: not counted, and so
    the count is the same as for the gathers of refbench.nets.deform_gather.
    """
    batch, outputs, height, width = out_shape
    per_group, taps = weight[1], prod(weight[2:])
    samples = batch * source[1] * taps * height * width
    return BILINEAR * samples + 2 * batch * outputs * per_group * taps * height * width


def attention_flops(query: Shape, key: Shape, value: Shape, *rest: object, **named: object) -> int:
    """Fused attention on the CPU: two matrix products for each head; masks are not taken off."""
    return int(sdpa_flop_count(query, key, value))  # type: ignore[no-untyped-call]


def embedding_bag_flops(
    table: Shape,
    index: Shape,
    offsets: Shape,
    scale_grad: object = False,
    mode: object = 0,
    sparse: object = False,
    weights: Shape | None = None,
    *rest: object,
    **named: object,
) -> int:
    """A (weighted) sum of table rows for each bag."""
    return prod(index) * table[1] * (2 if weights is not None else 1)


def grid_sample_flops(
    source: Shape, grid: Shape, mode: int = 0, *rest: object, out_shape: Shape, **named: object
) -> int:
    """Sampling at given points; mode 0 is bilinear, 1 nearest, 2 bicubic (16 neighbours)."""
    return prod(out_shape) * {0: BILINEAR, 1: 0}.get(mode, 32)


def formulas() -> Mapping[Any, Callable[..., int]]:
    """Operator -> formula, for what torch's own table counts as nothing."""
    aten = torch.ops.aten
    found: dict[Any, Callable[..., int]] = {
        aten._scaled_dot_product_flash_attention_for_cpu: attention_flops,
        aten._embedding_bag_forward_only: embedding_bag_flops,
        aten._embedding_bag: embedding_bag_flops,
        aten.grid_sampler_2d: grid_sample_flops,
    }
    if "torchvision" in sys.modules:
        # where it is not imported, nothing can have called it
        found[torch.ops.torchvision.deform_conv2d] = deform_conv_flops
    return found


def flop_counter() -> FlopCounterMode:
    """A counter that knows :func:`formulas`; torch's global table stays as it is."""
    return FlopCounterMode(display=False, custom_mapping=dict(formulas()))
