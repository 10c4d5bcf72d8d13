"""The builders of hostile files, for the tests next to them."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def little_growth() -> Iterator[None]:
    """Fails a test in which this process's peak memory grows by more than 400 MiB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 400, f"peak memory grew by {grown:.0f} MiB"


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """The working folder of a test; what lies next to it must be there unchanged at its end."""
    (tmp_path / "outside.txt").write_text("untouched")
    inside = tmp_path / "inside"
    inside.mkdir()
    yield inside
    assert {p.name for p in tmp_path.iterdir()} == {"outside.txt", "inside"}
    assert (tmp_path / "outside.txt").read_text() == "untouched"
