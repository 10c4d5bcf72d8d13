"""Makes the modules next to this file importable by name, also in processes that are started from here."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).parent


def load(name: str) -> ModuleType:
    """The module ``name`` of this folder, loaded once."""
    if name not in sys.modules:
        source = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
        assert source is not None
        assert source.loader is not None
        module = importlib.util.module_from_spec(source)
        sys.modules[name] = module
        source.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def chaos_world() -> ModuleType:
    return load("chaos_world")


@pytest.fixture(scope="session")
def disk_faults() -> ModuleType:
    return load("disk_faults")


@pytest.fixture(scope="session")
def damage() -> ModuleType:
    return load("damage")


@pytest.fixture(scope="session")
def processes() -> ModuleType:
    if not Path("/proc/self/task").is_dir():
        pytest.skip("watches processes through /proc")
    return load("processes")


@pytest.fixture(scope="session")
def zygote(processes: ModuleType) -> Iterator[Any]:
    server = processes.Zygote()
    yield server
    server.close()
