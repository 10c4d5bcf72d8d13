"""TTSR as a method of the benchmark: any sizes in, one SR image out."""

from __future__ import annotations

import torch
from torch import Tensor

from refbench.nets.average import averaged
from refbench.nets.framing import Framed, pil_blurred, pil_up
from refbench.nets.hosting import checked_approx, framed, sizes_of
from refbench.nets.reference_cache import ReferenceCache
from refbench.nets.several import checked_multi
from refbench.specs import ParamValue
from refbench.stages import stage
from refbench.tiling import plan_passes
from refbench.types import Input
from refbench.weights import ResolvedWeights
from refbench.weights.checkpoint import read_checkpoint
from refbench.weights.header import has_config
from refbench.weights.strict import load_strict
from refbench.weights.whole import build_from_checkpoint

from .config import RELEASED, TtsrConfig
from .model import ReferenceTextures, TtsrModel, join_textures
from .tiling import passes

NAME = "ttsr"


def load_model(weights: ResolvedWeights) -> TtsrModel:
    """The model of a compact file, or the released net with an official checkpoint; in eval mode."""
    path = weights.paths["net"]
    if has_config(path):
        return build_from_checkpoint(path, NAME, TtsrConfig, TtsrModel)
    model = TtsrModel(RELEASED)
    # the released code drops its frozen training copy from checkpoints; one saved with it is as good
    tensors = {k: v for k, v in read_checkpoint(path).tensors.items() if not k.startswith("LTE_copy.")}
    load_strict(model, tensors, path, "TTSR")
    return model.eval()


def signed(image: Tensor) -> Tensor:
    """[0, 1] -> [-1, 1], TTSR's range."""
    return image * 2.0 - 1.0


class Ttsr:
    """``method=ttsr``. The official code pads nothing, and neither does this.
    ``multi``: what to do with several references, see refbench.nets.several. ``approx``: an opt-in
    approximation of the search, or None."""

    def __init__(
        self,
        weights: ResolvedWeights,
        device: torch.device,
        multi: ParamValue = "first",
        approx: ParamValue = None,
    ) -> None:
        self.multi = checked_multi(NAME, multi)
        self.device = torch.device(device)
        self.model = load_model(weights).to(self.device)
        self.model.approx = self.approx = checked_approx(NAME, approx, self.multi)
        self._references: ReferenceCache[ReferenceTextures] = ReferenceCache(lambda f: (f.key, *f.values))

    @torch.inference_mode()
    def __call__(self, inp: Input) -> Tensor:
        """SR (3, 4H, 4W) in [0, 1]."""
        if self.multi == "average" and len(inp.refs) > 1:
            return averaged(inp, self)
        frames = framed(inp, NAME, "inside", 1, self.device, self.multi)
        frame = frames[0]
        sizes = sizes_of(frames, 1, self.device, self.approx is not None)
        plan_passes(lambda: passes(self.model.config, sizes))
        with stage("extract"):
            upsampled = pil_up(frame.lr, inp.scale)
        several = [self._features(f, inp.scale) for f in frames]
        if self.multi == "best" and len(several) > 1:
            fits = [float(self.model.search(signed(upsampled[None]), one)[1].mean()) for one in several]
            several = [several[fits.index(max(fits))]]
        reference = join_textures(several)
        sr = self.model.restore(signed(frame.lr[None]), signed(upsampled[None]), reference)
        return frame.cut(sr).float().add(1.0).div(2.0).to(inp.lr.device)

    def _features(self, frame: Framed, scale: int) -> ReferenceTextures:
        return self._references.get(frame.reference, lambda: self._encode(frame, scale))

    def _encode(self, frame: Framed, scale: int) -> ReferenceTextures:
        """Keys see the reference at LR sharpness: see pil_blurred."""
        with stage("extract"):
            blurred = pil_blurred(frame.reference, scale)
        return self.model.encode(signed(frame.reference[None]), signed(blurred[None]))
