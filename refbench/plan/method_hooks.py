"""The optional hooks of a method, asked in one place: files in the run key, preflight, costs, parameters."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from refbench.errors import UserError
from refbench.types import Identity, TrialMeta

SHOWN = 10
"""Problems that an error line spells out; the rest are counted."""
DEEPEST = 6
"""How far inside a method its modules are looked for."""


def file_identity(method_class: object, params: Mapping[str, object], ids: Sequence[str]) -> str | None:
    """sha256 hex of the input files of a method (folder: its SR images), None for methods without any.

    It stands in the run key next to the weights digest. ``ids``: the samples that the run asks for.
    """
    if isinstance(method_class, Identity):
        return method_class.identity(params, ids)
    return None


@runtime_checkable
class Labelled(Protocol):
    """Optional on a method *class* that stands for many methods (external, command, folder)."""

    @staticmethod
    def label(params: Mapping[str, object]) -> str:
        """What tables show behind the method's name; empty for nothing. Raises UserError."""
        ...


def method_label(method_class: object, params: Mapping[str, object]) -> str:
    """Which of the methods behind one name this is; empty for a method that is only one."""
    return method_class.label(params) if isinstance(method_class, Labelled) else ""


@runtime_checkable
class Advising(Protocol):
    """Optional on a method with a ``preflight``: what to do about the problems that it found."""

    def advice(self, trials: Sequence[TrialMeta]) -> list[str]:
        """Sentences with words to paste, most useful first."""
        ...


def advice_of(method: object, trials: Sequence[TrialMeta]) -> list[str]:
    """The method's own advice; empty for one without."""
    return method.advice(trials) if isinstance(method, Advising) else []


def require_preflight(
    problems: Sequence[str], trials: Sequence[TrialMeta], label: str, advice: Sequence[str] = ()
) -> None:
    """Raises UserError with the first ten of the ``problems`` that a method's preflight found, their number,
    and the method's ``advice``."""
    if not problems:
        return
    shown = "; ".join(problems[:SHOWN])
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    samples = len({trial.sample_id for trial in trials})
    remedies = "".join(f"; {text}" for text in advice)
    raise UserError(
        f"{label}: {len(problems)} of {samples} samples cannot be scored: {shown}{more}{remedies}"
    )


def measured_cost(method: object) -> Mapping[str, float] | None:
    """What the last call cost inside another process, for methods that run in one (external, command).

    Keys, where known: ``wall_s``, ``cpu_s``, ``peak_rss_mb``, ``peak_gpu_mb``. None: measure it here.
    """
    cost = getattr(method, "last_cost", None)
    return dict(cost) if cost else None


def parameter_count(method: object) -> int | None:
    """Learned numbers of a method: its own ``parameter_count``, else of every nn.Module inside it, each once.

    None where neither is found: it works in another process, on files, or keeps its weights otherwise.
    """
    own = getattr(method, "parameter_count", None)
    if isinstance(own, int):
        return own
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    modules = list(_modules(method, torch.nn.Module, set(), DEEPEST))
    # equal tensors of several modules are one: nets share their extractors
    parameters = {id(p): p.numel() for module in modules for p in module.parameters()}
    return sum(parameters.values()) if modules else None


def _modules(found: object, kind: type[Any], seen: set[int], depth: int) -> Iterator[Any]:
    if id(found) in seen or depth < 0 or isinstance(found, type):
        return
    seen.add(id(found))
    if isinstance(found, kind):
        yield found
        return
    inside: list[object] = []
    if isinstance(found, Mapping):
        inside = list(found.values())
    elif isinstance(found, list | tuple | set | frozenset):
        inside = list(found)
    elif type(found).__module__.partition(".")[0] not in ("builtins", "torch", "numpy", "pathlib"):
        inside = list(getattr(found, "__dict__", {}).values())
    for part in inside:
        yield from _modules(part, kind, seen, depth - 1)
