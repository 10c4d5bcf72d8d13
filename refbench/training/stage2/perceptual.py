"""Perceptual terms on VGG19 features. The weights are the user's torchvision file: nothing is downloaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn

from refbench.errors import UserError

RELU5_1 = 30
"""Layers of torchvision's VGG19 ``features`` up to and including relu5_1."""
HASH_PREFIX = "dcbb9e9d"


class Vgg19Features(nn.Module):
    """Frozen VGG19 up to relu5_1: (B, 3, H, W) in [0, 1] -> (B, 512, H/16, W/16)."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import vgg19

        self.layers = vgg19(weights=None).features[:RELU5_1].eval().requires_grad_(False)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        features: Tensor = self.layers((image - self.mean) / self.std)
        return features


def load_vgg19(path: str) -> Vgg19Features:
    """Fill the features from vgg19-dcbb9e9d.pth. UserError when it is not given, absent or another file."""
    if not path:
        raise UserError("train.vgg19 is missing: the perceptual terms need the path of vgg19-dcbb9e9d.pth")
    file = Path(path)
    if not file.is_file():
        raise UserError(f"train.vgg19: no file {path!r}; give the path of vgg19-dcbb9e9d.pth")
    if not hashlib.sha256(file.read_bytes()).hexdigest().startswith(HASH_PREFIX):
        raise UserError(
            f"train.vgg19: {path!r} is not vgg19-dcbb9e9d.pth (its sha256 does not start with {HASH_PREFIX})"
        )
    net = Vgg19Features()
    stored = torch.load(file, map_location="cpu", weights_only=True)
    net.load_state_dict(
        {
            k: v if k in ("mean", "std") else stored[k.replace("layers", "features")]
            for k, v in net.state_dict().items()
        }
    )
    return net


def perceptual(sr: Tensor, hr: Tensor, norm: str = "mse") -> Tensor:
    """Distance of features of SR and HR (no gradient to HR).

    ``mse`` is the mean square (TTSR); ``frobenius`` the Frobenius norm of the whole difference
    (C2-Matching and DATSR).
    """
    difference = sr - hr.detach()
    return torch.linalg.vector_norm(difference) if norm == "frobenius" else difference.square().mean()
