"""Checkpoints that say what they are: safetensors with the recipe, the data and the curve in the metadata."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from refbench.errors import UserError
from refbench.files.disk import write_atomic

from .trainable import Trainable

FORMAT = "refbench-compact-1"
FEW = 16


def half(model: nn.Module) -> dict[str, torch.Tensor]:
    """The state_dict with parameters in fp16, which halves the file; the net computes in fp32 all the same.

    Buffers and tensors of a few values keep their type: they are, or may be, constants such as a mean
    that a loader compares exactly.
    """
    learned = {name for name, parameter in model.named_parameters() if parameter.numel() > FEW}
    return {k: (v.half() if k in learned else v).contiguous() for k, v in model.state_dict().items()}


def metadata(method: str, config_json: str, recipe_json: str, facts: Mapping[str, Any]) -> dict[str, str]:
    """Metadata of a checkpoint: every value is a string, structured ones are JSON."""
    found = {"format": FORMAT, "method": method, "config": config_json, "recipe": recipe_json}
    return found | {k: v if isinstance(v, str) else json.dumps(v, sort_keys=True) for k, v in facts.items()}


def load_encoder(path: str, net: Trainable) -> str:
    """Fill the encoder of ``net`` from another checkpoint of its kind; returns the sha256 of its tensors.

    Not of the file: safetensors keeps metadata in no fixed order, so a file written again has other bytes.

    UserError when the file is absent, is not a checkpoint, or holds another encoder.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    file = Path(path)
    if not file.is_file():
        raise UserError(f"train.encoder: no file {path!r}; give a checkpoint that refbench train wrote")
    content = file.read_bytes()
    encoder = net.matched.encoder
    prefix = next(name for name, module in net.model.named_modules() if module is encoder) + "."
    try:
        stored = load(content)
        own = {k.removeprefix(prefix): v for k, v in stored.items() if k.startswith(prefix)}
        encoder.load_state_dict(own)
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"train.encoder: {path!r} does not hold this net's encoder ({reason})") from error
    digest = hashlib.sha256()
    for name, tensor in sorted(own.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def export(path: Path, model: nn.Module, meta: Mapping[str, str]) -> None:
    """Write the weights of ``model`` as fp16 safetensors, whole or not at all.

    safetensors keeps metadata in no fixed order; the file is written so that equal weights and metadata
    give equal tensors, not equal bytes.
    """
    from safetensors.torch import save

    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, save(half(model), dict(meta)))
