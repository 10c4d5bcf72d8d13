"""The results folders of the reports' tests: exports read the same cells."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def made() -> ModuleType:
    """The module ``tests/reports/results_folder.py``: test folders are not packages."""
    place = Path(__file__).parents[1] / "reports" / "results_folder.py"
    source = importlib.util.spec_from_file_location("results_folder", place)
    assert source is not None
    assert source.loader is not None
    module = importlib.util.module_from_spec(source)
    source.loader.exec_module(module)
    return module
