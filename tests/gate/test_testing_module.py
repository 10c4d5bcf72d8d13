"""refbench.testing as a method's own repository would use it: a method in a file, a committed baseline."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from refbench.errors import UserError
from refbench.stats import CellSummary
from refbench.testing import assert_conformant, assert_not_regressed, refbench_run, run_suite, save_baseline

Run = Callable[..., tuple[CellSummary, ...]]
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
    assert "worst: " in str(failed.value)
    assert_not_regressed(worse, path, mode="strict", tolerance=dict.fromkeys(cells[0].metrics, 50.0))


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
