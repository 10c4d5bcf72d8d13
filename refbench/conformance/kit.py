"""``refbench verify``: every clause of the method contract, tried on a loaded method.

The same kit serves built-in and third-party methods; nothing in it knows a method by name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from refbench.conformance import input_clauses, output_clauses
from refbench.conformance.context import Broken, Context, NotApplicable
from refbench.conformance.process_state import process_state, restore
from refbench.conformance.report import ClauseResult, ConformanceReport
from refbench.errors import SampleError, UserError
from refbench.execution.device import resolve_device
from refbench.execution.loader import load_method, resolve_weights
from refbench.execution.problem import one_line, place_of
from refbench.specs import MethodSpec, ParamValue

Clause = tuple[str, str, Callable[[Context], str]]

STATIC: tuple[Clause, ...] = (
    ("declared", "the spec's numbers agree", input_clauses.declared),
    ("parameters", "the class takes every declared parameter", input_clauses.parameters),
    ("hr-type", "HR cannot reach it: it is called with an Input, which has none", input_clauses.hr_by_type),
)
"""Clauses that call nothing."""

DYNAMIC: tuple[Clause, ...] = (
    ("process", "process-wide settings are left alone", input_clauses.process_untouched),
    ("shape", "SR has shape (3, scale*H, scale*W)", output_clauses.shape),
    ("dtype", "SR is float32", output_clauses.dtype),
    ("finite", "SR is finite", output_clauses.finite),
    ("range", "SR values belong to [0, 1]", output_clauses.value_range),
    ("deterministic", "the same input twice gives the same SR", output_clauses.deterministic),
    ("stateless", "SR does not depend on earlier calls", output_clauses.stateless),
    ("sizes", "odd, small and unequal sizes work", output_clauses.odd_sizes),
    ("references", "the declared reference counts work", input_clauses.reference_counts),
    ("hr-swap", "HR cannot reach it: noise in its place changes nothing", input_clauses.hr_by_swap),
    ("reacts", "it uses its references as declared", input_clauses.reacts),
    ("inputs", "LR and references are not modified", input_clauses.inputs_untouched),
)

CLAUSES = STATIC + DYNAMIC


@dataclass(frozen=True)
class Request:
    """A method to verify, as for ``refbench run``."""

    locator: str
    """Registry name, or ``path/to/file.py:SPEC``."""
    weights: str | None = None
    weights_root: Path | None = None
    params: Mapping[str, ParamValue] | None = None
    device: str = "auto"


class Examination:
    """A loaded method and the clauses that were tried on it, in this process."""

    def __init__(self, spec: MethodSpec, request: Request) -> None:
        """Raises UserError when the method cannot be loaded: that is a matter of files and parameters, not of
        conformance."""
        import torch

        self.spec = spec
        self.device = resolve_device(request.device)
        self._process = process_state()
        weights = resolve_weights(spec, request.weights, request.weights_root)
        method = load_method(spec, weights, request.params or {}, self.device)
        self.weights = str(getattr(weights, "label", "")) if weights is not None else ""
        self._context = Context(spec, method, torch.device(self.device), self._process)
        self._looked_up = bool(getattr(type(method), "looks_up", False))

    def try_clause(self, clause: Clause) -> ClauseResult:
        """Try one clause, and put back what the method changed in the process."""
        if self._looked_up and clause in DYNAMIC:
            reason = "it returns stored images, which exist for its own samples only"
            return ClauseResult(clause[0], clause[1], "skip", reason)
        result = check(clause, self._context)
        if clause in DYNAMIC:
            restore(self._process)
        return result


def verify_method(
    spec: MethodSpec,
    weights_choice: str | None = None,
    weights_root: Path | None = None,
    params: Mapping[str, ParamValue] | None = None,
    device: str = "auto",
    echo: Callable[[str], None] | None = None,
) -> ConformanceReport:
    """Load the method into this process and try every clause, printing each as it is decided.

    weights_choice, weights_root, params, device: as for ``refbench run``. echo: receives the report
    line by line (None: silent). Raises UserError when the method cannot be loaded. Third-party code that may
    end its process: :func:`refbench.conformance.outside.verify_outside`.
    """
    found = Examination(spec, Request(spec.name, weights_choice, weights_root, params, device))
    return report_of(spec.name, found.weights, found.device, map(found.try_clause, CLAUSES), echo)


def report_of(
    method: str,
    weights: str,
    device: str,
    results: Iterable[ClauseResult],
    echo: Callable[[str], None] | None,
) -> ConformanceReport:
    """The report of all clauses, each printed as it comes; what several of them say is said once."""
    said: dict[str, str] = {}
    kept: list[ClauseResult] = []
    for result in results:
        first = said.setdefault(result.detail, result.id) if result.status == "fail" else result.id
        if first != result.id:
            result = replace(result, detail=f"as under {first}")
        kept.append(result)
        if echo is not None:
            echo(result.line(ascii_only=not _prints(result.line())))
    report = ConformanceReport(method, weights, device, tuple(kept))
    if echo is not None:
        echo(report.summary())
    return report


def check(clause: Clause, context: Context) -> ClauseResult:
    """Try one clause. Whatever the method raises is a failed clause, never a traceback."""
    identifier, title, function = clause
    try:
        return ClauseResult(identifier, title, "pass", function(context))
    except NotApplicable as reason:
        return ClauseResult(identifier, title, "skip", str(reason))
    except Broken as seen:
        return ClauseResult(identifier, title, "fail", str(seen))
    except (UserError, SampleError) as error:
        return ClauseResult(identifier, title, "fail", " ".join(str(error).split()))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        place = place_of(error.__traceback__)
        return ClauseResult(identifier, title, "fail", one_line(error) + (f" ({place})" if place else ""))


def _prints(text: str) -> bool:
    """Whether the terminal's encoding has all characters of ``text``."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
