"""A small finished study on images of its own, and a copy of it to spoil."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from audited_results import Results
from PIL import Image as PilImage

from refbench.cli.main import main

SUITE = """
name: small
dataset: pairs
protocols:
  - {control: true}
  - {transform: jitter, level: x1, draws: 2}
"""


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
