"""Initial weights for short trainings and for the published recipes."""

from __future__ import annotations

import torch
from torch import nn

from refbench.nets.residual import ResidualBlock

SOFT = 0.1


@torch.no_grad()
def soften(model: nn.Module, tail: nn.Module) -> None:
    """Start near the identity: residual branches and the last convolution of ``tail`` at a tenth.

    The net then begins as its upsampled base instead of several dB below it.
    """
    for module in model.modules():
        if isinstance(module, ResidualBlock):
            module.conv2.weight.mul_(SOFT)
    last = [module for module in tail.modules() if isinstance(module, nn.Conv2d)][-1]
    last.weight.mul_(SOFT)
    if last.bias is not None:
        last.bias.zero_()


@torch.no_grad()
def normal_start(model: nn.Module, deviation: float = 0.02) -> None:
    """N(0, 0.02) for every convolution, biases zero; ``conv_offset_mask`` zero (C2-Matching, DATSR)."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            if name.endswith("conv_offset_mask"):
                module.weight.zero_()
            else:
                module.weight.normal_(0.0, deviation)
            if module.bias is not None:
                module.bias.zero_()
