"""``refbench run --dry-run``: what would be computed, what is there, and what it will take."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refbench.cli.amounts import count, data_size, duration

if TYPE_CHECKING:
    from refbench.cli.output import Output
    from refbench.execution.estimate import Estimate
    from refbench.plan.planner import Cell, Plan
    from refbench.settings import RunConfig


def show_plan(plan: Plan, config: RunConfig, output: Output) -> int:
    """Every protocol with its images, how many forward passes are left, and their time and disk space."""
    from refbench.execution.estimate import estimate
    from refbench.execution.runner import finished_trials
    from refbench.execution.threads import set_threads

    set_threads(config.threads)
    done = finished_trials(plan, config.out)
    rows = [_document(plan, cell, done) for cell in plan.cells()]
    total = sum(row["trials"] for row in rows)
    todo = total - sum(row["done"] for row in rows)
    expected = estimate(plan, done, config)
    workers = _workers(config, todo)
    output.emit(
        {
            "cells": rows,
            "trials": total,
            "todo": todo,
            "estimate": {
                "seconds": expected.seconds,
                "workers": workers,
                "bytes": round(expected.size),
                "methods": [vars(each) for each in expected.methods],
            },
            **({"shard": str(plan.shard)} if plan.shard else {}),
        }
    )
    for line in _protocols(rows):
        output.line(line)
    part = f"shard {plan.shard}: " if plan.shard else ""
    output.line(f"{part}{count(total, 'SR image')} (forward passes): {total - todo} done, {todo} to compute")
    for line in _estimate(expected, workers, config.out):
        output.line(line)
    return 0


def _document(plan: Plan, cell: Cell, done: Mapping[str, set[tuple[str, int]]]) -> dict[str, Any]:
    from refbench.results.record import part_label, part_of

    asked = set(plan.trials(cell))
    return {
        "method": cell.method,
        "method_label": cell.method_label,
        "weights": cell.weights,
        "dataset": cell.dataset,
        "dataset_label": part_label(
            cell.dataset_title, part_of(len(cell.ids), cell.dataset_count, cell.dataset_total)
        ),
        "protocol": cell.protocol.id,
        "seed": cell.job.seed,
        "n": len({sample for sample, _ in asked}),
        "trials": len(asked),
        "done": len(asked & done[cell.key]),
        "run_key": cell.key,
    }


def _protocols(rows: list[dict[str, Any]]) -> list[str]:
    """A heading per dataset and seed with its methods, below it a line per protocol."""
    lines = []
    places: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in rows:
        places.setdefault((row["dataset_label"], row["seed"]), []).append(row)
    width = max((len(row["protocol"]) for row in rows), default=0)
    for (dataset, seed), own in places.items():
        named = f"{dataset}, seed {seed}" if len({s for _, s in places}) > 1 else dataset
        lines.append(f"{named}: {', '.join(dict.fromkeys(row['method_label'] for row in own))}")
        protocols: dict[str, list[dict[str, Any]]] = {}
        for row in own:
            protocols.setdefault(row["protocol"], []).append(row)
        for protocol, each in protocols.items():
            asked, done = (sum(row[name] for row in each) for name in ("trials", "done"))
            lines.append(f"  {protocol:<{width}}  {count(asked, 'SR image')}, {done} done")
    return lines


def _estimate(expected: Estimate, workers: int, out: Path) -> list[str]:
    """A line per method, and their sum."""
    if not expected.methods:
        return []
    table = [
        (
            f"  {each.method}",
            str(each.images),
            "time unknown" if each.seconds is None else duration(each.seconds),
            f"(from {each.source})" if each.seconds is not None else f"({each.source})",
        )
        for each in expected.methods
    ]
    wide = [max(len(row[k]) for row in table) for k in range(3)]
    lines = [f"{a:<{wide[0]}}  {b:>{wide[1]}}  {c:<{wide[2]}}  {d}".rstrip() for a, b, c, d in table]
    free = f" ({data_size(found)} free)" if (found := _free(out)) is not None else ""
    time = "an unknown time" if expected.seconds is None else f"about {duration(expected.seconds / workers)}"
    if workers > 1:
        time += f" on {workers} processes"
    return [*lines, f"estimate: {time}, and {data_size(expected.size)} in {out}{free}"]


def _workers(config: RunConfig, todo: int) -> int:
    """Processes that work at the same time; a cluster's are not known before it is asked."""
    if config.executor.name != "local":
        return 1
    from refbench.execution.device import resolve_device
    from refbench.execution.local import default_workers

    asked = config.executor.params.get("workers")
    count = default_workers(resolve_device(config.device).startswith("cuda")) if asked is None else int(asked)
    return max(1, min(count, todo))


def _free(out: Path) -> int | None:
    """Free bytes where the results folder is or will be."""
    place = out.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        return shutil.disk_usage(place).free
    except OSError:
        return None
