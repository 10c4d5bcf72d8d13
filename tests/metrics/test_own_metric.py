"""The example of docs/metrics.md: a metric of one's own needs a function and a spec, nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from refbench.metrics import METRICS, MetricCatalog, build


def test_the_documented_metric_works(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code is not None
    (tmp_path / "mypkg").mkdir()
    (tmp_path / "mypkg" / "__init__.py").write_text("")
    (tmp_path / "mypkg" / "mae.py").write_text(code.group(1))
    monkeypatch.syspath_prepend(tmp_path)
    from importlib import import_module

    module: ModuleType = import_module("mypkg.mae")
    (spec,) = MetricCatalog([*METRICS, module.SPEC]).of_names(["mae"])
    black, grey = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 10, np.uint8)
    assert build(spec)(grey, black) == 10.0
    assert not spec.higher_is_better


def test_the_documented_signatures_are_the_real_ones() -> None:
    text = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8").replace("\\|", "|")
    for spec in MetricCatalog(METRICS).of_names(["psnr_y", "ssim_y"]):
        assert f"`{spec.alias}` | `{spec.signature}`" in text
