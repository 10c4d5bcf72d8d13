"""The optional hooks of a method, asked in one place: files in the run key, preflight, costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from refbench.errors import UserError
from refbench.types import Identity, Preflight, TrialMeta

SHOWN = 10
"""Problems that an error line spells out; the rest are counted."""


def file_identity(method_class: object, params: Mapping[str, object], ids: Sequence[str]) -> str | None:
    """sha256 hex of the input files of a method (folder: its SR images), None for methods without any.

    It stands in the run key beside the weights digest. ``ids``: the samples that the run asks for.
    """
    if isinstance(method_class, Identity):
        return method_class.identity(params, ids)
    return None


def require_preflight(method: object, trials: Sequence[TrialMeta], label: str) -> None:
    """Ask ``method`` for problems before anything is computed.

    Raises UserError with the first ten and the total. A method without the hook always passes.
    """
    if not isinstance(method, Preflight):
        return
    problems = method.preflight(trials)
    if not problems:
        return
    shown = "; ".join(problems[:SHOWN])
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    samples = len({trial.sample_id for trial in trials})
    raise UserError(f"{label}: {len(problems)} of {samples} samples cannot be scored: {shown}{more}")


def measured_cost(method: object) -> Mapping[str, float] | None:
    """What the last call cost inside another process, for methods that run in one (external, command).

    Keys, where known: ``wall_s``, ``cpu_s``, ``peak_rss_mb``, ``peak_gpu_mb``. None: measure it here.
    """
    cost = getattr(method, "last_cost", None)
    return dict(cost) if cost else None
