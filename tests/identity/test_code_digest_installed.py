"""Keys of the shipped methods in an installed copy: equal to the checkout's, and moved by code alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("bicubic", "c2_matching", "datsr", "masa", "ttsr")
PROBE = f"""
import json
from refbench.identity.code_digest import code_digest
from refbench.registry import Registry
registry = Registry.discover()
print(json.dumps({{name: code_digest(registry.method(name)) for name in {NAMES!r}}}))
"""


def digests(site: Path | None) -> dict[str, str]:
    """Method -> code digest, in a process that finds refbench in ``site`` (None: this checkout)."""
    environment = {**os.environ, **({"PYTHONPATH": str(site)} if site else {})}
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, env=environment, cwd="/"
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in NAMES if before[name] != after[name]}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``pip install`` of a wheel leaves."""
    target = tmp_path_factory.mktemp("installed") / "site"
    install = ["install", "-q", "--no-deps", "--no-build-isolation", "--target", str(target), str(ROOT)]
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *install], check=True)
    return target


@pytest.mark.slow
def test_an_installed_copy_has_the_keys_of_the_checkout_and_only_code_moves_them(site: Path) -> None:
    before = digests(site)
    assert before == digests(None)

    for path in (site / "refbench").rglob("*.py"):
        path.write_text(path.read_text() + '\n# a comment\n"""a docstring"""\n')
    assert changed(before, digests(site)) == set()

    config = site / "refbench" / "methods" / "datsr" / "config.py"
    config.write_text(config.read_text() + "\nSOMETHING = 3\n")
    assert changed(before, digests(site)) == {"datsr"}

    matcher = site / "refbench" / "matching" / "matcher.py"
    matcher.write_text(matcher.read_text() + "\nSOMETHING = 3\n")
    assert changed(before, digests(site)) == {"c2_matching", "datsr", "masa", "ttsr"}
