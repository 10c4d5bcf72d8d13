"""Asks the installed list of sample and evaluation photos whether a file may be trained on."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from pathlib import Path

Refuse = Callable[[Iterable[Path], Iterable[str]], None]
"""(files, roles) -> None, or UserError naming the first file that is, or is a copy of, a held-out photo."""

TRAINING = ("sample", "reference", "val")
"""Roles that no training photo may have."""
VALIDATION = ("sample", "reference")


def refuse_held_out(files: Iterable[Path], roles: Iterable[str]) -> None:
    """See ``refbench.datasets.photos.split``: by hash of the pixels and by one that survives resizing."""
    module = importlib.import_module("refbench.datasets.photos.split")
    refuse: Refuse = module.refuse_held_out
    refuse(files, roles)
