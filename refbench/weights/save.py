"""Writing a whole model with its configuration as one safetensors file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from refbench.files.disk import write_atomic
from refbench.weights.net_config import config_to_json

FORMAT = "refbench-net-1"


def save_model(
    model: nn.Module,
    config: Any,
    method: str,
    path: Path,
    *,
    half: bool = False,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write ``model`` and ``config`` (a dataclass) so that the method loads it without further files.

    ``half`` stores parameters as float16 (they are loaded as float32). ``notes`` go into the
    metadata next to the config: training data, licence, recipe. The file appears whole or not at all.
    """
    from safetensors.torch import save

    exact = {name for name, _ in model.named_buffers()}  # constants that loading compares

    def stored(name: str, value: Tensor) -> Tensor:
        value = value.detach().cpu().contiguous()
        return value.to(torch.float16) if half and name not in exact else value.clone()

    metadata = {**(notes or {}), "format": FORMAT, "method": method, "config": config_to_json(config)}
    tensors = {name: stored(name, value) for name, value in model.state_dict().items()}
    write_atomic(path, save(tensors, metadata))
