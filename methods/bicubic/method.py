"""Bicubic interpolation of the 8-bit LR image, as the RefSR papers measure their baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refbench.imaging import bicubic_resize
from refbench.stages import stage
from refbench.tensors import to_image, to_tensor

if TYPE_CHECKING:
    from torch import Tensor

    from refbench.types import Input


class Bicubic:
    """PIL's BICUBIC filter (a = -0.5, 8-bit output), not torch's (a = -0.75).

    Works on uint8 because the field does: a float path would keep overshoot and fractions of a grey
    level that the published baseline numbers never had.
    """

    parameter_count = 0

    def __init__(self, weights: None, device: str) -> None:
        del weights, device

    def __call__(self, inp: Input) -> Tensor:
        with stage("restore"):
            lr = to_image(inp.lr)
            size = (lr.shape[0] * inp.scale, lr.shape[1] * inp.scale)
            return to_tensor(bicubic_resize(lr, size)).to(inp.lr.device)
