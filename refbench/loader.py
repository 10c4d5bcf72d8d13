"""From a method's spec to a callable: weights resolved, class imported, instance on its device."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from refbench.registry import load_class
from refbench.specs import MethodSpec, ParamValue
from refbench.types import Method

if TYPE_CHECKING:
    from refbench.weights import ResolvedWeights


def resolve_weights(spec: MethodSpec, choice: str | None, root: Path | None) -> ResolvedWeights | None:
    """The weights of ``choice`` (variant or path; None: the method's default), None without weights.

    Raises UserError when a file is missing or is another file than its name says.
    """
    if not spec.variants:
        return None
    from refbench.weights import resolve

    return resolve(spec, choice, root)


def load_method(
    spec: MethodSpec,
    weights: ResolvedWeights | None,
    params: Mapping[str, ParamValue],
    device: str,
) -> Method:
    """Import the class behind ``spec.target`` and construct it. Raises UserError for bad parameters."""
    import torch

    made: Any = load_class(spec.target)(weights, torch.device(device), **dict(params))
    return cast(Method, made)


def choose_device(device: str) -> str:
    """``auto`` becomes ``cuda`` where there is one, else ``cpu``; any other name stays as it is."""
    if device != "auto":
        return device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
