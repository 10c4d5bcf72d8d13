"""A method in a file, for tests of the profiler: stages of known work, and three ways to fail."""

from __future__ import annotations

import os
import signal
import time

import torch
import torch.nn.functional as F
from torch import Tensor

from refbench.specs import MethodSpec, Param
from refbench.stages import stage
from refbench.types import Input

SPEC = MethodSpec(
    name="toy",
    target=":Toy",
    min_refs=1,
    max_refs=1,
    params={
        "k": Param(1, "matches"),
        "fail": Param("", "what goes wrong", ("", "kill", "abort", "memory", "raise", "hang", "shape")),
    },
)


class Toy:
    """A 3x3 convolution (extract), a matrix product (match), bicubic enlargement (restore); no transfer."""

    def __init__(self, weights: None, device: torch.device, k: int = 1, fail: str = "") -> None:
        self.k, self.fail = k, fail
        self.kernel = torch.full((4, 3, 3, 3), 0.1, device=device)

    def __call__(self, inp: Input) -> Tensor:
        if self.fail == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fail == "abort":
            os.abort()
        if self.fail == "memory":
            raise MemoryError("no room for the correlation")
        if self.fail == "raise":
            raise RuntimeError("no\nluck")
        if self.fail == "hang":
            time.sleep(60)
        with stage("extract"):
            features = F.conv2d(inp.lr[None], self.kernel, padding=1)[0]
        with stage("match"):
            flat = features.flatten(1)
            for _ in range(self.k):
                torch.mm(flat.t(), flat)
        with stage("restore"):
            scale = 1 if self.fail == "shape" else inp.scale
            return F.interpolate(inp.lr[None], scale_factor=scale, mode="bicubic")[0]
