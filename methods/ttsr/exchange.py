"""TTSR's cross-scale feature integration and its tail."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refbench.nets.vgg import conv3x3


def conv1x1(inputs: int, outputs: int) -> nn.Conv2d:
    """1x1 convolution with bias."""
    return nn.Conv2d(inputs, outputs, 1)


def enlarge(x: Tensor, factor: int) -> Tensor:
    """Torch's bicubic (a=-0.75, not antialiased) upsampling."""
    return F.interpolate(x, scale_factor=factor, mode="bicubic", align_corners=False)


class ExchangeTwo(nn.Module):
    """CSFI between levels 1 and 2."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv12 = conv1x1(n, n)
        self.conv21 = conv3x3(n, n, stride=2)
        self.conv_merge1 = conv3x3(2 * n, n)
        self.conv_merge2 = conv3x3(2 * n, n)

    def forward(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor]:
        """(B, n, H, W) and (B, n, 2H, 2W) -> the same shapes."""
        x12 = torch.relu_(self.conv12(enlarge(x1, 2)))
        x21 = torch.relu_(self.conv21(x2))
        merged1 = torch.relu_(self.conv_merge1(torch.cat((x1, x21), dim=1)))
        return merged1, torch.relu_(self.conv_merge2(torch.cat((x2, x12), dim=1)))


class ExchangeThree(nn.Module):
    """CSFI between levels 1, 2 and 3."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv12 = conv1x1(n, n)
        self.conv13 = conv1x1(n, n)
        self.conv21 = conv3x3(n, n, stride=2)
        self.conv23 = conv1x1(n, n)
        self.conv31_1 = conv3x3(n, n, stride=2)
        self.conv31_2 = conv3x3(n, n, stride=2)
        self.conv32 = conv3x3(n, n, stride=2)
        self.conv_merge1 = conv3x3(3 * n, n)
        self.conv_merge2 = conv3x3(3 * n, n)
        self.conv_merge3 = conv3x3(3 * n, n)

    def forward(self, x1: Tensor, x2: Tensor, x3: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Levels at H, 2H and 4H -> the same shapes."""
        x12 = torch.relu_(self.conv12(enlarge(x1, 2)))
        x13 = torch.relu_(self.conv13(enlarge(x1, 4)))
        x21 = torch.relu_(self.conv21(x2))
        x23 = torch.relu_(self.conv23(enlarge(x2, 2)))
        x31 = torch.relu_(self.conv31_2(torch.relu_(self.conv31_1(x3))))
        x32 = torch.relu_(self.conv32(x3))
        merged1 = torch.relu_(self.conv_merge1(torch.cat((x1, x21, x31), dim=1)))
        merged2 = torch.relu_(self.conv_merge2(torch.cat((x2, x12, x32), dim=1)))
        return merged1, merged2, torch.relu_(self.conv_merge3(torch.cat((x3, x13, x23), dim=1)))


class MergeTail(nn.Module):
    """All levels at HR size, merged into an image; there is no global residual."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv13 = conv1x1(n, n)
        self.conv23 = conv1x1(n, n)
        self.conv_merge = conv3x3(3 * n, n)
        self.conv_tail1 = conv3x3(n, max(n // 2, 1))
        self.conv_tail2 = conv1x1(max(n // 2, 1), 3)

    def forward(self, x1: Tensor, x2: Tensor, x3: Tensor) -> Tensor:
        """Levels at H, 2H and 4H -> (B, 3, 4H, 4W), not clamped."""
        x13 = torch.relu_(self.conv13(enlarge(x1, 4)))
        x23 = torch.relu_(self.conv23(enlarge(x2, 2)))
        x = torch.relu_(self.conv_merge(torch.cat((x3, x13, x23), dim=1)))
        out: Tensor = self.conv_tail2(self.conv_tail1(x))
        return out
