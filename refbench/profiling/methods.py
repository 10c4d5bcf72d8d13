"""Measurements of one method at one size, made in a process of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from refbench.errors import UserError
from refbench.execution.call import Settings, checked, invoke
from refbench.execution.loader import load_method, resolve_weights
from refbench.execution.problem import WrongOutput
from refbench.plan.method_hooks import measured_cost
from refbench.profiling.cells import Conditions, MethodCell
from refbench.profiling.counting import Work, count_work
from refbench.profiling.energy import calls_for, counters_of, measure_energy
from refbench.profiling.images import image_pair
from refbench.profiling.meter import MemoryUse, measure_memory, meter_for
from refbench.profiling.random_weights import is_random, random_weights
from refbench.profiling.timing import OTHER, TOTAL, Timing, measure_times
from refbench.profiling.tracing import write_trace
from refbench.registry import Registry
from refbench.specs import MethodSpec
from refbench.types import Input, Method

if TYPE_CHECKING:
    from refbench.weights import ResolvedWeights


def profile_method(cell: MethodCell, conditions: Conditions) -> dict[str, Any]:
    """Load the method, then: warm-up, a pass for memory, timed repeats, energy, a pass that counts, a trace.

    Every pass gets images of its own, because the hosted nets keep the features of a reference they
    have seen. UserError for what cannot be loaded and for SR of a wrong shape.
    """
    device = torch.device(conditions.device)
    spec = Registry.discover().method_here(cell.locator)
    method, weights = _loaded(spec, cell, conditions)
    runs = _Runs(method, cell, conditions, spec.scale, device)
    for _ in range(conditions.warmup):
        runs.next()()
    meter = meter_for(device)
    memory = measure_memory(runs.next(), meter) if meter is not None else None
    times = measure_times([runs.next() for _ in range(conditions.repeats)], device)
    energy, no_energy = _energy(runs, times, device)
    outside = measured_cost(method)
    work, other, total = count_work(runs.next())
    if cell.trace is not None:
        write_trace(runs.next(), Path(cell.trace), device)
    return {
        "method": spec.name,
        "weights": _weights_facts(weights),
        "memory_before_mb": memory.before if memory is not None else None,
        "stages": _stages(times, memory, {**work, OTHER: other, TOTAL: total}),
        "outside": dict(outside) if outside is not None else None,
        "energy": energy,
        "no_energy": no_energy,
    }


def _energy(
    runs: _Runs, times: dict[str, Timing], device: torch.device
) -> tuple[dict[str, Any] | None, str | None]:
    """(measurement, None), or (None, the reason why there is none)."""
    with counters_of(device) as counters:
        if isinstance(counters, str):
            return None, counters
        calls = [runs.next() for _ in range(calls_for(times[TOTAL].wall.median))]
        return asdict(measure_energy(calls, device, counters)), None


class _Runs:
    """Calls of the method, each on new images that are made beforehand."""

    def __init__(
        self, method: Method, cell: MethodCell, conditions: Conditions, scale: int, device: torch.device
    ) -> None:
        self._method, self._cell, self._scale, self._device = method, cell, scale, device
        self._settings = Settings(conditions.device, conditions.precision)
        self._seed = conditions.seed * 1000
        self._checked = False

    def next(self) -> Callable[[], Tensor]:
        """The next call."""
        inp = image_pair(self._cell.size, self._cell.ref_size, self._scale, self._seed, self._device)
        self._seed += 1
        return lambda: self._call(inp)

    def _call(self, inp: Input) -> Tensor:
        sr = invoke(self._method, inp, self._settings)
        if self._checked:
            return sr
        try:
            checked(sr, inp)
        except WrongOutput as error:
            raise UserError(f"{self._cell.locator}: {error}") from error
        # looking for NaN takes time and memory, and timed calls are like the first
        self._checked = True
        return sr


def _loaded(
    spec: MethodSpec, cell: MethodCell, conditions: Conditions
) -> tuple[Method, ResolvedWeights | None]:
    params = {**cell.params, **({} if cell.k is None else {"k": cell.k})}
    if cell.weights is None or not is_random(cell.weights):
        root = Path(cell.weights_root) if cell.weights_root is not None else None
        weights = resolve_weights(spec, cell.weights, root)
        return load_method(spec, weights, params, conditions.device), weights
    with TemporaryDirectory(prefix="refbench-random-") as folder:
        weights = random_weights(spec, cell.weights, conditions.seed, Path(folder))
        return load_method(spec, weights, params, conditions.device), weights


def _weights_facts(weights: ResolvedWeights | None) -> dict[str, Any] | None:
    if weights is None:
        return None
    return {
        "variant": weights.variant,
        "label": weights.label,
        "random": is_random(weights.variant),
        "sha256": dict(weights.sha256),
    }


def _stages(
    times: dict[str, Timing], memory: MemoryUse | None, work: dict[str, Work]
) -> dict[str, dict[str, Any]]:
    """Stage -> seconds, memory and work; ``other`` has no memory of its own."""
    found: dict[str, dict[str, Any]] = {}
    for name, timing in times.items():
        growth = None
        if memory is not None:
            growth = memory.growth if name == TOTAL else memory.stages.get(name)
        found[name] = {
            "wall_s": timing.wall.to_json(),
            "cpu_s": timing.cpu.to_json(),
            "peak_mb": growth,
            **asdict(work.get(name, Work())),
        }
    return found
