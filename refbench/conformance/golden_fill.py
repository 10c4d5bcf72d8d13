"""The deterministic weights of golden vectors: a rule from a tensor's name to its values.

The published values came from running the official nets with these weights, so no trained checkpoint is
needed to check a re-implementation.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import nn

Array = npt.NDArray[np.float32]

TWINS = ("feature_extraction_image1.", "feature_extraction_image2.")
"""Twin trunks get nearly equal weights (so that matching is meaningful), yet different ones."""


def fill_array(name: str, shape: Sequence[int], gain: float) -> Array:
    """Values of one tensor: PCG64 seeded by crc32(name); gain / sqrt(fan in) for two or more axes.

    One-dimensional tensors get 0.02 times the noise, LayerNorm weights 1 plus that.
    """
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode("utf-8"))))
    values = rng.standard_normal(tuple(shape), dtype=np.float32)
    if len(shape) >= 2:
        values *= np.float32(gain / math.sqrt(int(np.prod(shape[1:]))))
    elif "norm" in name and name.endswith(".weight"):
        values = np.float32(1) + np.float32(0.02) * values
    else:
        values *= np.float32(0.02)
    return values


def fill_named(name: str, shape: Sequence[int], gain: float) -> Array:
    """:func:`fill_array`, with the twins' rule: the shared values plus 0.1 times the own ones."""
    for twin in TWINS:
        if name.startswith(twin):
            own = np.float32(0.1) * fill_array(name, shape, gain)
            return fill_array(name.removeprefix(twin), shape, gain) + own
    return fill_array(name, shape, gain)


def _same(name: str) -> str:
    return name


def key_problems(
    module: nn.Module, entries: Sequence[Mapping[str, Any]], rename: Callable[[str], str] = _same
) -> list[str]:
    """What differs between a module's state_dict and a key list: names, shapes, dtypes.

    ``rename``: from a listed name to the module's own.
    """
    own = module.state_dict()
    listed = {rename(str(e["name"])): e for e in entries}
    problems = [f"missing {name}" for name in listed if name not in own]
    problems += [f"unexpected {name}" for name in own if name not in listed]
    for name, entry in listed.items():
        if name not in own:
            continue
        shape, dtype = list(own[name].shape), str(own[name].dtype).removeprefix("torch.")
        if shape != list(entry["shape"]):
            problems.append(f"{name} has shape {shape}, listed {entry['shape']}")
        if dtype != entry["dtype"]:
            problems.append(f"{name} is {dtype}, listed {entry['dtype']}")
    return problems


def fill_module(
    module: nn.Module, entries: Sequence[Mapping[str, Any]], rename: Callable[[str], str] = _same
) -> list[str]:
    """Load the rule's values strictly; returns the names whose crc32 differs from the list's.

    Entries without ``crc32_filled`` (buffers, frozen parameters) keep the constructor's values. ``rename``:
    from a listed name, which decides the values, to the module's own.
    """
    import torch

    state = module.state_dict()
    wrong = []
    for entry in entries:
        if "crc32_filled" not in entry:
            continue
        name = str(entry["name"])
        values = np.ascontiguousarray(fill_named(name, entry["shape"], float(entry["gain"])))
        if zlib.crc32(values.tobytes()) != entry["crc32_filled"]:
            wrong.append(name)
        state[rename(name)] = torch.from_numpy(values)
    module.load_state_dict(state, strict=True)
    module.eval()
    return wrong
