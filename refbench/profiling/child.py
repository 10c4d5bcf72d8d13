"""The fresh process of one cell: ``python -m refbench.profiling.child ORDER.json ANSWER.json``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refbench.errors import UserError
from refbench.files.disk import write_atomic
from refbench.profiling.cells import Order
from refbench.profiling.process import failure

EXHAUSTED = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")
"""How torch's allocators and the system word it."""


def main(argv: Sequence[str]) -> int:
    """Measure and write the answer, whole or not at all."""
    ordered, answer = map(Path, argv)
    order = Order.from_json(json.loads(ordered.read_text(encoding="utf-8")))
    write_atomic(answer, json.dumps(carry_out(order)).encode())
    return 0


def carry_out(order: Order) -> dict[str, Any]:
    """The measurements of ``order``; a failure is a result too."""
    try:
        return {"status": "ok", "error": "", **_measured(order)}
    except UserError as error:
        return failure("error", str(error))
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        exhausted = isinstance(error, MemoryError) or any(w in text.lower() for w in EXHAUSTED)
        return failure("memory" if exhausted else "error", text)


def _measured(order: Order) -> dict[str, Any]:
    from refbench.execution.threads import set_threads

    set_threads(order.conditions.threads)
    if order.kind == "machine":
        from refbench.profiling.machine import describe_machine

        return describe_machine(order.conditions)
    if order.kind == "matcher":
        from refbench.profiling.matchers import profile_matcher

        return profile_matcher(order.matcher_cell(), order.conditions)
    from refbench.profiling.methods import profile_method

    return profile_method(order.method_cell(), order.conditions)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
