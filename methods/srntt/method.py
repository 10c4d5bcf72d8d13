"""SRNTT as a method of the benchmark: any sizes in, one SR image out."""

from __future__ import annotations

import torch
from torch import Tensor

from refbench.nets.average import averaged
from refbench.nets.framing import pil_blurred, pil_up
from refbench.nets.hosting import checked_approx, chosen_features, framed, sizes_of, vgg19_features
from refbench.nets.matched import ReferenceFeatures
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

from .config import PORT, UNWEIGHTED, SrnttConfig
from .model import SrnttModel
from .tiling import passes

NAME = "srntt"


def load_model(weights: ResolvedWeights) -> SrnttModel:
    """The net of a checkpoint, with or without similarity weights, and VGG19; in eval mode."""
    path = weights.paths["net"]
    if has_config(path):
        return build_from_checkpoint(path, NAME, SrnttConfig, SrnttModel)
    tensors = read_checkpoint(path).tensors
    model = SrnttModel(PORT if "texture_transfer.a" in tensors else UNWEIGHTED)
    load_strict(model.restoration, tensors, path, "SRNTT (PyTorch port)")
    vgg = weights.paths["vgg19"]
    load_strict(model.texture, vgg19_features(vgg), vgg, "VGG19")
    return model.eval()


class Srntt:
    """``method=srntt``. The reference may have any size; it is cropped to multiples of 4, where the port's
    test script resizes. ``multi``: what to do with several references, see refbench.nets.several.
    ``approx``: an opt-in approximation of the search, or None."""

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
        self._references: ReferenceCache[ReferenceFeatures] = ReferenceCache(lambda f: (*f.keys, *f.textures))

    @torch.inference_mode()
    def __call__(self, inp: Input) -> Tensor:
        """SR (3, 4H, 4W), not clamped."""
        if self.multi == "average" and len(inp.refs) > 1:
            return averaged(inp, self)
        frames = framed(inp, NAME, "inside", 1, self.device, self.multi)
        frame = frames[0]
        sizes = sizes_of(frames, 1, self.device, self.approx is not None)
        plan_passes(lambda: passes(self.model.config, sizes))
        with stage("extract"):
            upsampled = pil_up(frame.lr, inp.scale)
        features = [self._features(f.reference, inp.scale) for f in frames]
        reference = chosen_features(features, self.multi, upsampled[None], self.model)
        sr = self.model.restore(frame.lr[None], upsampled[None], reference)
        return frame.cut(sr).float().to(inp.lr.device)

    def _features(self, reference: Tensor, scale: int) -> ReferenceFeatures:
        return self._references.get(reference, lambda: self._encode(reference, scale))

    def _encode(self, reference: Tensor, scale: int) -> ReferenceFeatures:
        """Keys see the reference at LR sharpness."""
        with stage("extract"):
            blurred = pil_blurred(reference, scale)
        return self.model.encode(reference[None], blurred[None])
