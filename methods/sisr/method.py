"""Single-image super-resolution with a checkpoint of the user's."""

from __future__ import annotations

import torch
from torch import Tensor

from refbench.errors import SampleError, UserError
from refbench.specs import ParamValue
from refbench.stages import stage
from refbench.tiling import Window, plan_passes, tiled
from refbench.types import Input
from refbench.weights import ResolvedWeights

from .checkpoint import load_net
from .tiling import UPSCALE, measured_need, passes

NAME = "sisr"


class Sisr:
    """``method=sisr method.weights=FILE``. References are not looked at.

    ``overlap``: LR pixels around each window where ``memory.limit`` cuts the image. spandrel does not know
    how far an architecture sees, so windows of nets that see farther (or the whole image, as channel
    attention does) differ a little from the whole; without a limit nothing is cut.
    """

    def __init__(self, weights: ResolvedWeights, device: torch.device, overlap: ParamValue = 32) -> None:
        if not isinstance(overlap, int) or isinstance(overlap, bool) or overlap < 0:
            raise UserError(f"method.overlap={overlap} of {NAME}: give a whole number of LR pixels from 0")
        self.overlap = overlap
        self.device = torch.device(device)
        self.path = weights.paths["net"]
        self.net = load_net(self.path).to(self.device)
        self.model: torch.nn.Module = self.net.model
        self._need: float | None = None

    @torch.inference_mode()
    def __call__(self, inp: Input) -> Tensor:
        """SR (3, s*H, s*W) in [0, 1]."""
        if inp.scale != self.net.scale:
            raise SampleError(f"{self.path} enlarges x{self.net.scale}, x{inp.scale} is asked for")
        lr = inp.lr.to(self.device)[None]
        size = (lr.shape[2], lr.shape[3])
        plan_passes(lambda: passes(size, self.net.scale, self.need, self.multiple, self.overlap))

        def compute(window: Window) -> list[Tensor]:
            # spandrel pads each window to what the architecture needs, and cuts its answer; a copy, because
            # some architectures (RCAN) work in place on what they are given
            return [self.net(window.of(lr).clone())]

        with stage("restore"):
            (sr,) = tiled(UPSCALE, size, compute, (self.net.scale,))
        return sr[0].float().to(inp.lr.device)

    @property
    def multiple(self) -> int:
        """LR sides that the architecture takes are multiples of this."""
        return int(self.net.size_requirements.multiple_of)

    @property
    def need(self) -> float:
        """Bytes of working memory per LR pixel, measured once on a small image."""
        if self._need is None:
            self._need = measured_need(self.net, self.device)
        return self._need
