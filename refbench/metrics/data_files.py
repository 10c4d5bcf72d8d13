"""The small parameter files that metrics carry along, read as numpy arrays or tensors."""

from __future__ import annotations

from importlib.resources import files
from typing import Any


def content(name: str) -> bytes:
    """The bytes of ``refbench/metrics/data/<name>``."""
    return (files("refbench.metrics.data") / name).read_bytes()


def arrays(name: str) -> dict[str, Any]:
    """The arrays of ``<name>.safetensors``."""
    from safetensors.numpy import load

    return dict(load(content(f"{name}.safetensors")))
