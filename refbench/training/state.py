"""What a killed run needs to go on: written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from refbench.errors import UserError


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values to ``path`` through a temporary file, so a kill leaves the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def load_state(path: Path, recipe: str) -> dict[str, Any] | None:
    """The saved state, or None when there is none. UserError when another recipe wrote it."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    if state["recipe"] != recipe:
        raise UserError(
            f"{str(path)!r} belongs to a run with another recipe or data; choose another out= or remove it"
        )
    return state
