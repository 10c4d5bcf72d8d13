"""A profile's document as rows of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from refbench.profiling.cells import shown
from refbench.stages import STAGES

Table = tuple[str, Sequence[str], list[list[str]]]
"""Title, columns, rows."""
NONE = "-"
METHOD_COLUMNS = (
    "method", "HR", "k", "stage", "wall", "IQR", "CPU", "share", "memory MB", "GFLOP", "least MB", "op MB",
    "peak", "roofline",
)  # fmt: skip
MATCHER_COLUMNS = (
    "matcher", "features", "k", "wall", "IQR", "CPU", "speed", "memory MB", "GFLOP", "peak", "exact",
    "worst loss", "recall",
)  # fmt: skip
ENERGY_COLUMNS = ("method", "HR", "k", "J per call", "W", "busy", "calls", "seconds")
GROWTH_COLUMNS = ("time", "memory", "GFLOP", "R2 of time")


def tables(document: Mapping[str, Any]) -> list[Table]:
    """Costs by stage, energy, growth, matchers: those that the document has."""
    found: list[Table] = []
    if document["methods"]:
        rows = [line for row in document["methods"] for line in _method_lines(row)]
        found.append((f"cost by stage (median of {document['conditions']['repeats']})", METHOD_COLUMNS, rows))
    if spent := [_energy_line(row) for row in document["methods"] if row.get("energy")]:
        found.append(("energy of the whole card (NVML), its idle power included", ENERGY_COLUMNS, spent))
    if document["method_growth"]:
        rows = [line for row in document["method_growth"] for line in _growth_lines(row)]
        found.append(
            (
                "growth: cost ~ pixels^exponent",
                ("method", "k", "stage", *GROWTH_COLUMNS),
                rows,
            )
        )
    if document["matchers"]:
        rows = [_matcher_line(row) for row in document["matchers"]]
        found.append(("matchers side by side", MATCHER_COLUMNS, rows))
    if document["matcher_growth"]:
        rows = [
            [r["matcher"], str(r["channels"]), str(r["k"]), *_exponents(r)]
            for r in document["matcher_growth"]
        ]
        found.append(
            ("growth: cost ~ feature pixels^exponent",
             ("matcher", "channels", "k", *GROWTH_COLUMNS), rows)
        )  # fmt: skip
    return found


def machine_lines(document: Mapping[str, Any]) -> list[str]:
    """What it was measured on, and what makes the times doubtful."""
    machine, peaks = document["machine"], document["peaks"]
    if machine is None:
        return [f"machine: {document['machine_error']}"]
    device = machine["cuda"]["name"] if machine["cuda"] else machine["cpu"]["name"]
    threads = machine["threads"]
    lines = [
        f"{device}, {threads} thread{'s' if threads != 1 else ''}, {machine['precision']}, "
        f"torch {machine['torch']}; peaks measured now: {peaks['gflops']:.1f} GFLOP/s (matrix product), "
        f"{peaks['bandwidth']:.1f} GB/s (triad)"
    ]
    if machine["cuda"] and (
        reasons := sorted({r["no_energy"] for r in document["methods"] if r.get("no_energy")})
    ):
        lines.append(f"no energy: {'; '.join(reasons)}")
    load, cpus = machine["cpu"]["load_average"], machine["cpu"]["logical_cpus"] or 1
    if load is not None and load[0] > cpus + 0.5:
        lines.append(
            f"other work is running here (load {load[0]:.1f} on {cpus} CPUs): "
            "trust CPU times more than wall times"
        )
    return lines


def method_label(row: Mapping[str, Any]) -> str:
    """``datsr (random weights, official size)``."""
    weights = row.get("weights")
    return f"{row['method']} ({weights['label']})" if weights and weights["label"] else str(row["method"])


def seconds(value: float) -> str:
    """``1.23 s``, ``45.6 ms``, ``78.9 us``."""
    if value >= 1:
        return f"{value:.3g} s" if value < 1000 else f"{value:.0f} s"
    return f"{value * 1e3:.3g} ms" if value >= 1e-3 else f"{value * 1e6:.3g} us"


def _method_lines(row: Mapping[str, Any]) -> list[list[str]]:
    head = _head(row)
    if row["status"] != "ok":
        return [[*head, f"{row['status']}: {row['error']}", *[NONE] * (len(METHOD_COLUMNS) - 4)]]
    stages = row["stages"]
    names = [*STAGES, *(name for name in stages if name not in STAGES)]
    lines = []
    for name in names:
        stage = stages.get(name)
        if stage is None:
            lines.append([*head, name, *[NONE] * (len(METHOD_COLUMNS) - 4)])
            continue
        wall = stage["wall_s"]
        lines.append(
            [
                *head,
                name,
                seconds(wall["median"]),
                seconds(wall["q3"] - wall["q1"]),
                seconds(stage["cpu_s"]["median"]),
                _percent(stage["share"]),
                _megabytes(stage["peak_mb"]),
                _giga(stage["flops"]),
                _megabytes(stage["least_bytes"] / 2**20 if stage["least_bytes"] else None),
                _megabytes(stage["operator_bytes"] / 2**20 if stage["operator_bytes"] else None),
                _percent(stage["peak_share"]),
                _percent(stage["roofline_share"]),
            ]
        )
    return lines


def _energy_line(row: Mapping[str, Any]) -> list[str]:
    energy = row["energy"]
    return [
        *_head(row),
        f"{energy['joules']:.3g}",
        f"{energy['watts']:.0f}",
        _percent(energy["utilisation"]),
        str(energy["calls"]),
        f"{energy['seconds']:.2f}",
    ]


def _head(row: Mapping[str, Any]) -> list[str]:
    """Method, HR size, K."""
    return [method_label(row), shown(tuple(row["size"])), NONE if row["k"] is None else str(row["k"])]


def _growth_lines(row: Mapping[str, Any]) -> list[list[str]]:
    k = NONE if row["k"] is None else str(row["k"])
    return [[method_label(row), k, name, *_exponents(fits)] for name, fits in row["stages"].items()]


def _exponents(fits: Mapping[str, Any]) -> list[str]:
    found = [fits[name] for name in ("time", "memory", "flops")]
    r2 = f"{fits['time']['r2']:.3f}" if fits["time"] else NONE
    return [*(f"{fit['exponent']:.2f}" if fit else NONE for fit in found), r2]


def _matcher_line(row: Mapping[str, Any]) -> list[str]:
    head = [row["matcher"], shown(tuple(row["features"])), str(row["k"])]
    if row["status"] != "ok":
        return [*head, f"{row['status']}: {row['error']}", *[NONE] * (len(MATCHER_COLUMNS) - 4)]
    wall, exact = row["wall_s"], row["exactness"]
    return [
        *head,
        seconds(wall["median"]),
        seconds(wall["q3"] - wall["q1"]),
        seconds(row["cpu_s"]["median"]),
        NONE if row["speed"] is None else f"{row['speed']:.2f}x",
        _megabytes(row["peak_mb"]),
        _giga(row["flops"]),
        _percent(row["peak_share"]),
        _percent(exact["reached"]),
        f"{exact['loss_max']:.1e}",
        _percent(row["recall"]),
    ]


def _percent(share: float | None) -> str:
    return NONE if share is None else f"{100 * share:.1f}%"


def _megabytes(value: float | None) -> str:
    return NONE if value is None else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _giga(flops: int) -> str:
    return NONE if not flops else f"{flops / 1e9:.3g}"
