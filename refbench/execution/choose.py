"""From ``executor=NAME`` to an executor."""

from __future__ import annotations

from collections.abc import Mapping

from refbench.errors import unknown
from refbench.execution.executor import Executor
from refbench.specs import ParamValue


def make_executor(name: str, params: Mapping[str, ParamValue]) -> Executor:
    """The executor called ``name``; raises UserError with a suggestion."""
    if name == "serial":
        from refbench.execution.serial import SerialExecutor

        if params:
            raise unknown("option of executor=serial:", next(iter(params)), ())
        return SerialExecutor()
    raise unknown("executor", name, ("serial",))
