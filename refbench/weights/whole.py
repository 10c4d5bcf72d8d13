"""Building a model from a file that carries its own configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from torch import nn

from refbench.errors import UserError
from refbench.weights.checkpoint import read_checkpoint
from refbench.weights.net_config import config_from_json
from refbench.weights.strict import load_strict

C = TypeVar("C")
M = TypeVar("M", bound=nn.Module)


def build_from_checkpoint(path: Path, method: str, config_class: type[C], build: Callable[[C], M]) -> M:
    """The model in ``path`` (written by :func:`refbench.weights.save.save_model`), in eval mode.

    UserError when the file is damaged, has no config, or belongs to another method.
    """
    checkpoint = read_checkpoint(path)
    if "config" not in checkpoint.metadata:
        raise UserError(f"{path}: carries no config; give a file that `refbench train` wrote")
    owner = checkpoint.metadata.get("method", method)
    if owner != method:
        raise UserError(f"{path}: is a checkpoint of {owner}, not of {method}; use method={owner}")
    model = build(config_from_json(config_class, checkpoint.metadata["config"], str(path)))
    load_strict(model, checkpoint.tensors, path, method)
    return model.eval()
