"""One level of C2-Matching's texture transfer: offsets from what LR and reference show, then the gather."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refbench.nets.correspondence import LevelMatch
from refbench.nets.dyn_agg import DynamicAggregation
from refbench.nets.residual import LEAK
from refbench.nets.vgg import conv3x3
from refbench.nets.warp import fit_under


def add_transfer(net: nn.Module, name: str, width: int, channels: int, groups: int) -> None:
    """Give ``net`` the modules of level ``name``: two offset convolutions and the aggregation.

    ``width``: channels of the LR features; ``channels``: of the reference's texture.
    """
    net.add_module(f"{name}_offset_conv1", conv3x3(width + channels, channels))
    net.add_module(f"{name}_offset_conv2", conv3x3(channels, channels))
    net.add_module(f"{name}_dyn_agg", DynamicAggregation(channels, groups))


def transfer(net: nn.Module, name: str, x: Tensor, texture: Tensor, match: LevelMatch) -> Tensor:
    """Texture (B, C, H, W) of the reference, gathered for ``x`` (B, width, H, W) by level ``name``.

    ``texture`` (B, C, h, w) may have another size than ``x``.
    """
    # the unwarped texture, as released: offsets see where the reference has structure
    seen = torch.cat([x, fit_under(texture, (x.shape[2], x.shape[3]), match.origin)], dim=1)
    branch = F.leaky_relu_(net.get_submodule(f"{name}_offset_conv1")(seen), LEAK)
    branch = F.leaky_relu_(net.get_submodule(f"{name}_offset_conv2")(branch), LEAK)
    aggregate = net.get_submodule(f"{name}_dyn_agg")
    gathered: Tensor = aggregate(texture, branch, match.pre_offset[:, 0], None, match.origin)
    return F.leaky_relu_(gathered, LEAK)
