"""Cells from folders: what a report knows of finished runs."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from refbench.errors import UserError
from refbench.results.cells import load_cells
from refbench.results.protocol_parts import level_order, protocol_parts
from refbench.store import find_runs


def test_order_controls_levels_and_values(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path / "r")
    stored = load_cells([tmp_path / "r"])
    assert len(stored.cells) == len(made.instances()) * 3
    protocols = list(dict.fromkeys(c.protocol for c in stored.cells))
    assert protocols[0] == "canonical@1"
    levels = [p for p in protocols if "jitter" in p]
    assert [p.split("level=")[1] for p in levels] == ["x0.5]", "x1]", "x2]"]
    assert [c.method for c in stored.cells[:3]] == ["bicubic", "datsr", "ttsr"]
    controls = {c.protocol: c.control for c in stored.cells}
    assert controls["canonical@1"] is None
    assert controls["canonical@1+jitter@1[level=x2]"] == "canonical@1"
    assert controls["canonical@1+ref=L5"] == "canonical@1"
    assert controls["canonical@1+ref=hr(oracle: leaks HR)"] is None
    assert stored.problems == ()
    cell = next(c for c in stored.cells if c.method == "datsr")
    assert cell.n == 10
    assert cell.costs["match_seconds"] > 0


def test_the_same_folder_by_two_names_counts_once(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path / "r", protocols=made.instances()[:1])
    single = find_runs(tmp_path / "r")[0]
    assert len(load_cells([tmp_path / "r", single, tmp_path / "r" / ".." / "r"]).cells) == 3


def test_a_copied_run_is_one_run(made: ModuleType, tmp_path: Path) -> None:
    control = made.instances()[:1]
    made.write_results(tmp_path / "part", protocols=control, ids=("000", "001"))
    made.write_results(tmp_path / "whole", protocols=control)
    stored = load_cells([tmp_path / "part", tmp_path / "whole"])
    assert [c.n for c in stored.cells] == [10, 10, 10]
    assert len(stored.problems) == 3
    assert all("the same run as" in p and p.startswith(str(tmp_path / "part")) for p in stored.problems)


def test_variants_of_one_method_are_told_apart(made: ModuleType, tmp_path: Path) -> None:
    control = made.instances()[:1]
    made.write_results(tmp_path / "a", protocols=control)
    made.write_results(tmp_path / "b", protocols=control)
    for manifest in (tmp_path / "b").glob("*/manifest.json"):
        data = json.loads(manifest.read_text())
        data["identity"]["params"] = {"amount": 0.5}
        data["identity"]["code"] = "beef01234"
        data["run_key"] = "0" + data["run_key"][1:-1] + "x"
        manifest.write_text(json.dumps(data))
    labels = {c.method_label for c in load_cells([tmp_path / "a", tmp_path / "b"]).cells}
    assert "datsr (compact) [code=c0de]" in labels
    assert "datsr (compact) [amount=0.5, code=beef01]" in labels


def test_a_metric_that_is_not_installed_keeps_its_name_and_direction(
    made: ModuleType, tmp_path: Path
) -> None:
    made.write_results(tmp_path, protocols=made.instances()[:1])
    signature = "psnr|space=y601|range=255|round=u8|crop=4|v1"
    for file in [*tmp_path.glob("*/manifest.json"), *tmp_path.glob("*/samples.jsonl")]:
        text = file.read_text().replace(signature, "mine|v7").replace('"psnr_y"', '"mine"')
        file.write_text(text)
    stored = load_cells([tmp_path])
    spec = next(s for s in stored.specs if s.signature == "mine|v7")
    assert (spec.alias, spec.unit, spec.higher_is_better, spec.target) == ("mine", "dB", True, "")
    assert stored.cells[0].metrics["mine"].mean is not None


def test_cells_without_rows_are_named_and_left_out(made: ModuleType, tmp_path: Path) -> None:
    made.write_results(tmp_path, protocols=made.instances()[:1])
    empty = find_runs(tmp_path)[0]
    (empty / "samples.jsonl").write_text("")
    stored = load_cells([tmp_path])
    assert len(stored.cells) == 2
    assert stored.problems == (f"{empty}: no rows yet, left out",)
    for folder in find_runs(tmp_path):
        (folder / "samples.jsonl").write_text("")
    with pytest.raises(UserError, match="no finished rows to report; let a run finish first"):
        load_cells([tmp_path])


def test_no_runs_and_no_folder_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no runs"):
        load_cells([tmp_path])
    with pytest.raises(UserError, match="not found; run something into it first"):
        load_cells([tmp_path / "nowhere"])


def test_parts_of_a_manifest_without_parameters() -> None:
    assert protocol_parts({}) is None
    assert protocol_parts({"protocol": {"id": "x", "params": {"card": {}, "reference": {}}}}) is None
    assert protocol_parts({"protocol": {"params": {"card": 1, "reference": {}}}}) is None


def test_level_order_is_the_familys() -> None:
    assert level_order("jitter@1") == ("x0.5", "x1", "x2")
    assert level_order("jitter@99") is None
    assert level_order("nothing@1") is None
    assert level_order("flip@1") is None
