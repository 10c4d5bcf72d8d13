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


@torch.no_grad()
def even_start(model: nn.Module, slope: float = 0.1) -> None:
    """Kaiming's normal weights for leaky ReLUs of ``slope`` in every convolution, also deformable ones (twice
    that, since their masks start at one half); biases and offsets zero.

    torch's default halves the signal with each convolution. EDVR sends the reference through about fifteen
    before it meets the LR image: what arrived was a thousandth, its gradient 1e-8 of the weights, and after
    1,000 steps the net still gave the same image whatever the reference was.
    """
    for name, module in model.named_modules():
        weight = getattr(module, "weight", None)
        if not isinstance(weight, nn.Parameter) or weight.ndim != 4:
            continue
        if "conv_offset" in name:
            weight.zero_()
        else:
            nn.init.kaiming_normal_(weight, a=slope)
            if not isinstance(module, nn.Conv2d):
                weight.mul_(2)
        if isinstance(bias := getattr(module, "bias", None), nn.Parameter):
            bias.zero_()
