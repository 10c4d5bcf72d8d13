"""``refbench verify``: every clause of the method contract, tried on a loaded method.

The same kit serves built-in and third-party methods; nothing in it knows a method by name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from refbench.conformance import input_clauses, output_clauses
from refbench.conformance.context import Broken, Context, NotApplicable
from refbench.conformance.process_state import process_state, restore
from refbench.conformance.report import ClauseResult, ConformanceReport
from refbench.errors import SampleError, UserError
from refbench.execution.device import resolve_device
from refbench.execution.problem import one_line
from refbench.loader import load_method, resolve_weights
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


def verify_method(
    spec: MethodSpec,
    weights_choice: str | None = None,
    weights_root: Path | None = None,
    params: Mapping[str, ParamValue] | None = None,
    device: str = "auto",
    echo: Callable[[str], None] | None = None,
) -> ConformanceReport:
    """Load the method and try every clause, printing each as it is decided.

    weights_choice, weights_root, params, device: as for ``refbench run``. echo: receives the report
    line by line (None: silent). Raises UserError when the method cannot be loaded: that is a matter of
    files and parameters, not of conformance.
    """
    import torch

    name = resolve_device(device)
    process = process_state()
    weights = resolve_weights(spec, weights_choice, weights_root)
    method = load_method(spec, weights, params or {}, name)
    context = Context(spec, method, torch.device(name), process)
    looked_up = bool(getattr(type(method), "looks_up", False))
    results: list[ClauseResult] = []
    for clause in CLAUSES:
        if looked_up and clause in DYNAMIC:
            reason = "it returns stored images, which exist for its own samples only"
            results.append(ClauseResult(clause[0], clause[1], "skip", reason))
        else:
            results.append(check(clause, context))
            if clause in DYNAMIC:
                restore(process)
        if echo is not None:
            echo(results[-1].line(ascii_only=not _prints(results[-1].line())))
    label = getattr(weights, "label", "") if weights is not None else ""
    report = ConformanceReport(spec.name, str(label), name, tuple(results))
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
    except Exception as error:
        return ClauseResult(identifier, title, "fail", one_line(error))


def _prints(text: str) -> bool:
    """Whether the terminal's encoding has all characters of ``text``."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
