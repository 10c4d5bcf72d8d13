"""refbench.testing as a method's own repository would use it: a method in a file, a committed baseline."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from refbench.cli.main import main
from refbench.errors import UserError
from refbench.results.record import CellRecord
from refbench.testing import assert_conformant, assert_not_regressed, refbench_run, run_suite, save_baseline

pytestmark = pytest.mark.slow

Run = Callable[..., tuple[CellRecord, ...]]
__all__ = ["refbench_run"]

METHOD = '''
from __future__ import annotations

import torch
import torch.nn.functional as F

from refbench.specs import MethodSpec


class Nearest:
    """Nearest neighbour plus a brightness error, so that there is something to make worse."""

    def __init__(self, weights=None, device="cpu"):
        pass

    def __call__(self, inp):
        up = F.interpolate(inp.lr[None], scale_factor=inp.scale, mode="nearest")[0]
        return {body}


SPEC = MethodSpec(
    name="nearest", target=":Nearest", max_refs=0, uses_reference=False, params={{}}, licence="CC0-1.0"
)
'''
SUITE = ("suite=cufed5", "limit=2", "device=cpu")


def method_file(folder: Path, body: str, stem: str = "nearest") -> str:
    path = folder / f"{stem}.py"
    path.write_text(METHOD.format(body=body))
    return f"method={path}:SPEC"


def test_a_repository_gates_its_own_method(tmp_path: Path, refbench_run: Run) -> None:
    path = tmp_path / "baselines" / "mine.json"
    cells = refbench_run(method_file(tmp_path, "up"), *SUITE)
    save_baseline(cells, path)
    assert json.loads(path.read_text())["provenance"]["refbench"]
    assert assert_not_regressed(cells, path).verdict == "unchanged"

    worse = run_suite(method_file(tmp_path, "up * 0.9", "changed"), *SUITE, out=tmp_path / "worse")
    with pytest.raises(pytest.fail.Exception) as failed:
        assert_not_regressed(worse, path, mode="strict")
    assert "psnr_y: regressed" in str(failed.value)
    assert "2 images lost more than 0.1: 001 22.1086 -> 20.7936" in str(failed.value)
    # the mean and the single image have a limit each
    wide = dict.fromkeys(cells[0].metrics, 50.0)
    with pytest.raises(pytest.fail.Exception):
        assert_not_regressed(worse, path, mode="strict", tolerance=wide)
    assert_not_regressed(worse, path, mode="strict", tolerance=wide, image=wide)


def test_results_are_resumed_and_land_where_asked(tmp_path: Path) -> None:
    first = run_suite("method=bicubic", *SUITE, out=tmp_path / "r")
    again = run_suite("method=bicubic", *SUITE, out=tmp_path / "r")
    assert [cell.metrics for cell in first] == [cell.metrics for cell in again]
    assert len(list((tmp_path / "r").glob("*/samples.jsonl"))) == len(first) == 1
    assert not list((tmp_path / "r").glob("*/images/*"))


def test_conformance(tmp_path: Path) -> None:
    assert assert_conformant(method_file(tmp_path, "up"), "device=cpu").ok
    with pytest.raises(pytest.fail.Exception, match="does not conform"):
        assert_conformant(method_file(tmp_path, "up[:, :-1]", "cut"), "device=cpu")


def test_a_missing_baseline_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="make it with refbench check --update"):
        assert_not_regressed([], tmp_path / "none.json")


PLUGIN = """
from refbench.specs import MetricSpec


def factory(spec):
    return lambda sr, target: float(abs(sr.astype(float) - target).mean())


SPEC = MetricSpec(
    "mae", "mae|space=rgb|crop=0|v1", "metric_plugin:factory", higher_is_better=False, decimals=1
)
"""


def test_a_metric_of_a_plugin_is_gated_as_by_the_command(
    tmp_path: Path, refbench_run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "metric_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("mae", "metric_plugin:SPEC", "refbench.metrics")
    monkeypatch.setattr(
        "refbench.registry.entry_points", lambda group: [point] if group == "refbench.metrics" else []
    )
    mine, command = tmp_path / "mine.json", tmp_path / "command.json"
    cells = refbench_run(method_file(tmp_path, "up"), *SUITE, "metrics=[...,mae]")
    save_baseline(cells, mine)
    assert_not_regressed(cells, mine)
    assert main(["check", f"baseline={command}", f"run={tmp_path / 'results'}", "--update"]) == 0
    made, written = (json.loads(path.read_text())["cells"] for path in (mine, command))
    assert [cell["images"] for cell in made] == [cell["images"] for cell in written]
    values = [value for image in made[0]["images"].values() for value in image["mae"]]
    assert [round(value, 3) for value in values] == values
    assert len(values) == 2

    # brighter is worse, and a greater error is a loss: the direction is the plugin's
    worse = run_suite(
        method_file(tmp_path, "up * 0.9", "changed"), *SUITE, "metrics=[...,mae]", out=tmp_path / "worse"
    )
    with pytest.raises(pytest.fail.Exception, match="mae: regressed"):
        assert_not_regressed(worse, command, mode="strict")
    capsys.readouterr()
    assert main(["check", f"baseline={command}", f"run={tmp_path / 'worse'}", "mode=strict"]) == 1
    assert "mae: regressed" in capsys.readouterr().out
