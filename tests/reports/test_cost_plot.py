"""The plot of a profile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image as PILImage

from refbench.reports.cost_plot import draw_cost


def timing(seconds: float) -> dict[str, Any]:
    spread = {"median": seconds, "q1": 0.9 * seconds, "q3": 1.2 * seconds}
    return {"wall_s": spread, "cpu_s": spread, "peak_mb": 10 * seconds}


def cell(method: str, side: int, **values: Any) -> dict[str, Any]:
    stages = {"match": timing(side / 50), "own $\\stage$": timing(0.0), "other": timing(0.1)}
    stages["total"] = timing(side / 50 + 0.1)
    return {
        "status": "ok", "method": method, "size": [side, side], "k": None, "weights": None, "clock": "cpu_s",
        "stages": stages, **values,
    }  # fmt: skip


def drawn(document: dict[str, Any], folder: Path) -> tuple[int, int] | None:
    path = folder / "c.png"
    if not draw_cost(document, path):
        assert not path.exists()
        return None
    with PILImage.open(path) as image:
        return image.size


def test_methods_and_matchers(tmp_path: Path) -> None:
    methods = [cell("a$\\x$", side) for side in (32, 64)]
    methods.append(
        cell("a$\\x$", 128, stages={"total": {**timing(1.0), "peak_mb": None}, "other": timing(1.0)})
    )
    matchers = [
        {"status": "ok", "matcher": "bmm", "features": [9, 9, 4], "k": 1, "clock": "wall_s", **timing(0.0)},
        {"status": "ok", "matcher": "bmm", "features": [18, 9, 4], "k": 1, "clock": "wall_s", **timing(0.2)},
    ]
    one_row = drawn({"methods": methods, "matchers": []}, tmp_path)
    two_rows = drawn({"methods": methods, "matchers": matchers}, tmp_path)
    assert one_row is not None
    assert two_rows == (one_row[0], 2 * one_row[1])


def test_nothing_to_draw(tmp_path: Path) -> None:
    failed = {"status": "memory", "method": "a", "size": [32, 32], "k": None}
    assert drawn({"methods": [failed], "matchers": []}, tmp_path) is None
