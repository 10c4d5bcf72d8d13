"""Makes ``gate_cells.cell`` available as a fixture."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from refbench.results.record import CellRecord


@pytest.fixture(scope="session")
def cell() -> Callable[..., CellRecord]:
    import gate_cells

    made: Callable[..., CellRecord] = gate_cells.cell
    return made
