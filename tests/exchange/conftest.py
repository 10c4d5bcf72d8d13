"""The results folders of the reports' tests: exports read the same cells."""

from __future__ import annotations

from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def made() -> ModuleType:
    import results_folder

    return results_folder
