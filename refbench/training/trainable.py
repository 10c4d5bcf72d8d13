"""What training asks of a method: its modules and the two ways through them.

A method that can be trained has a function ``build(weights, changes)`` that returns a :class:`Trainable`:
``weights`` names the configuration (``compact``, ``official``: the recipe's ``weights``), ``changes`` are the
fields of ``train.net.*``. A hosted method has it in its module ``trainable``; any other names it in its
spec's ``trainable``. The core finds both by name only.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from refbench.errors import UserError
from refbench.registry import load_class

from .data.pair import SCALE, Batch

Features = Sequence[Tensor]
"""Maps (B, C_l, H_l, W_l) at HR, HR/2 and HR/4, finest first."""


@dataclass(frozen=True)
class Trainable:
    """A net under training. Images are float32 RGB in [0, 1]."""

    model: nn.Module
    """Everything that a checkpoint holds."""
    encoder: nn.Module | None
    """The part of ``model`` that stage 1 trains: the correspondence encoder. None: the net searches nothing
    and has no stage 1."""
    query: Callable[[Tensor], Features] | None
    """Features of image 1 (B, 3, H, W): the upsampled LR, or HR for the teacher. None without encoder."""
    key: Callable[[Tensor], Features] | None
    """Features of the reference (B, 3, H, W) as they are matched. None without encoder."""
    restore: Callable[[Tensor, Tensor], Tensor]
    """(lr, ref) -> SR, not clamped. ``ref`` is (B, 3, H, W); a net with ``most_references`` over 1 takes
    (B, K, 3, H, W) as well."""
    config_json: str
    """The net's configuration, for the checkpoint."""
    perceives_transfer: Callable[[Tensor], Tensor] | None = None
    """sr -> transferal perceptual loss of the last ``restore`` call (TTSR), where the method defines one."""
    join_trunks: Callable[[], None] | None = None
    """For an encoder with a trunk of its own per image, both of one form: makes the reference's equal to the
    other. The teacher, whose images are both at HR, trains one trunk, and both students start from it."""
    most_references: int = 1
    """References that one training sample may have. Over 1, ``restore`` takes (B, K, 3, H, W) as well; see
    :func:`each_reference`."""

    def restore_batch(self, batch: Batch) -> Tensor:
        """SR of a batch from as many of its references as the net takes."""
        several = self.most_references > 1 and batch.refs.shape[1] > 1
        return self.restore(batch.lr, batch.refs if several else batch.ref)

    @property
    def matched(self) -> Matched:
        """Encoder, query and key. UserError for a net that matches nothing."""
        if self.encoder is None or self.query is None or self.key is None:
            raise UserError(
                f"train: {type(self.model).__name__} matches nothing, so it has no stage 1; set "
                "train.stage1.teacher=0 train.stage1.student=0 and leave train.encoder out"
            )
        return Matched(self.encoder, self.query, self.key)

    @property
    def teaching(self) -> Matched:
        """What the teacher trains: one trunk for both images where the encoder has two."""
        encoder, query, key = self.matched
        return Matched(encoder, query, key if self.join_trunks is None else query)


class Matched(NamedTuple):
    """What stage 1 works on."""

    encoder: nn.Module
    query: Callable[[Tensor], Features]
    key: Callable[[Tensor], Features]


def each_reference(ref: Tensor) -> list[Tensor]:
    """The references of a batch one by one, (B, 3, H, W) each, from (B, 3, H, W) or (B, K, 3, H, W)."""
    return [ref] if ref.ndim == 4 else list(ref.unbind(dim=1))


def upsample(lr: Tensor) -> Tensor:
    """Bicubic x4 as Pillow's (a = -0.5, which torch takes with ``antialias``), clamped to [0, 1].

    It is what the encoders see of an LR image, in training as in the hosted methods.
    """
    return F.interpolate(lr, scale_factor=SCALE, mode="bicubic", align_corners=False, antialias=True).clamp(
        0, 1
    )


def build_trainable(method: str, weights: str, changes: Mapping[str, Any], target: str = "") -> Trainable:
    """The trainable net of a method, by ``target`` where its spec names one. UserError when it has none."""
    if target:
        made = load_class(target)(weights, changes)
        if not isinstance(made, Trainable):
            raise UserError(
                f"train: {target.partition(':')[2]} of method {method!r} returned {type(made).__name__}; "
                "return a refbench.training.trainable.Trainable"
            )
        return made
    name = f"refbench.methods.{method}.trainable"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise
        raise UserError(
            f"method {method!r} cannot be trained here: it has no module trainable, and its spec names none"
        ) from error
    built: Trainable = module.build(weights, changes)
    return built
