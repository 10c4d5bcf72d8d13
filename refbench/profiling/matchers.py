"""Matchers side by side on the same features: time, memory, work, exactness, and measured recall."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Literal, cast

import torch
from torch import Tensor

from refbench.errors import UserError
from refbench.execution.precision import precision_scope
from refbench.matching import match
from refbench.matching.exact import plain_search
from refbench.matching.fused_use import plain_only, refusal
from refbench.matching.matcher import Precision
from refbench.profiling.cells import Conditions, MatcherCell
from refbench.profiling.counting import count_work
from refbench.profiling.exactness import measure_exactness
from refbench.profiling.images import feature_pair
from refbench.profiling.meter import measure_memory, meter_for
from refbench.profiling.plain_matchers import full_product, official
from refbench.profiling.timing import TOTAL, measure_times

Found = tuple[Tensor, Tensor, float | None, int]
"""Index, similarity, measured recall (None: not an approximation) and the positions it was measured on."""


def _plain(algorithm: Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]) -> Callable[..., Found]:
    def call(query: Tensor, reference: Tensor, k: int) -> Found:
        return (*algorithm(query, reference, k), None, 0)

    return call


def _streamed(query: Tensor, reference: Tensor, k: int) -> Found:
    with plain_only():
        found = match(query, reference, k=k)
    return found.index, found.similarity, None, 0


def _fused(precision: Precision) -> Callable[..., Found]:
    def call(query: Tensor, reference: Tensor, k: int) -> Found:
        if (reason := refusal(query.device, plain_search, precision)) is not None:
            raise UserError(f"the fused matcher does not run here: {reason}")
        found = match(query, reference, k=k, precision=precision)
        return found.index, found.similarity, None, 0

    return call


def _approximate(name: str) -> Callable[..., Found]:
    def call(query: Tensor, reference: Tensor, k: int) -> Found:
        found = match(query, reference, k=k, approx=cast("Literal['pca', 'coarse', 'patchmatch']", name))
        return found.index, found.similarity, found.recall, found.recall_sample

    return call


def matcher_named(name: str) -> Callable[[Tensor, Tensor, int], Found]:
    """The matcher called ``name`` (see :data:`refbench.profiling.cells.MATCHERS`)."""
    return {
        "official": _plain(official),
        "bmm": _plain(full_product),
        "streamed": _streamed,
        "fused": _fused("fp32"),
        "fused_tf32": _fused("tf32"),
        "fused_bf16x3": _fused("bf16x3"),
        "fused_fp16": _fused("fp16"),
        "pca": _approximate("pca"),
        "coarse": _approximate("coarse"),
        "patchmatch": _approximate("patchmatch"),
    }[name]


def profile_matcher(cell: MatcherCell, conditions: Conditions) -> dict[str, Any]:
    """Warm-up, memory, timed repeats, work, exactness. An approximation's time has its recall's in it."""
    device = torch.device(conditions.device)
    query, reference = feature_pair(cell.features, conditions.seed, device)
    matcher = matcher_named(cell.matcher)

    def call() -> Found:
        with torch.inference_mode(), precision_scope(conditions.precision):
            return matcher(query, reference, cell.k)

    for _ in range(conditions.warmup):
        call()
    meter = meter_for(device)
    memory = measure_memory(call, meter) if meter is not None else None
    timing = measure_times([call] * conditions.repeats, device)[TOTAL]
    _, _, work = count_work(call)
    index, similarity, recall, recall_sample = call()
    exact = measure_exactness(query, reference, index, similarity)
    return {
        "wall_s": timing.wall.to_json(),
        "cpu_s": timing.cpu.to_json(),
        "peak_mb": memory.growth if memory is not None else None,
        **asdict(work),
        "recall": recall,
        "recall_sample": recall_sample,
        "exactness": asdict(exact),
    }
