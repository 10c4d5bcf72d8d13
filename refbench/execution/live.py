"""A Python callable as a method: what :func:`refbench.evaluate` runs where it lives, in this process."""

from __future__ import annotations

import inspect
import sys
import uuid
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from refbench.errors import UserError
from refbench.identity.code_digest import LIVE_PREFIX
from refbench.specs import MethodSpec
from refbench.types import Input

if TYPE_CHECKING:
    from torch import Tensor

MOST_REFS = 16


def live_spec(function: Callable[..., Any], name: str, scale: int) -> MethodSpec:
    """A spec for ``function``, valid in this process only.

    Its target is new each time: what a callable does cannot be known from outside (weights, closures,
    globals), so that no row of an earlier evaluation is ever reused. Raises UserError for something that
    cannot be called.
    """
    if not callable(function):
        raise UserError(f"evaluate: a {type(function).__name__} cannot be called; give f(lr, refs) -> sr")
    module = ModuleType(f"{LIVE_PREFIX}{uuid.uuid4().hex}")
    adapter = _adapter(function)
    vars(module)["Live"] = adapter
    sys.modules[module.__name__] = module
    return MethodSpec(
        name=name,
        target=f"{module.__name__}:Live",
        title=f"{name} (Python callable)",
        scale=scale,
        max_refs=MOST_REFS if _takes_references(function) else 0,
        uses_reference=_takes_references(function),
    )


def _adapter(function: Callable[..., Any]) -> type:
    """A method class that hands its input to ``function``."""
    import torch

    network = isinstance(function, torch.nn.Module)
    with_references = _takes_references(function)

    class Live:
        """``f(lr, refs) -> sr``, or an nn.Module with a batch of one."""

        def __init__(self, weights: object, device: torch.device) -> None:
            if isinstance(function, torch.nn.Module):
                function.to(device).eval()

        def __call__(self, inp: Input) -> Tensor:
            lr = inp.lr[None] if network else inp.lr
            refs = tuple(ref[None] if network else ref for ref in inp.refs)
            sr = function(lr, refs) if with_references else function(lr)
            if not isinstance(sr, torch.Tensor):
                sr = torch.as_tensor(sr)
            return sr[0] if sr.ndim == 4 and sr.shape[0] == 1 else sr

    return Live


def _takes_references(function: Callable[..., Any]) -> bool:
    """Whether it takes a second argument by position. A network with one is a single-image method."""
    import torch

    call = function.forward if isinstance(function, torch.nn.Module) else function
    try:
        parameters = inspect.signature(call).parameters.values()
    except (TypeError, ValueError):
        return True
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return True
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters) > 1
