"""Every file of the packages is installed: a folder without ``__init__.py`` works in an editable install
and is absent from the wheel."""

from __future__ import annotations

import ast
from fnmatch import fnmatch
from pathlib import Path

import pytest

from refbench.registry import Registry

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("refbench", "methods", "datasets", "reports", "configs")

pytestmark = pytest.mark.skipif(not (ROOT / "setup.py").is_file(), reason="not run from a source tree")


def shipped() -> list[Path]:
    found = [p for top in PACKAGES for p in (ROOT / top).rglob("*") if p.is_file()]
    return [p for p in found if "__pycache__" not in p.parts and p.suffix != ".pyc"]


def patterns() -> list[str]:
    tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    call = next(n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "setup")
    value = next(k.value for k in call.keywords if k.arg == "package_data")
    found: list[str] = ast.literal_eval(value)[""]
    return found


def test_every_file_is_in_a_package() -> None:
    outside = {str(p.parent.relative_to(ROOT)) for p in shipped() if not (p.parent / "__init__.py").is_file()}
    assert outside == set()


def test_weights_that_are_said_to_be_bundled_are_there_and_small() -> None:
    registry = Registry.discover()
    hosted = [name for name in registry.names("methods") if (ROOT / "methods" / name).is_dir()]
    found = [
        ROOT / "methods" / name / file.name
        for name in hosted
        for variant in registry.method(name).variants
        if variant.bundled
        for file in variant.files
    ]
    assert len(found) >= 3
    assert [str(path) for path in found if not path.is_file()] == []
    assert sum(path.stat().st_size for path in found) < 8e6


def test_every_file_has_a_kind_that_is_installed() -> None:
    left_out = [p for p in shipped() if p.suffix != ".py" and not any(fnmatch(p.name, t) for t in patterns())]
    assert left_out == []


def test_packages_are_named_in_setup() -> None:
    text = (ROOT / "setup.py").read_text(encoding="utf-8")
    for top in PACKAGES:
        assert f'"{top}"' in text
