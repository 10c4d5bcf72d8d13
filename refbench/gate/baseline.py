"""The baseline file: per-image values of some cells, sorted and rounded, one line per image.

It is meant to be committed and read in a review: a change of two images is a diff of two lines. There is
no checksum in it, so that a conflict can be merged by hand.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from refbench.errors import UserError
from refbench.files.disk import write_atomic
from refbench.gate.compare import Scores
from refbench.identity.keys import first_difference
from refbench.results.record import CellRecord
from refbench.untrusted.files import read_named
from refbench.untrusted.schema import Count, SchemaError, fitted

KIND = "refbench-baseline"
INPUT = "input"
"""Where an image's line has the digest of its HR and references, next to its metrics."""
SCHEMA = 2
"""1: without infinite values, hashes of inputs and whether the method is random; still read."""


@dataclass(frozen=True)
class BaselineCell:
    """What one cell measured when the baseline was made."""

    method: str
    weights: str
    """Label of the weights then; a changed model is still compared."""
    dataset_label: str
    protocol: str
    compare_key: Mapping[str, Any]
    """Dataset fingerprint, protocol id and parameters, seed."""
    signatures: Mapping[str, str]
    """Alias -> signature of the metrics that have values."""
    values: Mapping[str, Scores]
    """Alias -> (sample id, draw) -> rounded value; ``inf`` and ``nan`` where that was computed."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Sample id -> digest of its HR and references; empty where the rows did not record them."""
    random: bool = False
    """The method was declared random."""
    costs: Mapping[str, float] = field(default_factory=dict)
    """Lower is better: ``seconds`` per image, ``peak_mb``."""
    suite: str = ""
    """The suite it was run for, for the reader; a cell may belong to several."""
    machine: Mapping[str, str] = field(default_factory=dict)
    """Where the costs were measured; costs of another machine are not compared."""

    @property
    def name(self) -> str:
        """``cufed5: datsr (compact) on cufed5-sample, canonical@1``."""
        label = f"{self.method} ({self.weights})" if self.weights else self.method
        suite = f"{self.suite}: " if self.suite else ""
        return f"{suite}{label} on {self.dataset_label}, {self.protocol}"


Value = float | Literal["inf", "-inf", "nan"] | None
"""A metric's value of one draw in the file; null where there is none."""


@dataclass(frozen=True)
class FileCell:
    """One cell as the file has it."""

    method: str
    weights: str
    """Label of the weights; empty for a method without."""
    suite: str
    """The suite it was run for."""
    dataset_label: str
    """What tables show: ``cufed5-sample``."""
    protocol: str
    """Protocol instance: ``canonical@1``."""
    compare_key: Mapping[str, Any]
    """Dataset fingerprint, protocol id and parameters, seed."""
    signatures: Mapping[str, str]
    """Alias -> signature of each metric."""
    costs: Mapping[str, float]
    """Lower is better: ``seconds`` per image, ``peak_mb``."""
    machine: Mapping[str, str]
    """Where the costs were measured."""
    images: Mapping[str, Mapping[str, str | tuple[Value, ...]]]
    """Sample id -> alias -> value per draw; under ``input`` the digest of its HR and references."""
    random: bool = False
    """The method was declared random."""


@dataclass(frozen=True)
class BaselineFile:
    """A baseline file: per-image values of some cells, for ``refbench check``."""

    kind: Literal["refbench-baseline"]
    schema: Count
    """Version of this layout."""
    provenance: Mapping[str, Any]
    """Versions, git commit, command: for the reader."""
    cells: tuple[FileCell, ...]


@dataclass(frozen=True)
class Baseline:
    """A baseline file."""

    cells: tuple[BaselineCell, ...]
    provenance: Mapping[str, str] = field(default_factory=dict)
    """Versions, git commit, command: for the reader; nothing is compared with it."""


def scores_of(cell: CellRecord, alias: str) -> dict[tuple[str, int], float]:
    """Values as a baseline keeps them: two decimals more than tables show (0.0001 dB, 0.000001 of SSIM).

    A run is rounded the same way, so that an unchanged model differs by exactly 0. What was computed and is
    not a number is a value, too: a fall from a perfect image must be seen.
    """
    digits = cell.metrics[alias].spec.decimals + 2
    found = {key: round(value, digits) for key, value in cell.values.get(alias, {}).items()}
    found |= {key: float(text) for key, text in cell.special.get(alias, {}).items()}
    return dict(sorted(found.items()))


