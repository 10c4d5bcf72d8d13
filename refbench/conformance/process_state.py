"""Settings of the whole process that a method must leave alone: the next cell would inherit them."""

from __future__ import annotations

import os
from collections.abc import Mapping


def process_state() -> dict[str, object]:
    """The settings by name, as they are now."""
    import torch

    return {
        "working folder": os.getcwd(),
        "default dtype": torch.get_default_dtype(),
        "gradient mode": torch.is_grad_enabled(),
        "threads": torch.get_num_threads(),
        "TF32 of convolutions": torch.backends.cudnn.allow_tf32,
        "TF32 of matmuls": torch.backends.cuda.matmul.allow_tf32,
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
    }


def restore(state: Mapping[str, object]) -> None:
    """Put the settings back, so that one bad method does not spoil the clauses after it, or its host."""
    import torch

    now = process_state()
    if now == state:
        return
    os.chdir(str(state["working folder"]))
    dtype = state["default dtype"]
    assert isinstance(dtype, torch.dtype)
    torch.set_default_dtype(dtype)
    torch.set_grad_enabled(bool(state["gradient mode"]))
    torch.set_num_threads(int(str(state["threads"])))
    torch.backends.cudnn.allow_tf32 = bool(state["TF32 of convolutions"])
    torch.backends.cuda.matmul.allow_tf32 = bool(state["TF32 of matmuls"])
    torch.use_deterministic_algorithms(bool(state["deterministic algorithms"]))
