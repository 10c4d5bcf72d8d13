"""Strict loading with errors that a person can act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from refbench.errors import UserError
from refbench.weights.header import shown

SHOWN = 3
"""Keys of each kind that an error line spells out."""


def load_strict(module: nn.Module, tensors: Mapping[str, Tensor], path: Path, what: str) -> None:
    """Load ``tensors`` into ``module``: every key, every shape, nothing more.

    ``what`` names the net in the UserError, which lists the first missing, unexpected and mis-shaped
    keys; also refused are NaN or infinite values, and constant buffers (masks, indices, mean, std) with
    other values than the architecture defines, because the nets compute with the defined ones.
    """
    own = module.state_dict()
    missing = [name for name in own if name not in tensors]
    unexpected = [name for name in tensors if name not in own]
    shaped = [
        f"{name} {_shape(tensors[name])} instead of {_shape(own[name])}"
        for name in own
        if name in tensors and tensors[name].shape != own[name].shape
    ]
    if missing or unexpected or shaped:
        parts = [
            _listed(kind, names)
            for kind, names in (("missing", missing), ("unexpected", unexpected), ("mis-shaped", shaped))
            if names
        ]
        raise UserError(f"{path}: no checkpoint of {what}: {'; '.join(parts)}")
    for name, buffer in module.named_buffers():
        if name in own and not torch.allclose(tensors[name].to(buffer), buffer, rtol=1e-5, atol=1e-6):
            raise UserError(f"{path}: buffer {name} differs from what {what} defines; is it a modified net?")
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise UserError(f"{path}: {name} has NaN or infinite values; the checkpoint is unusable")
    module.load_state_dict(dict(tensors), strict=True)


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _listed(kind: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    listed = [name if len(name) <= 60 and name.isprintable() else shown(name) for name in names[:SHOWN]]
    return f"{kind} {', '.join(listed)}{more}"
