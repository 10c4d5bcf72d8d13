"""refbench check as a user meets it, on the bundled sample: each exit code and what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from refbench.cli.main import main

METHOD = """
from __future__ import annotations

import torch.nn.functional as F

from refbench.specs import MethodSpec


class Up:
    def __init__(self, weights=None, device="cpu"):
        pass

    def __call__(self, inp):
        def up(mode):
            return F.interpolate(inp.lr[None], scale_factor=inp.scale, mode=mode)[0]

        return {body}


SPEC = MethodSpec(name="mine", target=":Up", max_refs=0, uses_reference=False, params={{}}, licence="CC0-1.0")
"""
NAME = "cufed5: mine on cufed5-sample [5 of 13], canonical@1"


def run_mine(folder: Path, body: str, *more: str, out: str = "results") -> Path:
    """Score the method whose SR is ``body``; returns its results folder."""
    file = folder / f"mine_{abs(hash(body))}.py"
    file.write_text(METHOD.format(body=body))
    words = {"suite": "cufed5", "limit": "5", "device": "cpu", "against": "none"}
    words |= {"tracking": "none", "images": "none", "out": str(folder / out)}
    words |= dict(word.split("=", 1) for word in more)
    assert main(["run", f"method={file}:SPEC", *(f"{k}={v}" for k, v in words.items())]) == 0
    return folder / out


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(folder with the first results, baseline file made of them)."""
    folder = tmp_path_factory.mktemp("gate")
    out = run_mine(folder, 'up("bicubic")')
    baseline = folder / "baselines" / "mine.json"
    assert main(["check", f"baseline={baseline}", f"out={out}", "--update"]) == 0
    return out, baseline


def check(capsys: pytest.CaptureFixture[str], code: int, *words: object) -> str:
    """What ``refbench check`` prints on stdout; its exit code must be ``code``."""
    capsys.readouterr()
    found = main(["check", *map(str, words)])
    said = capsys.readouterr()
    assert found == code, said.out + said.err
    return said.out


