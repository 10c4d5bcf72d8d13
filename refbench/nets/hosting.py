"""What the method wrappers of the hosted nets share: parameters, references, official checkpoints."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from refbench.errors import UserError
from refbench.nets.framing import Framed, frame_inside, frame_official
from refbench.nets.matched import Correspondences
from refbench.nets.vgg import from_torchvision
from refbench.types import Input
from refbench.weights import ResolvedWeights
from refbench.weights.checkpoint import read_checkpoint
from refbench.weights.strict import load_strict

PADDINGS = ("inside", "official")


def checked_padding(method: str, padding: object) -> str:
    """``padding`` as a known name; UserError otherwise."""
    if padding not in PADDINGS:
        raise UserError(f"method.padding={padding} of {method}: give {' or '.join(PADDINGS)}")
    return str(padding)


def checked_k(method: str, k: object, default: int) -> int:
    """Number of matches to mix: a whole number from 1, or the checkpoint's own for None."""
    if k is None:
        return default
    if not isinstance(k, int) or isinstance(k, bool) or k < 1:
        raise UserError(f"method.k={k} of {method}: give a whole number from 1, or leave it out")
    return k


def reference_of(method: str, inp: Input) -> Tensor:
    """The first reference; the hosted nets use one. UserError without any."""
    if not inp.refs:
        raise UserError(f"{method} needs a reference image and got none; give one, e.g. ref=FILE")
    return inp.refs[0]


def framed(inp: Input, method: str, padding: str, multiple: int, device: torch.device) -> Framed:
    """LR and reference on ``device``, in sizes that the net takes."""
    frame = frame_official if padding == "official" else frame_inside
    return frame(inp.lr.to(device), reference_of(method, inp).to(device), multiple, inp.scale)


def load_correspondences(module: Correspondences, weights: ResolvedWeights) -> None:
    """Fill the encoders from the official ``feature_extraction.pth`` and torchvision's VGG19 file."""
    path = weights.paths["extractor"]
    load_strict(module.extractor, read_checkpoint(path).tensors, path, "the contrastive extractor")
    path = weights.paths["vgg19"]
    load_strict(module.texture, vgg19_features(path), path, "VGG19")


def vgg19_features(path: Path) -> dict[str, Tensor]:
    """VGG19's layers up to conv3_1 from torchvision's file. UserError when they are not in it."""
    try:
        return from_torchvision(read_checkpoint(path).tensors)
    except KeyError as error:
        raise UserError(f"{path}: no torchvision VGG19, it has no {error.args[0]}") from None
