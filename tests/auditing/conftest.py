"""A small finished study on images of its own, and ways to spoil a copy of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage

from refbench.auditing.audit import AuditResult, audit
from refbench.cli.main import main
from refbench.registry import Registry
from refbench.results.digests import store_digests

SUITE = """
name: small
dataset: pairs
protocols:
  - {control: true}
  - {transform: jitter, level: x1, draws: 2}
"""


@dataclass(frozen=True)
class Results:
    """A results folder of two cells: three images once, and three images in two draws."""

    out: Path
    data: Path

    def cell(self, which: int = 0) -> Path:
        """The folder of the control (0), of the jittered cell (1)."""
        cells = [path.parent for path in self.out.glob("*/manifest.json")]
        return sorted(cells, key=lambda f: "jitter" in read(f / "manifest.json")["protocol"])[which]

    def audit(self, **settings: Any) -> AuditResult:
        """The audit of everything, with the data at hand."""
        given: dict[str, Any] = {"data_root": str(self.data), **settings}
        return audit([self.out], Registry.discover(), **given)


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))


def edit_rows(cell: Path, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    """Let ``change`` edit the decoded lines of samples.jsonl."""
    path = cell / "samples.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    change(rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def forge(cell: Path) -> None:
    """Make the digests fit what was edited, as somebody does who means it."""
    assert store_digests(cell) is not None


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Results:
    place = tmp_path_factory.mktemp("audited")
    rng = np.random.default_rng(5)
    for part in ("input", "ref"):
        (place / "data" / part).mkdir(parents=True)
        for name in ("a", "b", "c"):
            coarse = rng.integers(0, 256, (14, 16, 3), dtype=np.uint8)
            image = PilImage.fromarray(coarse).resize((64, 56), PilImage.Resampling.BICUBIC)
            image.save(place / "data" / part / f"{name}.png")
    (place / "small.yaml").write_text(SUITE)
    words = ["run", "method=bicubic", f"suite={place / 'small.yaml'}", f"data.root={place / 'data'}"]
    assert main([*words, f"out={place / 'results'}", "tracking=none", "--plain"]) == 0
    return Results(place / "results", place / "data")


@pytest.fixture
def results(finished: Results, tmp_path: Path) -> Results:
    """A copy to spoil."""
    shutil.copytree(finished.out, tmp_path / "copy")
    return Results(tmp_path / "copy", finished.data)
