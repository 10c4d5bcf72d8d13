"""A weights file for ST-LPIPS made by rule, with the wheel's own key names, for tests without the wheel."""

from __future__ import annotations

import math
import zlib

import numpy as np
import torch
from torch import Tensor

_CONVS = {
    "slice1.0": (64, 3, 11), "slice2.5": (192, 64, 5), "slice3.9": (384, 192, 3),
    "slice4.11": (256, 384, 3), "slice5.13": (256, 256, 3),
}  # fmt: skip
_BLURS = {"slice1.1": 64, "slice2.4": 64, "slice3.8": 192}


def _filled(name: str, shape: tuple[int, ...], gain: float) -> Tensor:
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    fan_in = math.prod(shape[1:]) if len(shape) > 1 else 2500
    return torch.from_numpy(
        rng.standard_normal(shape, dtype=np.float32) * np.float32(gain / math.sqrt(fan_in))
    )


def filled_state() -> dict[str, Tensor]:
    """All 20 tensors of ``alex_shift_tolerant.pth``, by name and shape."""
    state = {
        "scaling_layer.shift": torch.tensor([-0.030, -0.088, -0.188]).reshape(1, 3, 1, 1),
        "scaling_layer.scale": torch.tensor([0.458, 0.448, 0.450]).reshape(1, 3, 1, 1),
    }
    for key, (out, into, side) in _CONVS.items():
        state[f"net.{key}.weight"] = _filled(key + "w", (out, into, side, side), math.sqrt(2.0))
        state[f"net.{key}.bias"] = _filled(key + "b", (out,), 1.0)
    taps = torch.tensor([1.0, 2.0, 1.0])
    for key, width in _BLURS.items():
        state[f"net.{key}.filt"] = (taps[:, None] * taps / 16).repeat(width, 1, 1, 1)
    for k, width in enumerate((64, 192, 384, 256, 256)):
        state[f"lin{k}.model.1.weight"] = _filled(f"lin{k}", (1, width, 1, 1), 1.0).abs()
    return state
