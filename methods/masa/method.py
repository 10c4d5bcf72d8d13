"""MASA as a method of the benchmark: any sizes in, one SR image out."""

from __future__ import annotations

import torch
from torch import Tensor

from refbench.nets.average import averaged
from refbench.nets.framing import pil_bicubic
from refbench.nets.hosting import framed
from refbench.nets.reference_cache import ReferenceCache
from refbench.nets.several import checked_multi
from refbench.specs import ParamValue
from refbench.stages import stage
from refbench.types import Input
from refbench.weights import ResolvedWeights
from refbench.weights.checkpoint import read_checkpoint
from refbench.weights.header import has_config
from refbench.weights.strict import load_strict
from refbench.weights.whole import build_from_checkpoint

from .config import RELEASED, MasaConfig
from .model import MasaModel, ReferenceFeatures

NAME = "masa"


def load_model(weights: ResolvedWeights) -> MasaModel:
    """The model of a file that carries its configuration, or the released net; in eval mode."""
    path = weights.paths["net"]
    if has_config(path):
        return build_from_checkpoint(path, NAME, MasaConfig, MasaModel)
    model = MasaModel(RELEASED)
    load_strict(model, read_checkpoint(path).tensors, path, "MASA")
    return model.eval()


def other_order(image: Tensor) -> Tensor:
    """RGB (3, H, W) -> BGR, or back: the official net was trained on what OpenCV reads."""
    return image.flip(0)


class Masa:
    """``method=masa``. LR is padded at its bottom and right to whole blocks, as far as it needs it.

    Under the ``masa`` protocol card nothing is left to pad: the card pads HR on all sides before LR is
    made, as the official code does. ``multi``: what to do with several references, see refbench.nets.several.
    """

    def __init__(self, weights: ResolvedWeights, device: torch.device, multi: ParamValue = "first") -> None:
        self.multi = checked_multi(NAME, multi)
        self.device = torch.device(device)
        self.model = load_model(weights).to(self.device)
        self._references: ReferenceCache[ReferenceFeatures] = ReferenceCache(lambda f: (f.key, *f.values))

    @torch.inference_mode()
    def __call__(self, inp: Input) -> Tensor:
        """SR (3, 4H, 4W), not clamped."""
        if self.multi == "average" and len(inp.refs) > 1:
            return averaged(inp, self)
        frames = framed(inp, NAME, "inside", self.model.config.block, self.device, self.multi)
        lr = other_order(frames[0].lr)[None]
        several = [self._features(frame.reference, inp.scale) for frame in frames]
        if self.multi == "best" and len(several) > 1:
            fits = [self.model.fits(lr, one) for one in several]
            several = [several[fits.index(max(fits))]]
        sr = self.model.restore(lr, several)
        return other_order(frames[0].cut(sr)).float().to(inp.lr.device)

    def _features(self, reference: Tensor, scale: int) -> ReferenceFeatures:
        return self._references.get(reference, lambda: self._encode(reference, scale))

    def _encode(self, reference: Tensor, scale: int) -> ReferenceFeatures:
        """The reference is matched at LR resolution: shrunk by PIL's bicubic."""
        with stage("extract"):
            small = pil_bicubic(reference, reference.shape[1] // scale, reference.shape[2] // scale)
        return self.model.encode(other_order(reference)[None], other_order(small)[None])
