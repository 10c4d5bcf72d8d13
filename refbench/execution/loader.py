"""From a method's spec to a callable: weights resolved, class imported, instance on its device."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from refbench.errors import UserError
from refbench.registry import load_class
from refbench.specs import MethodSpec, ParamValue
from refbench.types import Method

if TYPE_CHECKING:
    from refbench.weights import ResolvedWeights


def resolve_weights(spec: MethodSpec, choice: str | None, root: Path | None) -> ResolvedWeights | None:
    """The weights of ``choice`` (variant or path; None: the method's default), None without weights.

    Raises UserError when a file is missing or is another file than its name says, and when weights are
    named for a method that has none.
    """
    if not spec.takes_weights:
        if choice is not None:
            raise UserError(f"method.weights={choice}: {spec.name} has no weights; leave method.weights= out")
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
