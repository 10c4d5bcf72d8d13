"""edvr_ref as a method of the benchmark: any sizes in, one SR image out."""

from __future__ import annotations

import torch
from torch import Tensor

from refbench.nets.edvr_trunk import MULTIPLE
from refbench.nets.framing import fit_to, replicate_to
from refbench.nets.needs import Sizes
from refbench.nets.pcd import Pyramid
from refbench.nets.reference_cache import ReferenceCache
from refbench.nets.several import checked_fuse
from refbench.specs import ParamValue
from refbench.tiling import plan_passes
from refbench.types import Input
from refbench.weights import ResolvedWeights
from refbench.weights.whole import build_from_checkpoint

from .config import EdvrRefConfig
from .net import EdvrRefNet
from .tiling import passes

NAME = "edvr_ref"


class EdvrRef:
    """``method=edvr_ref``. Runs with any number of references, also none.

    LR is continued by replication to multiples of 4. References are brought to exactly four times that:
    cut, or continued by replication, at the bottom and right. A resize would move content away from where
    it is, and alignment is local.
    """

    def __init__(self, weights: ResolvedWeights, device: torch.device, multi: ParamValue = "fuse") -> None:
        self.multi = checked_fuse(NAME, multi)
        self.device = torch.device(device)
        self.model = build_from_checkpoint(weights.paths["net"], NAME, EdvrRefConfig, EdvrRefNet)
        self.model.to(self.device)
        self._references: ReferenceCache[Pyramid] = ReferenceCache(lambda maps: maps)

    @torch.inference_mode()
    def __call__(self, inp: Input) -> Tensor:
        """SR (3, 4H, 4W), not clamped."""
        lr = replicate_to(inp.lr.to(self.device), MULTIPLE)
        height, width = (side * inp.scale for side in lr.shape[1:])
        references = [fit_to(ref.to(self.device), height, width) for ref in inp.refs]
        sizes = Sizes(
            (lr.shape[1], lr.shape[2]),
            tuple((height, width) for _ in references),
            cuda=self.device.type == "cuda",
        )
        plan_passes(lambda: passes(self.model.config, sizes))
        pyramids = [self._pyramid(one) for one in references]
        sr = self.model.restore(lr[None], pyramids)
        return (
            sr[0, :, : inp.lr.shape[1] * inp.scale, : inp.lr.shape[2] * inp.scale].float().to(inp.lr.device)
        )

    def _pyramid(self, reference: Tensor) -> Pyramid:
        return self._references.get(reference, lambda: self.model.encode_reference(reference[None]))
