"""From ``executor=NAME`` to an executor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from refbench.errors import UserError, did_you_mean, unknown
from refbench.execution.executor import Executor
from refbench.specs import ParamValue

EXECUTORS = ("serial", "local", "ray")


def make_executor(name: str, params: Mapping[str, ParamValue]) -> Executor:
    """The executor called ``name``; raises UserError with a suggestion."""
    if name not in EXECUTORS:
        raise unknown("executor", name, EXECUTORS)
    if name == "serial":
        from refbench.execution.retries import check_pool
        from refbench.execution.serial import SerialExecutor

        _check(name, params, ("timeout", "retries"))
        retries, timeout = params.get("retries"), params.get("timeout")
        check_pool(1, None, 0 if retries is None else int(retries))
        return SerialExecutor(None if timeout is None else float(timeout))
    if name == "ray":
        return _ray(params)
    from refbench.execution.local import LocalExecutor

    _check(name, params, ("workers", "timeout", "retries"))
    workers, timeout, retries = (params.get(key) for key in ("workers", "timeout", "retries"))
    return LocalExecutor(
        None if workers is None else int(workers),
        None if timeout is None else float(timeout),
        2 if retries is None else int(retries),
    )


def _ray(params: Mapping[str, ParamValue]) -> Executor:
    from refbench.execution.ray.executor import RayExecutor
    from refbench.execution.ray.options import RayOptions, require_ray

    require_ray()
    numbers = ("workers", "num_cpus", "num_gpus", "timeout", "retries", "start_timeout", "ship_limit")
    _check("ray", params, numbers, texts=("address", "ship"))
    given: dict[str, Any] = {key: value for key, value in params.items() if value is not None}
    for key, value in given.items():
        if key in numbers:
            given[key] = int(value) if key in ("workers", "retries") else float(value)
    return RayExecutor(RayOptions(**given))


def _check(
    name: str, params: Mapping[str, ParamValue], numbers: Sequence[str], texts: Sequence[str] = ()
) -> None:
    known = (*numbers, *texts)
    for key, value in params.items():
        if key not in known:
            raise UserError(f"executor={name} has no option 'executor.{key}'{did_you_mean(key, known)}")
        if key in texts:
            if value is not None and not isinstance(value, str):
                raise UserError(f"executor.{key}={value}: give a text")
            continue
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise UserError(f"executor.{key}={value}: give a number")
