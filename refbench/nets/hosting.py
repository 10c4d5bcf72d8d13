"""What the method wrappers of the hosted nets share: parameters, references, official checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from refbench.errors import SampleError, UserError
from refbench.matching.matcher import Approximation
from refbench.nets.framing import Framed, frame_inside, frame_official
from refbench.nets.matched import Correspondences, ReferenceFeatures, join_features
from refbench.nets.needs import Sizes
from refbench.nets.options import APPROX
from refbench.nets.several import Compares, stitch
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


def checked_approx(method: str, approx: object, multi: str) -> Approximation | None:
    """``approx`` as a known name that goes with ``multi``, None for the exact search; UserError otherwise."""
    if approx is None:
        return None
    if approx not in APPROX:
        names = ", ".join(APPROX)
        raise UserError(f"method.approx={approx} of {method}: give one of {names}, or leave it out")
    if multi == "per_patch" and approx != "pca":
        raise UserError(f"method.approx={approx} of {method} knows no masks: with multi=per_patch use pca")
    return cast(Approximation, approx)


def reference_of(method: str, inp: Input) -> Tensor:
    """The first reference. SampleError without any."""
    if not inp.refs:
        raise SampleError(f"{method} needs a reference image and got none; give one, e.g. ref=FILE")
    return inp.refs[0]


def references_of(method: str, inp: Input, multi: str) -> list[Tensor]:
    """The references that ``multi`` uses, stitched where it says so. SampleError without any."""
    first = reference_of(method, inp)
    if multi == "first":
        return [first]
    return [stitch(inp.refs)] if multi == "stitch" else list(inp.refs)


def framed(
    inp: Input, method: str, padding: str, multiple: int, device: torch.device, multi: str = "first"
) -> list[Framed]:
    """LR with each reference that is used, on ``device``, in sizes that the net takes."""
    lr = inp.lr.to(device)
    references = [ref.to(device) for ref in references_of(method, inp, multi)]
    if padding == "official":
        return frame_official(lr, references, multiple, inp.scale)
    return [frame_inside(lr, ref, multiple, inp.scale) for ref in references]


def sizes_of(frames: Sequence[Framed], k: int, device: torch.device, approx: bool = False) -> Sizes:
    """What a method's need of memory depends on."""
    height, width = frames[0].lr.shape[1:]
    references = tuple((f.reference.shape[1], f.reference.shape[2]) for f in frames)
    return Sizes((height, width), references, k, device.type == "cuda", approx)


def chosen_features(
    several: Sequence[ReferenceFeatures], multi: str, upsampled: Tensor, module: Compares
) -> ReferenceFeatures:
    """One reference's features, or all of them joined, as ``multi`` says."""
    if multi != "best" or len(several) == 1:
        return join_features(several)
    means = [float(module.similarity(upsampled, one).mean()) for one in several]
    return several[means.index(max(means))]


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
