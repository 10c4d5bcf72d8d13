"""VGG trunks up to relu3_1: the shape that texture and correspondence features have in RefSR nets.

Layer names, and with them the state_dict keys, are those of the official checkpoints. ``channels`` is
configurable so that compact nets can carry a small trunk of their own instead of VGG16/VGG19.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from refbench.nets.layout import fast_layout

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

VGG_CHANNELS = (64, 128, 256)

# torchvision's index of each convolution in ``vgg19().features`` (the same five in VGG16)
TORCHVISION_FEATURES = {"conv1_1": 0, "conv1_2": 2, "conv2_1": 5, "conv2_2": 7, "conv3_1": 10}

LEVELS = ("relu1_1", "relu2_1", "relu3_1")
"""Feature levels, finest first: HR, HR/2 and HR/4 resolution."""


def conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """3x3 convolution with bias that keeps the size (``stride=1``) or halves it."""
    return nn.Conv2d(inputs, outputs, 3, stride, 1)


def vgg_trunk(channels: tuple[int, int, int] = VGG_CHANNELS) -> nn.Sequential:
    """conv1_1 .. conv3_1 without the last ReLU; the output has a quarter of the input's size."""
    c1, c2, c3 = channels
    layers: list[tuple[str, nn.Module]] = [
        ("conv1_1", conv3x3(3, c1)),
        ("relu1_1", nn.ReLU(inplace=True)),
        ("conv1_2", conv3x3(c1, c1)),
        ("relu1_2", nn.ReLU(inplace=True)),
        ("pool1", nn.MaxPool2d(2, 2)),
        ("conv2_1", conv3x3(c1, c2)),
        ("relu2_1", nn.ReLU(inplace=True)),
        ("conv2_2", conv3x3(c2, c2)),
        ("relu2_2", nn.ReLU(inplace=True)),
        ("pool2", nn.MaxPool2d(2, 2)),
        ("conv3_1", conv3x3(c2, c3)),
    ]
    return nn.Sequential(OrderedDict(layers))


class NormalisedTrunk(nn.Module):
    """A VGG trunk behind ImageNet normalisation; ``mean`` and ``std`` are buffers of the checkpoint.

    ``trunk_name`` is the attribute that holds the trunk (``model`` or ``vgg_net`` in official keys).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, trunk_name: str, channels: tuple[int, int, int] = VGG_CHANNELS) -> None:
        super().__init__()
        self.trunk_name = trunk_name
        self.add_module(trunk_name, vgg_trunk(channels))
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))

    def levels(self, image: Tensor, wanted: tuple[str, ...] = LEVELS, last_relu: bool = True) -> list[Tensor]:
        """Features at ``wanted`` levels of ``image`` (B, 3, H, W in [0, 1]), after their ReLU.

        With ``last_relu=False`` relu3_1 is returned before its ReLU, as the contrastive extractor does.
        """
        x = fast_layout((image - self.mean) / self.std)
        found: dict[str, Tensor] = {}
        for name, layer in self.get_submodule(self.trunk_name).named_children():
            # the ReLUs work in place, so a level that is kept must not be overwritten by a later one:
            # convolutions and pools, which follow each kept level, allocate their own output
            x = layer(x)
            if name in wanted:
                found[name] = x
        if "relu3_1" in wanted:
            found["relu3_1"] = torch.relu(x) if last_relu else x
        return [found[name] for name in wanted]


class ContrastiveExtractor(nn.Module):
    """Two VGG16 trunks for matching (C2-Matching's student, DATSR's texture feature encoders E^q, E^k).

    ``feature_extraction_image1`` sees the bicubic-upsampled LR, ``feature_extraction_image2`` the HR
    reference. With ``shared=True`` one trunk serves both (paper form: Q and K from the same encoder).
    """

    def __init__(self, channels: tuple[int, int, int] = VGG_CHANNELS, shared: bool = False) -> None:
        super().__init__()
        self.shared = shared
        self.feature_extraction_image1 = NormalisedTrunk("model", channels)
        if not shared:
            self.feature_extraction_image2 = NormalisedTrunk("model", channels)

    def query(self, upsampled: Tensor, wanted: tuple[str, ...] = ("relu3_1",)) -> list[Tensor]:
        """Query features of the upsampled LR (B, 3, 4H, 4W), relu3_1 before its ReLU: (B, C, H, W)."""
        return self.feature_extraction_image1.levels(upsampled, wanted, last_relu=False)

    def key(self, reference: Tensor, wanted: tuple[str, ...] = ("relu3_1",)) -> list[Tensor]:
        """Key features of the reference image, same form as :meth:`query`."""
        trunk = self.feature_extraction_image1 if self.shared else self.feature_extraction_image2
        return trunk.levels(reference, wanted, last_relu=False)

    def join_trunks(self) -> None:
        """Give the reference's trunk the weights of the other one; the extractor has two."""
        self.feature_extraction_image2.load_state_dict(self.feature_extraction_image1.state_dict())


class TextureFeatures(nn.Module):
    """Value features V_l of the reference: relu1_1, relu2_1, relu3_1 of VGG19 (keys ``vgg.*``)."""

    def __init__(self, channels: tuple[int, int, int] = VGG_CHANNELS) -> None:
        super().__init__()
        self.vgg = NormalisedTrunk("vgg_net", channels)

    def forward(self, reference: Tensor) -> list[Tensor]:
        """(B, C_l, h_l, w_l) for the three levels, finest first."""
        return self.vgg.levels(reference)


def from_torchvision(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The part of a torchvision VGG state_dict that :class:`TextureFeatures` uses, under its own keys.

    Raises KeyError naming the first absent key.
    """
    found = {}
    for layer, index in TORCHVISION_FEATURES.items():
        for part in ("weight", "bias"):
            found[f"vgg.vgg_net.{layer}.{part}"] = state[f"features.{index}.{part}"]
    found["vgg.mean"] = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    found["vgg.std"] = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
    return found
