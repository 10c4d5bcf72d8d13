"""What a method must leave alone in its process: settings, hooks, and the functions of its libraries.

A bundled method shares its process with the others; third-party code has one of its own, but a laboratory
that calls two methods in a row has not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

WATCHED = (
    "torch", "torch.nn.functional", "torch.linalg", "torch.fft", "torch.cuda", "torch.Tensor",
    "torch.nn.Module", "torch.nn.Conv2d", "torch.nn.Linear",
    "numpy", "numpy.linalg", "numpy.random",
    "PIL.Image", "PIL.Image.Image", "PIL.ImageFile", "PIL.ImageOps", "PIL.PngImagePlugin",
)  # fmt: skip
"""Modules and classes whose functions are compared by identity, where they are imported already."""


@dataclass(frozen=True)
class Setting:
    """One thing that holds for the whole process."""

    name: str
    get: Callable[[], object]
    put: Callable[[Any], object]
    """Makes it what ``get`` said before."""


def process_state() -> dict[str, object]:
    """Everything that is watched, by name, as it is now."""
    return {
        **{setting.name: setting.get() for setting in settings()},
        **{f"hooks of torch: {name}": dict(found) for name, found in _hooks().items()},
        **_functions(),
    }


def changed(before: Mapping[str, object]) -> list[str]:
    """Names of what is not as it was; what has been added since (lazily imported modules) is not listed."""
    now = process_state()
    return [name for name, value in before.items() if name not in now or not _same(now[name], value)]


def restore(before: Mapping[str, object]) -> None:
    """Put everything back, so that one bad method does not spoil the clauses after it, or its host."""
    wrong = changed(before)
    if not wrong:
        return
    places = _places()
    for setting in settings():
        if setting.name in wrong:
            setting.put(before[setting.name])
    for name, hooks in _hooks().items():
        known = before.get(f"hooks of torch: {name}")
        if isinstance(known, Mapping):
            hooks.clear()
            hooks.update(known)
    for name in wrong:
        place, _, attribute = name.rpartition(".")
        if place in places:
            setattr(places[place], attribute, before[name])


def settings() -> Sequence[Setting]:
    """Flags and modes of torch, numpy, Pillow and the interpreter."""
    import numpy as np
    import torch
    from PIL import Image, ImageFile

    def flag(name: str, owner: Any, attribute: str) -> Setting:
        return Setting(
            name, lambda: getattr(owner, attribute), lambda value: setattr(owner, attribute, value)
        )

    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    return (
        Setting("working folder", os.getcwd, os.chdir),
        Setting("default dtype", torch.get_default_dtype, torch.set_default_dtype),
        Setting("default device", torch.get_default_device, torch.set_default_device),
        Setting("gradient mode", torch.is_grad_enabled, torch.set_grad_enabled),
        Setting("threads", torch.get_num_threads, torch.set_num_threads),
        flag("TF32 of convolutions", cudnn, "allow_tf32"),
        flag("TF32 of matmuls", matmul, "allow_tf32"),
        Setting(
            "precision of matmuls",
            torch.get_float32_matmul_precision,
            torch.set_float32_matmul_precision,
        ),
        flag("cuDNN", cudnn, "enabled"),
        flag("cuDNN's benchmark mode", cudnn, "benchmark"),
        flag("cuDNN's deterministic mode", cudnn, "deterministic"),
        Setting(
            "deterministic algorithms",
            torch.are_deterministic_algorithms_enabled,
            torch.use_deterministic_algorithms,
        ),
        Setting("numpy's error handling", np.geterr, lambda value: np.seterr(**value)),
        flag("PIL.ImageFile.LOAD_TRUNCATED_IMAGES", ImageFile, "LOAD_TRUNCATED_IMAGES"),
        flag("PIL.Image.MAX_IMAGE_PIXELS", Image, "MAX_IMAGE_PIXELS"),
        flag("sys.stdout", sys, "stdout"),
        flag("sys.stderr", sys, "stderr"),
    )


def _hooks() -> dict[str, dict[Any, Any]]:
    """torch's hooks on every module, by name."""
    from torch.nn.modules import module

    return {
        name: value
        for name, value in vars(module).items()
        if name.startswith("_global_") and isinstance(value, dict)
    }


def _places() -> dict[str, Any]:
    """The watched modules and classes that are imported, by their dotted names."""
    found: dict[str, Any] = {}
    for name in WATCHED:
        owner: Any = sys.modules.get(name)
        if owner is None:
            parent, _, attribute = name.rpartition(".")
            owner = getattr(sys.modules.get(parent), attribute, None)
        if owner is not None:
            found[name] = owner
    return found


def _functions() -> dict[str, object]:
    """Dotted name -> function, of every watched place; modules and data are left out."""
    return {
        f"{place}.{name}": value
        for place, owner in _places().items()
        for name, value in vars(owner).items()
        if callable(value) and not isinstance(value, ModuleType | type)
    }


def _same(now: object, before: object) -> bool:
    if callable(before):
        return now is before
    return bool(now == before)
