"""A run and everything that reads its folder afterwards say the same of each cell, field by field."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage

from refbench.cli.main import main
from refbench.config.suite import config_names, parse_suite, read_config
from refbench.protocols.card import load_card
from refbench.results.cells import load_cells
from refbench.results.drops import Drops
from refbench.tracking.publish import cell_info

CUSTOM_CONTROL = """
name: own_control
dataset: cufed5
protocols:
  - {}
  - {reference: {policy: level, level: 5}, control: true}
  - {reference: {policy: level, level: 2}}
"""


def documents(
    capsys: pytest.CaptureFixture[str],
    out: Path,
    method: str,
    suite: str,
    *more: str,
    formats: str = "json,csv,md,latex,html",
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(what ``run --json`` prints, what ``report format=json`` writes) of the same folder."""
    command = ["run", f"method={method}", f"suite={suite}", f"out={out}", "tracking=none", "images=none"]
    assert main([*command, "draws=1", "--json", *more]) == 0
    ran = json.loads(capsys.readouterr().out)
    assert main(["report", str(out), f"format={formats}", f"report.dir={out}-report", "--json"]) == 0
    capsys.readouterr()
    return ran, json.loads((Path(f"{out}-report") / "report.json").read_text())


def by_key(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {cell["run_key"]: {k: v for k, v in cell.items() if k != "cost"} for cell in document["cells"]}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A small pair with LR of its own, for suites whose data set is not bundled."""
    folder = tmp_path_factory.mktemp("pair")
    rng = np.random.default_rng(0)
    for part, height, width in (("input", 96, 128), ("ref", 96, 128), ("lr", 24, 32)):
        (folder / part).mkdir()
        noise = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        PilImage.fromarray(noise).save(folder / part / "a.png")
    return [f"data.input={folder}/input", f"data.ref={folder}/ref", f"data.lr_dir={folder}/lr"]


def data_for(suite: str, images: list[str]) -> list[str]:
    """Words that give a shipped suite images it can run on here: the bundled set or the small pair."""
    found = parse_suite(read_config("suite", suite), suite)
    if any(load_card(entry.card).given_lr for entry in found.protocols):
        return ["dataset=pairs", *images]
    several = any({"level", "count"} & set(entry.reference) for entry in found.protocols)
    return ["dataset=cufed5"] if several or found.dataset == "cufed5" else ["dataset=pairs", *images[:2]]


@pytest.mark.parametrize("suite", config_names("suite"))
def test_run_and_report_agree_on_every_field_of_each_shipped_suite(
    suite: str, images: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*data_for(suite, images), "limit=1"]
    ran, reported = documents(capsys, tmp_path / "r", "bicubic", suite, *words, formats="json")
    assert by_key(ran) == by_key(reported)
    assert ran["cells"]
    for cell in ran["cells"]:
        assert cell["errors"] == 0
        assert "control" in cell
        assert all("drop" in metric for metric in cell["metrics"].values())


@pytest.fixture(scope="module")
def own_control(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, str]:
    """(results of a suite whose control is L5, the table that the run printed)."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own.yaml").write_text(CUSTOM_CONTROL)
    words = ["method=ttsr", f"suite={folder / 'own.yaml'}", "limit=2", f"out={folder / 'r'}", "table=full"]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main(["run", *words, "tracking=none", "images=none"]) == 0
    return folder, printed.getvalue()


def test_the_suites_own_control_decides_in_every_output(
    own_control: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, printed = own_control
    ran, reported = documents(capsys, folder / "r", "ttsr", str(folder / "own.yaml"), "limit=2")
    cells = by_key(ran)
    assert cells == by_key(reported)
    control = next(c for c in cells.values() if c["protocol"].endswith("ref=L5") and c["method"] == "ttsr")
    assert control["control"] is None
    assert control["metrics"]["psnr_y"]["drop"] is None
    level2 = next(c for c in cells.values() if c["protocol"].endswith("ref=L2") and c["method"] == "ttsr")
    assert level2["control"] == "canonical@1+ref=L5"
    drop = level2["metrics"]["psnr_y"]["drop"]
    # L2 is better than the control L5: nothing is lost
    assert drop["mean"] < -0.5

    mean = f"{drop['mean']:+.2f}"
    interval = f"[{drop['lo']:+.2f}, {drop['hi']:+.2f}]"
    assert mean in printed
    assert interval in printed
    report = Path(f"{folder}/r-report")
    assert f"{mean} {interval}" in (report / "report.md").read_text().replace("\\", "")
    assert (
        f'data-v="{drop["mean"]!r}" data-column="m-psnr_y drop">{mean}<'
        in (report / "report.html").read_text()
    )
    latex = (report / "latex" / "tables.tex").read_text().replace("{[}", "[").replace("{]}", "]")
    assert f"{mean} {{\\scriptsize {interval}}}" in latex
    (table,) = (report / "csv").glob("scores_*.csv")
    (row,) = [
        row
        for row in csv.DictReader(table.open())
        if row["protocol"].endswith("ref=L2")
        and row["method"].startswith("ttsr")
        and row["metric"] == "psnr_y"
    ]
    for name, end in (("drop", "mean"), ("drop_lo", "lo"), ("drop_hi", "hi")):
        assert float(row[name]) == pytest.approx(drop[end], abs=1e-4)

    records = load_cells([folder / "r"]).cells
    record = next(c for c in records if c.run_key == level2["run_key"])
    mirrored = cell_info(record, Drops(records)).metrics
    assert mirrored["psnr_y.drop"] == drop["mean"]
    assert (mirrored["psnr_y.drop.lo"], mirrored["psnr_y.drop.hi"]) == (drop["lo"], drop["hi"])
    for alias, metric in level2["metrics"].items():
        assert mirrored[alias] == metric["mean"]


def test_the_oracle_has_no_drop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran, reported = documents(capsys, tmp_path / "r", "bicubic", "cufed5_ref_type", "limit=2", formats="json")
    oracles = [c for d in (ran, reported) for c in d["cells"] if "oracle" in c["protocol"]]
    assert oracles
    assert all(c["control"] is None for c in oracles)
    assert all(m["drop"] is None for c in oracles for m in c["metrics"].values())


def test_a_part_of_a_set_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran, reported = documents(capsys, tmp_path / "r", "bicubic", "cufed5", "limit=2", formats="json")
    labels = {c["dataset_label"] for d in (ran, reported) for c in d["cells"]}
    assert labels == {"cufed5-sample [2 of 13]"}


def test_variants_of_one_method_have_labels_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "run",
        "-m",
        "method=ttsr",
        "method.multi=first,best",
        "suite=cufed5",
        "limit=1",
        f"out={tmp_path / 'r'}",
    ]
    assert main([*command, "tracking=none", "--json"]) == 0
    labels = [c["method_label"] for c in json.loads(capsys.readouterr().out)["cells"]]
    assert len(set(labels)) == len(labels) == 3, labels
    assert main(["score", str(tmp_path / "r"), "metrics=[psnr_rgb]", "--json"]) == 0
    assert {c["method_label"] for c in json.loads(capsys.readouterr().out)["cells"]} == set(labels)