def baseline_of(cells: Sequence[CellRecord], provenance: Mapping[str, str]) -> Baseline:
    """The baseline that finished cells would make. Metrics without any value are left out.

    Raises UserError for cells with errors or without values (a gate needs something to hold on to), and
    for two cells that a later run could not tell apart.
    """
    made: list[BaselineCell] = []
    for cell in cells:
        where = f"{cell.method_label} on {cell.dataset_label}, {cell.protocol}"
        if cell.partial:
            raise UserError(f"baseline: {where} is one part of a run; join its shards with refbench merge")
        if cell.errors:
            raise UserError(f"baseline: {where} has {cell.errors} error rows; run them again, then --update")
        values = {alias: found for alias in cell.metrics if (found := scores_of(cell, alias))}
        if not values:
            raise UserError(f"baseline: {where} has no values; run it with a metric that is available")
        made.append(
            BaselineCell(
                method=cell.method,
                weights=cell.weights,
                dataset_label=cell.dataset_label,
                protocol=cell.protocol,
                compare_key=dict(cell.compare_key),
                signatures={alias: cell.metrics[alias].signature for alias in values},
                values=values,
                inputs=dict(sorted(cell.inputs.items())),
                random=cell.random,
                costs={name: float(f"{value:.4g}") for name, value in sorted(cell.costs.items())},
                suite=cell.suite,
                machine=dict(cell.machine),
            )
        )
        if any(_same(made[-1], other) for other in made[:-1]):
            raise UserError(
                f"baseline: {where} is there twice, with other parameters or code; name one with run=FOLDER"
            )
    made.sort(
        key=lambda c: (c.method, c.weights, c.dataset_label, c.protocol, str(c.compare_key.get("seed")))
    )
    return Baseline(tuple(made), dict(sorted(provenance.items())))


def _same(a: BaselineCell, b: BaselineCell) -> bool:
    return (a.method, a.weights) == (b.method, b.weights) and not first_difference(
        a.compare_key, b.compare_key
    )


def dumps(baseline: Baseline) -> str:
    """The file's text: JSON with one line per image, ending in a line end."""
    parts = []
    for cell in baseline.cells:
        images = _by_image(cell)
        lines = [f"    {_json(image)}: {_json(images[image])}" for image in sorted(images)]
        head = {
            "method": cell.method,
            "weights": cell.weights,
            "suite": cell.suite,
            "dataset_label": cell.dataset_label,
            "protocol": cell.protocol,
            "compare_key": cell.compare_key,
            "random": cell.random,
            "signatures": cell.signatures,
            "costs": cell.costs,
            "machine": cell.machine,
        }
        fields = [f"   {_json(name)}: {_json(value)}" for name, value in head.items()]
        fields.append('   "images": {\n' + ",\n".join(lines) + "\n   }")
        parts.append("  {\n" + ",\n".join(fields) + "\n  }")
    top = [
        f' "kind": {_json(KIND)}',
        f' "schema": {SCHEMA}',
        ' "provenance": '
        + json.dumps(dict(baseline.provenance), indent=2, ensure_ascii=False).replace("\n", "\n "),
        ' "cells": [\n' + ",\n".join(parts) + "\n ]",
    ]
    return "{\n" + ",\n".join(top) + "\n}\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _by_image(cell: BaselineCell) -> dict[str, dict[str, Any]]:
    """Image -> alias -> values by draw (a number, ``"inf"``, null where there is none), and its inputs."""
    found: dict[str, dict[str, Any]] = {}
    for alias, trials in cell.values.items():
        # one pass: a search per image would make 100,000 rows take hours
        for (sample, draw), value in trials.items():
            values = found.setdefault(sample, {}).setdefault(alias, [])
            values += [None] * (draw + 1 - len(values))
            values[draw] = _plain(value)
    for image, line in found.items():
        if image in cell.inputs:
            line[INPUT] = cell.inputs[image]
    return found


def _plain(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write the file at once (a killed update leaves the old one). Raises UserError when it cannot."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, dumps(baseline).encode())
    except OSError as error:
        raise UserError(f"baseline {path}: cannot be written: {error.strerror}") from error


def load_baseline(path: Path) -> Baseline:
    """Read a baseline file. Raises UserError naming the file and the field."""
    data = read_named(path, "baseline", "make it with refbench check --update")
    return parse(data, str(path))


def parse(data: object, where: str) -> Baseline:
    """A decoded baseline file. Raises UserError."""
    if not isinstance(data, dict) or data.get("kind") != KIND:
        raise UserError(f"baseline {where}: not a refbench baseline (no kind: {KIND})")
    schema = data.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise UserError(f"baseline {where}: schema {schema} is newer than this refbench reads ({SCHEMA})")
    try:
        file = fitted(BaselineFile, data)
    except SchemaError as error:
        raise UserError(f"baseline {where}: {error}") from None
    if not file.cells:
        raise UserError(f"baseline {where}: holds no cells; make it anew with refbench check --update")
    cells = tuple(_cell(cell, f"baseline {where}: cells[{i}]") for i, cell in enumerate(file.cells))
    return Baseline(cells, {name: str(value) for name, value in file.provenance.items()})


def _cell(cell: FileCell, where: str) -> BaselineCell:
    values: dict[str, dict[tuple[str, int], float]] = {alias: {} for alias in cell.signatures}
    inputs: dict[str, str] = {}
    for image, line in cell.images.items():
        for alias, draws in line.items():
            if isinstance(draws, str):
                if alias != INPUT:
                    raise UserError(f"{where}.images.{image}.{alias}: {draws!r} is not a list of values")
                inputs[image] = draws
                continue
            if alias not in values:
                raise UserError(f"{where}.images.{image}: metric {alias!r} has no signature in 'signatures'")
            found = {(image, i): float(value) for i, value in enumerate(draws) if value is not None}
            values[alias].update(found)
    empty = [alias for alias, trials in values.items() if not trials]
    if empty or not values:
        raise UserError(f"{where}.images: no values for {', '.join(empty) or 'any metric'}")
    same = {f.name: getattr(cell, f.name) for f in fields(cell) if f.name != "images"}
    return BaselineCell(**same, values=values, inputs=inputs)
