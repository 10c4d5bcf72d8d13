"""What the pixel product multiplies: features as they are, or rounded as tensor cores read them.

Products of TF32 or bfloat16 values are exact in float32 and are summed in float32, so a float32 product
of rounded operands is what the tensor core computes, up to the order of the sum: the reduced-precision
path can be tested on a CPU. bfloat16 values are TF32 values too, and run at TF32's rate.

float16 has TF32's 10 bits of mantissa at bfloat16's rate, and a smaller range (:func:`within_range`).
``bf16x3`` splits every value into two bfloat16 parts, high and low, and leaves out the product of the two
low parts: three bfloat16 products in one matrix product over three times the channels, with about 16 bits
of mantissa.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from refbench.matching.features import Features

PRECISIONS = ("fp32", "tf32", "bf16", "bf16x3", "fp16")
Side = Literal["query", "reference"]


def channel_factor(precision: str) -> int:
    """How many times the channels of the features an operand has."""
    return 3 if precision == "bf16x3" else 1


def operand(features: Tensor, precision: str, side: Side) -> Tensor:
    """float32 (C, ...) -> float32 (C * channel_factor, ...), rounded to nearest in ``precision``.

    The features themselves for fp32 and, because the hardware rounds, for TF32 on CUDA.
    """
    return narrow(features, precision, side).float()


def narrow(features: Tensor, precision: str, side: Side) -> Tensor:
    """As :func:`operand`, in the type that a tensor core reads: float16, bfloat16 or float32."""
    if precision == "fp16":
        return features.half()
    if precision == "bf16":
        return features.bfloat16()
    if precision == "bf16x3":
        return parts(features, side)
    if precision == "tf32" and not features.is_cuda:
        # 13 of 23 mantissa bits are dropped; ties away from zero, as the hardware's conversion does
        bits = features.view(torch.int32)
        return ((bits + 0x1000) & ~0x1FFF).view(torch.float32)
    return features


def within_range(features: Features, precision: str) -> Features:
    """Features that ``precision`` holds: float16 ends at 65504.

    Where pixels are not normalised (then no value exceeds 1), a power of two brings the largest value to
    1 at most. Scores change by that factor and their order does not; nothing is read back.
    """
    if precision != "fp16" or features.scale is not None:
        return features
    exponent = torch.frexp(features.raw.abs().amax()).exponent
    factor = torch.ldexp(torch.ones((), device=features.raw.device), -exponent)
    return replace(features, scale=factor.expand(features.raw.shape[1:]))


def parts(features: Tensor, side: Side) -> Tensor:
    """bfloat16 (3 C, ...): high, high, low of the query; high, low, high of the reference."""
    high = features.bfloat16()
    low = (features - high.float()).bfloat16()
    return torch.cat((high, high, low) if side == "query" else (high, low, high))
