"""Operands rounded as tensor cores read them.

Products of TF32 or bfloat16 values are exact in float32 and are summed in float32, so a float32 product
of rounded operands is what the tensor core computes, up to the order of the sum: the reduced-precision
path can be tested on a CPU. bfloat16 values are TF32 values too, and run at TF32's rate.
"""

from __future__ import annotations

import torch
from torch import Tensor

PRECISIONS = ("fp32", "tf32", "bf16")


def rounded(operand: Tensor, precision: str) -> Tensor:
    """float32 ``operand`` rounded to nearest in ``precision``; itself for fp32 and, by hardware, for TF32."""
    if precision == "bf16":
        return operand.bfloat16().float()
    if precision == "tf32" and not operand.is_cuda:
        # 13 of 23 mantissa bits are dropped; ties away from zero, as the hardware's conversion does
        bits = operand.view(torch.int32)
        return ((bits + 0x1000) & ~0x1FFF).view(torch.float32)
    return operand