def test_unchanged_is_0_also_as_json(gate: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    out, baseline = gate
    printed = check(capsys, 0, f"baseline={baseline}", f"out={out}")
    assert printed.splitlines()[0] == NAME
    assert "  ok    psnr_y: unchanged, 26.4735 -> 26.4735, change +0.0000 [+0.0000, +0.0000]" in printed
    assert printed.splitlines()[-1] == "verdict: unchanged"
    document = json.loads(check(capsys, 0, f"baseline={baseline}", f"run={out}", "--json"))
    assert (document["verdict"], document["exit_code"]) == ("unchanged", 0)
    assert [m["name"] for m in document["cells"][0]["metrics"]] == ["psnr_y", "ssim_y", "psnr_rgb"]


def test_the_file_is_small_and_reviewable(gate: tuple[Path, Path]) -> None:
    _, baseline = gate
    text = baseline.read_text()
    data: dict[str, Any] = json.loads(text)
    assert len(re.findall(r'^    "00\d": \{"psnr_y": \[\d+\.\d{1,4}\], "ssim_y": ', text, re.MULTILINE)) == 5
    (cell,) = data["cells"]
    assert (cell["suite"], cell["method"], sorted(cell["images"])) == (
        "cufed5", "mine", ["000", "001", "002", "003", "004"],
    )  # fmt: skip
    assert cell["machine"]["device"] == "cpu"
    assert {"refbench", "torch", "python", "command", "started"} <= set(data["provenance"])
    assert len(text) < 4000


def test_a_clear_drop_is_1_and_names_suite_and_worst_images(
    gate: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, baseline = gate
    worse = run_mine(tmp_path, 'up("bilinear")')
    report, summary = tmp_path / "new" / "junit.xml", tmp_path / "new" / "summary.md"
    printed = check(
        capsys, 1, f"baseline={baseline}", f"out={worse}", f"junit={report}", f"markdown={summary}"
    )
    lines = printed.splitlines()
    assert lines[0] == NAME
    failed = next(
        i for i, line in enumerate(lines) if line.startswith("  FAIL  psnr_y: regressed, 26.4735 ->")
    )
    assert (
        lines[failed + 1]
        .strip()
        .startswith("5 images lost more than 0.1: 002 30.8224 -> 29.6325 (-1.1899), 001 ")
    )
    root = ElementTree.fromstring(report.read_text())
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "3", "0")
    assert "002 30.8224 -> 29.6325 (-1.1899)" in (root.find(".//failure").text or "")  # type: ignore[union-attr]
    assert summary.read_text().startswith("**refbench check: regressed**")
    assert "cufed5: mine" in summary.read_text()

    tolerances = ["tolerance.psnr_y=2", "tolerance.psnr_rgb=2", "tolerance.ssim_y=0.1"]
    # the mean may fall, a single image may not: each rule has its own limit
    assert "images lost more than" in check(capsys, 1, f"baseline={baseline}", worse, *tolerances)
    limits = ["image.psnr_y=2", "image.psnr_rgb=2", "image.ssim_y=0.1"]
    assert "unchanged" in check(capsys, 0, f"baseline={baseline}", worse, *tolerances, *limits)


def test_a_change_at_the_level_of_noise_is_0(
    gate: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, baseline = gate
    noisy = run_mine(tmp_path, 'up("bicubic") + 1e-4')
    document = json.loads(check(capsys, 0, f"baseline={baseline}", f"out={noisy}", "mode=strict", "--json"))
    psnr = document["cells"][0]["metrics"][0]
    assert psnr["verdict"] == "unchanged"
    assert psnr["lo"] < 0.0 < psnr["hi"], "the SR did change"


@pytest.mark.parametrize(
    ("more", "field", "said"),
    [
        (["suite=TMP/other.yaml"], "protocol.id", "protocol.id: baseline canonical@1, run ttsr@1"),
        (["seed=3"], "seed", "seed: baseline 0, run 3"),
    ],
)
def test_another_protocol_or_seed_is_3_naming_the_field(
    gate: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    field: str,
    said: str,
) -> None:
    _, baseline = gate
    (tmp_path / "other.yaml").write_text(
        "{name: other, title: x, dataset: cufed5, protocols: [{card: ttsr}]}"
    )
    other = run_mine(tmp_path, 'up("bicubic")', "limit=1", *(w.replace("TMP", str(tmp_path)) for w in more))
    document = json.loads(check(capsys, 3, f"baseline={baseline}", f"out={other}", "--json"))
    assert (document["verdict"], document["cells"][0]["field"]) == ("not comparable", field)
    assert document["cells"][0]["reason"].startswith(said)


def test_fewer_images_than_the_baseline_are_3(
    gate: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = run_mine(tmp_path, 'up("bicubic")', "limit=3")
    printed = check(capsys, 3, f"baseline={gate[1]}", f"out={few}")
    assert "samples: the run has no value for 2 of its images: 003, 004" in printed


def test_latest_follows_the_last_run_also_back(
    gate: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The newest cell counts; going back to the old code makes its reused cell the newest again."""
    _, baseline = gate
    good, bad = ('up("bicubic")', "limit=5"), ('up("bilinear")', "limit=5")
    out = run_mine(tmp_path, *good)
    run_mine(tmp_path, *bad)
    assert main(["check", f"baseline={baseline}", f"out={out}"]) == 1
    assert "is the latest; older, left out: " in capsys.readouterr().err
    run_mine(tmp_path, *good)
    assert check(capsys, 0, f"baseline={baseline}", f"out={out}")
    assert "run: 2 cells fit" in check(capsys, 3, f"baseline={baseline}", f"run={out}")
    folders = sorted(path.parent for path in out.glob("*/manifest.json"))
    codes = {main(["check", f"baseline={baseline}", f"run={folder}"]) for folder in folders}
    assert codes == {0, 1}


def test_update_shows_what_changes(
    gate: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    baseline = tmp_path / "b.json"
    baseline.write_text(gate[1].read_text())
    worse = run_mine(tmp_path, 'up("bilinear")')
    printed = check(capsys, 0, f"baseline={baseline}", f"out={worse}", "--update")
    assert "psnr_y: regressed" in printed
    assert printed.splitlines()[-1] == f"wrote {baseline}: 1 result, 5 images; commit it"
    check(capsys, 0, f"baseline={baseline}", f"out={worse}")


def test_costs_only_with_perf_and_only_of_one_machine(
    gate: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, made = gate
    data = json.loads(made.read_text())
    data["cells"][0]["costs"] = {"peak_mb": 1.0, "seconds": 1e6}
    baseline = tmp_path / "costs.json"
    baseline.write_text(json.dumps(data))
    check(capsys, 0, f"baseline={baseline}", f"out={out}")
    printed = check(capsys, 1, f"baseline={baseline}", f"out={out}", "--perf")
    assert "  FAIL  peak_mb: regressed" in printed
    assert "  good  seconds: improved" in printed
    check(capsys, 0, f"baseline={baseline}", f"out={out}", "--perf", "perf.ratio=1e9")
    data["cells"][0]["machine"]["cpu"] = "another"
    baseline.write_text(json.dumps(data))
    printed = check(capsys, 3, f"baseline={baseline}", f"out={out}", "--perf")
    assert "seconds: not comparable, machine: cpu: baseline another, run " in printed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["out=OUT"], "check: baseline= is missing"),
        (["baseline=TMP/none.json", "out=OUT"], "none.json: not found; make it with refbench check --update"),
        (["baseline=TMP/damaged.json", "out=OUT"], "damaged.json: not JSON: "),
        (["baseline=TMP/other.json", "out=OUT"], "not a refbench baseline"),
        (["baseline=BASE", "out=TMP/nowhere"], "nowhere: not found; run something into it first"),
        (["baseline=BASE", "run=BASE"], "is a file; name a results or run folder"),
        (["baseline=BASE", "out=OUT", "tolerence.psnr_y=1"], "check has no key 'tolerence.psnr_y'"),
        (["baseline=BASE", "out=OUT", "tolerance.psnry=1"], "no such metric; did you mean 'psnr_y'?"),
        (["baseline=BASE", "out=OUT", "tolerance.psnr_y=-1"], "tolerance.psnr_y=-1: must be a number from 0"),
        (["baseline=BASE", "out=OUT", "mode=lenient"], "mode=lenient: it can be paired, strict"),
        (["baseline=BASE", "out=OUT", "perf.ratio=0.5"], "perf.ratio=0.5: must be at least 1"),
        (["baseline=BASE", "OUT", "run=OUT"], "both name the run; leave one out"),
        (["baseline=BASE", "out=OUT", "junit=OUT"], "cannot be written: Is a directory"),
    ],
)
def test_each_mistake_is_2_and_one_line(
    gate: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    out, baseline = gate
    (tmp_path / "damaged.json").write_text(baseline.read_text()[:-20])
    (tmp_path / "other.json").write_text('{"cells": []}')
    names = {"OUT": str(out), "BASE": str(baseline), "TMP": str(tmp_path)}
    for name, text in names.items():
        words = [word.replace(name, text) for word in words]
    capsys.readouterr()
    assert main(["check", *words]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("refbench: ")
    assert said in lines[0]


def test_a_tolerance_of_a_metric_with_parameters() -> None:
    from refbench.cli.check import _split_limits

    words = ["run=a=b", "tolerance.psnr_y=1", "tolerance.psnr_y:crop=2:region=covered=0.05", "C:/x=1"]
    others, limits = _split_limits(words)
    assert others == ["run=a=b", "tolerance.psnr_y=1", "C:/x=1"]
    assert limits == {"tolerance.psnr_y:crop=2:region=covered": "0.05"}
