"""What a killed run needs to go on: written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from refbench.errors import UserError
from refbench.files.disk import atomic_file


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values to ``path`` whole or not at all: a kill leaves the old state."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as stream:
        torch.save(state, stream)


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
