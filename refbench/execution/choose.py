"""From ``executor=NAME`` to an executor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from refbench.errors import UserError, did_you_mean, unknown
from refbench.execution.executor import Executor
from refbench.specs import ParamValue

EXECUTORS = ("serial", "local")


def make_executor(name: str, params: Mapping[str, ParamValue]) -> Executor:
    """The executor called ``name``; raises UserError with a suggestion."""
    if name not in EXECUTORS:
        raise unknown("executor", name, EXECUTORS)
    if name == "serial":
        from refbench.execution.retries import check_pool
        from refbench.execution.serial import SerialExecutor

        _check(name, params, ("retries",))
        retries = params.get("retries")
        check_pool(1, None, 0 if retries is None else int(retries))
        return SerialExecutor()
    from refbench.execution.local import LocalExecutor

    _check(name, params, ("workers", "timeout", "retries"))
    workers, timeout, retries = (params.get(key) for key in ("workers", "timeout", "retries"))
    return LocalExecutor(
        None if workers is None else int(workers),
        None if timeout is None else float(timeout),
        2 if retries is None else int(retries),
    )


def _check(name: str, params: Mapping[str, ParamValue], known: Sequence[str]) -> None:
    for key, value in params.items():
        if key not in known:
            raise UserError(f"executor={name} has no option 'executor.{key}'{did_you_mean(key, known)}")
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise UserError(f"executor.{key}={value}: give a number")
