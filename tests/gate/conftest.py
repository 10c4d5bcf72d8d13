"""Makes ``gate_cells.cell`` available as a fixture: test folders are not packages."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from refbench.results.record import CellRecord


@pytest.fixture(scope="session")
def cell() -> Callable[..., CellRecord]:
    source = importlib.util.spec_from_file_location("gate_cells", Path(__file__).with_name("gate_cells.py"))
    assert source is not None
    assert source.loader is not None
    module = importlib.util.module_from_spec(source)
    source.loader.exec_module(module)
    made: Callable[..., CellRecord] = module.cell
    return made
