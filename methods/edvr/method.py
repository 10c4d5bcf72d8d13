"""EDVR as a method of the benchmark: references at LR size stand where a video has neighbour frames."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from refbench.errors import UserError
from refbench.nets.edvr_trunk import MULTIPLE
from refbench.nets.framing import mod_crop, pil_bicubic, replicate_to
from refbench.nets.needs import Sizes
from refbench.nets.pcd import Pyramid
from refbench.nets.reference_cache import ReferenceCache
from refbench.nets.several import checked_fuse
from refbench.specs import ParamValue
from refbench.stages import stage
from refbench.tiling import plan_passes
from refbench.types import Input
from refbench.weights import ResolvedWeights
from refbench.weights.checkpoint import read_checkpoint
from refbench.weights.header import has_config
from refbench.weights.strict import load_strict
from refbench.weights.whole import build_from_checkpoint

from .config import EdvrConfig, config_of
from .layout import basicsr_name, foreign_layout
from .net import EdvrNet
from .tiling import passes

NAME = "edvr"


def load_model(weights: ResolvedWeights) -> EdvrNet:
    """The net of a checkpoint in either layout, of whatever size its tensors have; in eval mode.

    UserError for a file that is not a checkpoint, and for EDVR's deblurring nets and MMagic's layout.
    """
    path = weights.paths["net"]
    if has_config(path):
        return build_from_checkpoint(path, NAME, EdvrConfig, EdvrNet)
    stored = read_checkpoint(path).tensors
    reason = foreign_layout(stored)
    if reason:
        raise UserError(f"{path}: {reason}")
    tensors = {basicsr_name(name): value for name, value in stored.items()}
    try:
        config = config_of({name: value.shape for name, value in tensors.items()})
    except (KeyError, ValueError, IndexError, ZeroDivisionError) as error:
        raise UserError(
            f"{path}: not a checkpoint of EDVR ({error}); give one of BasicSR's or of 2019"
        ) from None
    net = EdvrNet(config)
    load_strict(net, tensors, path, "EDVR")
    return net.eval()


def places(frames: int) -> list[int | None]:
    """Which reference stands in which frame: the LR image (None) in the middle, the first reference before
    it, further ones going outwards, then the rest behind it in order."""
    centre = frames // 2
    return [*reversed(range(centre)), None, *range(centre, 2 * centre)]


class Edvr:
    """``method=edvr``. Of the references only what remains at LR size is seen.

    The rules are refbench's own, since no paper applies EDVR to references: each is cropped to multiples of
    4 and reduced to a quarter by PIL's bicubic, then padded with black or cut at the bottom and right to the
    size of the LR image (itself continued by replication to multiples of 4). The LR image stands in for
    references that are missing; those beyond the last frame are not used.
    """

    def __init__(self, weights: ResolvedWeights, device: torch.device, multi: ParamValue = "fuse") -> None:
        self.multi = checked_fuse(NAME, multi)
        self.device = torch.device(device)
        self.model = load_model(weights).to(self.device)
        self._frames: ReferenceCache[Pyramid] = ReferenceCache(lambda maps: maps)

    @torch.inference_mode()
    def __call__(self, inp: Input) -> Tensor:
        """SR (3, 4H, 4W), not clamped."""
        lr = replicate_to(inp.lr.to(self.device), MULTIPLE)
        size = (lr.shape[1], lr.shape[2])
        used = inp.refs[: self.model.config.frames - 1]
        sizes = Sizes(
            size,
            tuple((ref.shape[1], ref.shape[2]) for ref in used) or ((4, 4),),
            cuda=self.device.type == "cuda",
        )
        plan_passes(lambda: passes(self.model.config, sizes))
        own = self.model.encode_lr(lr[None])
        pyramids = [self._pyramid(reduced(ref.to(self.device), size)) for ref in used]
        sr = self.model.restore(lr[None], arranged(own, pyramids, self.model.config.frames))
        height, width = (side * inp.scale for side in inp.lr.shape[1:])
        return sr[0, :, :height, :width].float().to(inp.lr.device)

    def _pyramid(self, frame: Tensor) -> Pyramid:
        return self._frames.get(frame, lambda: self.model.encode_lr(frame[None]))


def arranged(own: Pyramid, references: Sequence[Pyramid], frames: int) -> list[Pyramid]:
    """What stands in each frame; ``own`` where there is no reference."""
    return [own if k is None or k >= len(references) else references[k] for k in places(frames)]


def reduced(reference: Tensor, size: tuple[int, int]) -> Tensor:
    """``reference`` (3, h, w) at a quarter of its size, black-padded or cut to ``size``: (3, H, W)."""
    with stage("extract"):
        whole = mod_crop(reference, 4)
        small = pil_bicubic(whole, whole.shape[1] // 4, whole.shape[2] // 4)[:, : size[0], : size[1]]
        return F.pad(small, (0, size[1] - small.shape[2], 0, size[0] - small.shape[1]))
