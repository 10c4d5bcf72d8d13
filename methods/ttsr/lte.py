"""TTSR's learnable texture extractor: VGG19 slices, trained jointly with the rest."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from refbench.nets.layout import fast_layout
from refbench.nets.vgg import IMAGENET_MEAN, IMAGENET_STD, conv3x3

from .config import TtsrConfig


class MeanShift(nn.Conv2d):
    """(x - mean) / std as a frozen 1x1 convolution; its two tensors are part of the checkpoint."""

    def __init__(self) -> None:
        super().__init__(3, 3, 1)
        std = torch.tensor(IMAGENET_STD)
        self.weight.data = torch.eye(3).view(3, 3, 1, 1) / std.view(3, 1, 1, 1)
        assert self.bias is not None
        self.bias.data = -torch.tensor(IMAGENET_MEAN) / std
        self.requires_grad_(False)


def _slice(*layers: tuple[int, nn.Module]) -> nn.Sequential:
    """A Sequential whose names are torchvision's indices in ``vgg19().features``."""
    sequence = nn.Sequential()
    for index, layer in layers:
        sequence.add_module(str(index), layer)
    return sequence


class TextureExtractor(nn.Module):
    """LTE: relu1_1, relu2_1, relu3_1 of an image in [0, 1]."""

    def __init__(self, config: TtsrConfig) -> None:
        super().__init__()
        c1, c2, c3 = config.lte_channels
        self.slice1 = _slice((0, conv3x3(3, c1)), (1, nn.ReLU(inplace=True)))
        self.slice2 = _slice(
            (2, conv3x3(c1, c1)),
            (3, nn.ReLU(inplace=True)),
            (4, nn.MaxPool2d(2, 2)),
            (5, conv3x3(c1, c2)),
            (6, nn.ReLU(inplace=True)),
        )
        self.slice3 = _slice(
            (7, conv3x3(c2, c2)),
            (8, nn.ReLU(inplace=True)),
            (9, nn.MaxPool2d(2, 2)),
            (10, conv3x3(c2, c3)),
            (11, nn.ReLU(inplace=True)),
        )
        self.sub_mean = MeanShift()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 3, 4H, 4W) -> levels 1, 2, 3: HR, HR/2 and HR/4 resolution."""
        level1 = self.slice1(self.sub_mean(fast_layout(image)))
        level2 = self.slice2(level1)
        return level1, level2, self.slice3(level2)
