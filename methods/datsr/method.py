"""DATSR as a method of the benchmark: any sizes in, one SR image out."""

from __future__ import annotations

import torch
from torch import Tensor

from refbench.nets.average import averaged
from refbench.nets.framing import pil_up
from refbench.nets.hosting import (
    checked_approx,
    checked_k,
    checked_padding,
    chosen_features,
    framed,
    load_correspondences,
    sizes_of,
)
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

from .config import RELEASED, DatsrConfig
from .model import DatsrModel
from .tiling import passes

NAME = "datsr"


def load_model(weights: ResolvedWeights) -> DatsrModel:
    """The model of a compact file, or the released net with official checkpoints; in eval mode."""
    whole = weights.paths.get("net")
    if whole is not None and has_config(whole):
        return build_from_checkpoint(whole, NAME, DatsrConfig, DatsrModel)
    model = DatsrModel(RELEASED)
    load_correspondences(model.correspondences, weights)
    path = weights.paths["restoration"]
    load_strict(model.restoration, read_checkpoint(path).tensors, path, "DATSR's restoration net")
    return model.eval()


class Datsr:
    """``method=datsr``. ``k``: matches mixed per position. ``padding``: ``inside`` or ``official``.
    ``multi``: what to do with several references, see refbench.nets.several. ``approx``: an opt-in
    approximation of the search, or None."""

    def __init__(
        self,
        weights: ResolvedWeights,
        device: torch.device,
        k: ParamValue = None,
        padding: ParamValue = "inside",
        multi: ParamValue = "first",
        approx: ParamValue = None,
    ) -> None:
        self.padding = checked_padding(NAME, padding)
        self.multi = checked_multi(NAME, multi, self.padding)
        self.device = torch.device(device)
        self.model = load_model(weights).to(self.device)
        self.model.correspondences.approx = self.approx = checked_approx(NAME, approx, self.multi)
        self.k = checked_k(NAME, k, self.model.config.top_k)
        self._references: ReferenceCache[ReferenceFeatures] = ReferenceCache(lambda f: (*f.keys, *f.textures))

    @torch.inference_mode()
    def __call__(self, inp: Input) -> Tensor:
        """SR (3, 4H, 4W), not clamped."""
        if self.multi == "average" and len(inp.refs) > 1:
            return averaged(inp, self)
        frames = framed(inp, NAME, self.padding, self.model.config.multiple, self.device, self.multi)
        frame = frames[0]
        sizes = sizes_of(frames, self.k, self.device, self.approx is not None)
        plan_passes(lambda: passes(self.model.config, sizes))
        with stage("extract"):
            upsampled = pil_up(frame.lr, inp.scale)
        features = [self._features(f.reference) for f in frames]
        reference = chosen_features(features, self.multi, upsampled[None], self.model.correspondences)
        sr = self.model.restore(frame.lr[None], upsampled[None], reference, self.k)
        return frame.cut(sr).float().to(inp.lr.device)

    def _features(self, reference: Tensor) -> ReferenceFeatures:
        return self._references.get(reference, lambda: self.model.correspondences.encode(reference[None]))
