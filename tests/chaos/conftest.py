"""The modules next to this file as fixtures: what only Linux has is skipped elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="session")
def chaos_world() -> ModuleType:
    return import_module("chaos_world")


@pytest.fixture(scope="session")
def disk_faults() -> ModuleType:
    return import_module("disk_faults")


@pytest.fixture(scope="session")
def damage() -> ModuleType:
    return import_module("damage")


@pytest.fixture(scope="session")
def processes() -> ModuleType:
    if not Path("/proc/self/task").is_dir():
        pytest.skip("watches processes through /proc")
    return import_module("processes")


@pytest.fixture(scope="session")
def zygote(processes: ModuleType) -> Iterator[Any]:
    server = processes.Zygote()
    yield server
    server.close()
