"""The baseline file: per-image values of some cells, sorted and rounded, one line per image.

It is meant to be committed and read in a review: a change of two images is a diff of two lines. There is
no checksum in it, so that a conflict can be merged by hand.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from refbench.errors import UserError
from refbench.files.disk import write_atomic
from refbench.gate.compare import Scores
from refbench.gate.parse import Field
from refbench.identity.keys import first_difference
from refbench.results.record import CellRecord

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
    for image, fields in found.items():
        if image in cell.inputs:
            fields[INPUT] = cell.inputs[image]
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
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UserError(f"baseline {path}: not found; make it with refbench check --update") from None
    except OSError as error:
        raise UserError(f"baseline {path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"baseline {path}: not JSON: {error}") from error
    return parse(data, str(path))


def parse(data: object, where: str) -> Baseline:
    """A decoded baseline file. Raises UserError."""
    top = Field(data, f"baseline {where}")
    if top.mapping().get("kind") != KIND:
        raise UserError(f"baseline {where}: not a refbench baseline (no kind: {KIND})")
    schema = top.get("schema").whole()
    if schema > SCHEMA:
        raise UserError(f"baseline {where}: schema {schema} is newer than this refbench reads ({SCHEMA})")
    cells = tuple(_cell(item) for item in top.get("cells").items())
    if not cells:
        raise UserError(f"baseline {where}: holds no cells; make it anew with refbench check --update")
    provenance = {name: str(value) for name, value in top.get("provenance").mapping().items()}
    return Baseline(cells, provenance)


def _cell(item: Field) -> BaselineCell:
    signatures = {alias: value.text() for alias, value in item.get("signatures").fields()}
    values: dict[str, dict[tuple[str, int], float]] = {alias: {} for alias in signatures}
    inputs: dict[str, str] = {}
    for image, metrics in item.get("images").fields():
        for alias, draws in metrics.fields():
            if alias == INPUT:
                inputs[image] = draws.text()
                continue
            if alias not in values:
                raise UserError(f"{metrics.where}: metric {alias!r} has no signature in 'signatures'")
            for draw, value in enumerate(draws.items()):
                if value.data is not None:
                    special = value.data in ("inf", "-inf", "nan")
                    values[alias][(image, draw)] = float(value.text()) if special else value.number()
    empty = [alias for alias, trials in values.items() if not trials]
    if empty or not values:
        raise UserError(f"{item.where}: images: no values for {', '.join(empty) or 'any metric'}")
    return BaselineCell(
        method=item.get("method").text(),
        weights=item.get("weights").text(),
        dataset_label=item.get("dataset_label").text(),
        protocol=item.get("protocol").text(),
        compare_key=item.get("compare_key").mapping(),
        signatures=signatures,
        values=values,
        inputs=inputs,
        random="random" in item.mapping() and item.get("random").flag(),
        costs={name: value.number() for name, value in item.get("costs").fields()},
        suite=item.get("suite").text(),
        machine={name: value.text() for name, value in item.get("machine").fields()},
    )
