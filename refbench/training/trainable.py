"""What training asks of a method: its modules and the two ways through them.

A method folder that can be trained has a module ``trainable`` with ``build(weights, changes)`` returning a
:class:`Trainable`. The core finds it by name only.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from refbench.errors import UserError

from .data.pair import SCALE, Batch

Features = Sequence[Tensor]
"""Maps (B, C_l, H_l, W_l) at HR, HR/2 and HR/4, finest first."""


@dataclass(frozen=True)
class Trainable:
    """A net under training. Images are float32 RGB in [0, 1]."""

    model: nn.Module
    """Everything that a checkpoint holds."""
    encoder: nn.Module
    """The part of ``model`` that stage 1 trains: the correspondence encoder."""
    query: Callable[[Tensor], Features]
    """Features of image 1 (B, 3, H, W): the upsampled LR, or HR for the teacher."""
    key: Callable[[Tensor], Features]
    """Features of the reference (B, 3, H, W) as they are matched."""
    restore: Callable[[Tensor, Tensor], Tensor]
    """(lr, ref) -> SR, not clamped."""
    config_json: str
    """The net's configuration, for the checkpoint."""
    perceives_transfer: Callable[[Tensor], Tensor] | None = None
    """sr -> transferal perceptual loss of the last ``restore`` call (TTSR), where the method defines one."""
    most_references: int = 1
    """References that one training sample may have. Over 1, ``restore`` takes (B, K, 3, H, W) as well."""

    def restore_batch(self, batch: Batch) -> Tensor:
        """SR of a batch from as many of its references as the net takes."""
        several = self.most_references > 1 and batch.refs.shape[1] > 1
        return self.restore(batch.lr, batch.refs if several else batch.ref)


def upsample(lr: Tensor) -> Tensor:
    """Bicubic x4 as Pillow's (a = -0.5, which torch takes with ``antialias``), clamped to [0, 1].

    It is what the encoders see of an LR image, in training as in the hosted methods.
    """
    return F.interpolate(lr, scale_factor=SCALE, mode="bicubic", align_corners=False, antialias=True).clamp(
        0, 1
    )


def build_trainable(method: str, weights: str, changes: Mapping[str, Any]) -> Trainable:
    """The trainable net of a hosted method. UserError when it has none."""
    name = f"refbench.methods.{method}.trainable"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise
        raise UserError(f"method {method!r} cannot be trained here: it has no module trainable") from error
    built: Trainable = module.build(weights, changes)
    return built
