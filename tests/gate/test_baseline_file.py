"""The baseline file: reviewable, stable, and clear about what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from refbench.errors import UserError
from refbench.gate import baseline_of, check, load_baseline, write_baseline
from refbench.gate.baseline import dumps, parse
from refbench.results.record import CellRecord

Make = Callable[..., CellRecord]


def test_round_trip(cell: Make, tmp_path: Path) -> None:
    cells = [cell(draws=3), cell(method="bicubic", weights="", costs={"seconds": 0.123456})]
    made = baseline_of(cells, {"refbench": "0.1.0", "git": "abc"})
    path = tmp_path / "baselines" / "b.json"
    write_baseline(path, made)
    assert load_baseline(path) == made
    assert check(load_baseline(path), cells).exit_code == 0
    assert list(path.parent.iterdir()) == [path]


def test_it_is_sorted_rounded_and_one_line_an_image(cell: Make) -> None:
    text = dumps(baseline_of([cell(draws=2), cell(method="bicubic", weights="")], {"z": "1", "a": "2"}))
    data = json.loads(text)
    assert [c["method"] for c in data["cells"]] == ["bicubic", "datsr"]
    assert list(data["provenance"]) == ["a", "z"]
    assert list(data["cells"][0]["images"]) == [f"{i:03d}" for i in range(12)]
    lines = [line for line in text.splitlines() if line.strip().startswith('"004"')]
    assert len(lines) == 2
    values = data["cells"][1]["images"]["004"]
    assert len(values["psnr_y"]) == 2
    assert all(value == round(value, 4) for value in values["psnr_y"])
    assert all(value == round(value, 6) for value in values["ssim_y"])
    assert "sha256" not in text


def test_order_of_cells_does_not_change_the_file(cell: Make) -> None:
    cells = [cell(), cell(method="ttsr"), cell(protocol="canonical@2")]
    assert dumps(baseline_of(cells, {})) == dumps(baseline_of(cells[::-1], {}))


def test_a_change_of_one_image_is_a_change_of_one_line(cell: Make) -> None:
    before = dumps(baseline_of([cell()], {})).splitlines()
    after = dumps(baseline_of([cell(lambda i, d: 1.0 if i == 7 else 0.0)], {})).splitlines()
    assert [a.split(":")[0].strip() for a, b in zip(after, before, strict=True) if a != b] == ['"007"']


def test_hostile_names_survive(cell: Make, tmp_path: Path) -> None:
    made = baseline_of([cell(ids=lambda i: f'{i} "quoted" <b> ../é\n')], {})
    write_baseline(tmp_path / "b.json", made)
    assert load_baseline(tmp_path / "b.json") == made


def test_cells_with_errors_make_no_baseline(cell: Make) -> None:
    with pytest.raises(UserError, match="has 2 error rows; run them again, then --update"):
        baseline_of([cell(failed=(1, 2))], {})


def without(data: dict[str, Any], name: str) -> dict[str, Any]:
    return {k: v for k, v in data.items() if k != name}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: [], "baseline b: not a refbench baseline (no kind: refbench-baseline)"),
        (lambda d: without(d, "kind"), "baseline b: not a refbench baseline (no kind: refbench-baseline)"),
        (lambda d: {**d, "schema": 99}, "baseline b: schema 99 is newer than this refbench reads (2)"),
        (
            lambda d: {**d, "cells": []},
            "baseline b: holds no cells; make it anew with refbench check --update",
        ),
        (lambda d: without(d, "cells"), "baseline b: no field 'cells'"),
        (
            lambda d: {**d, "cells": [without(d["cells"][0], "protocol")]},
            "b: no field 'cells[0].protocol'",
        ),
        (
            lambda d: {**d, "cells": [{**d["cells"][0], "images": {"004": {"psnr_y": ["x"]}}}]},
            "b: cells[0].images.004.psnr_y[0]: 'x' is not a number",
        ),
        (
            lambda d: {**d, "cells": [{**d["cells"][0], "images": {"004": {"mse": [1.0]}}}]},
            "b: cells[0].images.004: metric 'mse' has no signature in 'signatures'",
        ),
        (
            lambda d: {**d, "cells": [{**d["cells"][0], "images": {"004": {"psnr_y": [None]}}}]},
            "b: cells[0].images: no values for psnr_y, ssim_y",
        ),
    ],
)
def test_a_spoilt_file_names_the_field(
    cell: Make, spoil: Callable[[dict[str, Any]], object], message: str
) -> None:
    data = json.loads(dumps(baseline_of([cell(n=2)], {})))
    with pytest.raises(UserError) as caught:
        parse(spoil(data), "b")
    assert str(caught.value).endswith(message)


def test_a_missing_or_foreign_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"b\.json: not found; make it with refbench check --update"):
        load_baseline(tmp_path / "b.json")
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(UserError, match="not JSON"):
        load_baseline(tmp_path / "b.json")


def test_an_unwritable_place_is_one_line(cell: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write_baseline(tmp_path / "file" / "b.json", baseline_of([cell()], {}))


def test_infinite_values_inputs_and_randomness_survive_the_file(cell: Make, tmp_path: Path) -> None:
    made = cell(n=3)
    key = ("001", 0)
    rest = {k: v for k, v in made.values["psnr_y"].items() if k != key}
    made = replace(
        made, values={**made.values, "psnr_y": rest}, special={"psnr_y": {key: "inf"}}, random=True,
        inputs={"000": "aa", "001": "bb", "002": "cc"},
    )  # fmt: skip
    write_baseline(tmp_path / "b.json", baseline_of([made], {}))
    assert '"001": {"psnr_y": ["inf"]' in (tmp_path / "b.json").read_text()
    (read,) = load_baseline(tmp_path / "b.json").cells
    assert read.values["psnr_y"][key] == float("inf")
    assert (read.random, read.inputs) == (True, {"000": "aa", "001": "bb", "002": "cc"})


def test_a_file_of_the_first_schema_is_still_read(cell: Make) -> None:
    data = json.loads(dumps(baseline_of([cell(n=2)], {})))
    data["schema"] = 1
    del data["cells"][0]["random"]
    (read,) = parse(data, "b").cells
    assert (read.random, read.inputs, len(read.values["psnr_y"])) == (False, {}, 2)
