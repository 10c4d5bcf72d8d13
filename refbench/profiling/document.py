"""From measurements to the result: shares of the roofline and growth exponents, as one JSON document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from refbench.profiling.cells import MatcherCell, MethodCell
from refbench.profiling.counting import Work
from refbench.profiling.growth import fit_growth
from refbench.profiling.request import ProfileRequest
from refbench.profiling.roofline import Peaks, roofline_share
from refbench.untrusted.redact import clean_config

SCHEMA = 1
LEAST_MB = 0.5
"""Memory below this is page granularity and no part of a fit."""

WALL, CPU = "wall_s", "cpu_s"

Row = dict[str, Any]
"""Its ``clock`` names the time that its shares, rates and exponents rest on: device time on CUDA, CPU time on
the CPU (which the neighbours on a shared machine change little), wall time for work in another process."""


@dataclass(frozen=True)
class Yardstick:
    """What rates are computed with."""

    peaks: Peaks
    threads: int

    @classmethod
    def of(cls, machine: Mapping[str, Any]) -> Yardstick | None:
        """From the machine cell's result; None when it failed."""
        if machine["status"] != "ok":
            return None
        return cls(Peaks(**machine["peaks"]), machine["machine"]["threads"])

    def seconds(self, measured: Mapping[str, Any], clock: str) -> float:
        """The median; CPU time is shared out to the threads (see :mod:`.roofline`)."""
        return float(measured[clock]["median"]) / (self.threads if clock == CPU else 1)


def method_row(cell: MethodCell, found: Mapping[str, Any], yardstick: Yardstick | None, cuda: bool) -> Row:
    """A cell with its measurements, or with the reason why there are none."""
    row: Row = {
        "method": cell.locator,
        "locator": cell.locator,
        "size": list(cell.size),
        "ref_size": list(cell.ref_size),
        "k": cell.k,
        "params": clean_config(dict(cell.params)),
        "weights_asked": cell.weights,
        "trace": cell.trace,
        **found,
    }
    if row["status"] != "ok":
        return row
    clock = row["clock"] = WALL if cuda or row["outside"] is not None else CPU
    total = row["stages"]["total"][clock]["median"]
    for stage in row["stages"].values():
        stage["share"] = stage[clock]["median"] / total if total > 0 else None
        stage.update(_rates(stage, clock, yardstick))
    return row


def matcher_row(cell: MatcherCell, found: Mapping[str, Any], yardstick: Yardstick | None, cuda: bool) -> Row:
    """The same for a matcher."""
    row: Row = {"matcher": cell.matcher, "features": list(cell.features), "k": cell.k, **found}
    if row["status"] != "ok":
        return row
    clock = row["clock"] = WALL if cuda else CPU
    return {**row, **_rates(row, clock, yardstick)}


def add_speeds(rows: Sequence[Row]) -> None:
    """``speed``: times faster than the official algorithm at the same features and K; None without it."""
    for row in rows:
        if row["status"] != "ok":
            continue
        same = [
            other[other["clock"]]["median"]
            for other in rows
            if other["matcher"] == "official"
            and other["status"] == "ok"
            and (other["features"], other["k"]) == (row["features"], row["k"])
        ]
        own = row[row["clock"]]["median"]
        row["speed"] = same[0] / own if same and own > 0 else None


def _rates(measured: Mapping[str, Any], clock: str, yardstick: Yardstick | None) -> dict[str, float | None]:
    """Arithmetic rate, and the shares of the matrix product's peak and of the roofline."""
    if yardstick is None:
        return {"gflops_per_s": None, "peak_share": None, "roofline_share": None}
    seconds, peaks = yardstick.seconds(measured, clock), yardstick.peaks
    work = Work(measured["flops"], measured["least_bytes"], measured["operator_bytes"])
    rate = work.flops / seconds / 1e9 if work.flops > 0 and seconds > 0 else None
    return {
        "gflops_per_s": rate,
        "peak_share": None if rate is None else rate / peaks.gflops,
        "roofline_share": roofline_share(work, seconds, peaks),
    }


def method_growth(rows: Sequence[Row]) -> list[Row]:
    """For each method, weights, options and K: exponents of each stage over HR pixels, from two sizes on."""
    found: list[Row] = []
    for group in _grouped(rows, ("locator", "weights_asked", "params", "k")):
        names = dict.fromkeys(name for row in group for name in row["stages"])
        stages = {}
        for name in names:
            points = [
                (row["size"][0] * row["size"][1], row["stages"][name])
                for row in group
                if name in row["stages"]
            ]
            stages[name] = _fits(points, group[0]["clock"])
        if any(any(fit.values()) for fit in stages.values()):
            first = group[0]
            identity = {key: first[key] for key in ("method", "weights", "params", "k")}
            found.append({**identity, "stages": stages})
    return found


def matcher_growth(rows: Sequence[Row]) -> list[Row]:
    """For each matcher, channel count and K: exponents over feature pixels."""
    found = []
    for group in _grouped(rows, ("matcher", "k"), lambda row: row["features"][2]):
        first = group[0]
        fits = _fits([(row["features"][0] * row["features"][1], row) for row in group], first["clock"])
        if any(fits.values()):
            found.append(
                {"matcher": first["matcher"], "channels": first["features"][2], "k": first["k"], **fits}
            )
    return found


def _fits(points: Sequence[tuple[int, Mapping[str, Any]]], clock: str) -> dict[str, dict[str, Any] | None]:
    """Power laws of time, memory and arithmetic; None where there is none."""
    memory = [(x, m["peak_mb"]) for x, m in points if (m["peak_mb"] or 0.0) >= LEAST_MB]
    curves = {
        "time": fit_growth([x for x, _ in points], [m[clock]["median"] for _, m in points]),
        "memory": fit_growth([x for x, _ in memory], [y for _, y in memory]),
        "flops": fit_growth([x for x, _ in points], [m["flops"] for _, m in points]),
    }
    return {name: asdict(fit) if fit is not None else None for name, fit in curves.items()}


def _grouped(rows: Sequence[Row], keys: Sequence[str], more: Any = lambda row: None) -> list[list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row["status"] == "ok":
            groups.setdefault(repr(([row[key] for key in keys], more(row))), []).append(row)
    return list(groups.values())


def assemble(
    request: ProfileRequest,
    session: Mapping[str, Any],
    machine: Mapping[str, Any],
    methods: Sequence[Row],
    matchers: Sequence[Row],
) -> Row:
    """The whole document. ``machine``: the machine cell's result."""
    add_speeds(matchers)
    return {
        "schema": SCHEMA,
        "key": request.key,
        "conditions": asdict(request.conditions),
        "session": dict(session),
        "machine": machine.get("machine"),
        "peaks": machine.get("peaks"),
        "machine_error": machine["error"],
        "methods": list(methods),
        "method_growth": method_growth(methods),
        "matchers": list(matchers),
        "matcher_growth": matcher_growth(matchers),
    }
