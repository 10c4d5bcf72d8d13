"""What answers at once must import nothing that takes long: checked in fresh processes."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "torchvision",
    "numpy",
    "hydra",
    "omegaconf",
    "mlflow",
    "pandas",
    "matplotlib",
    "skimage",
    "scipy",
    "lpips",
)
PROBE = """
import contextlib, io, sys
from refbench.cli.main import main
with contextlib.redirect_stdout(io.StringIO()) as out:
    code = main({argv!r})
heavy = [m for m in {heavy!r} if m in sys.modules]
print(code, len(out.getvalue()) > 0, heavy)
"""


def probe(*argv: str) -> str:
    code = PROBE.format(argv=list(argv), heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["--help"],
        ["--version"],
        ["run", "--help"],
        ["list", "--help"],
        ["list"],
        ["list", "methods", "bicubic"],
        ["list", "protocols", "canonical"],
        ["completion", "bash"],
        ["__complete", "run", "method=bi"],
        ["__complete", "run", "suite=cufed5_"],
    ],
    ids=" ".join,
)
def test_quick_commands_import_nothing_heavy(argv: list[str]) -> None:
    assert probe(*argv) == "0 True []"


def test_every_commands_help_imports_nothing_heavy() -> None:
    from refbench.cli.commands import COMMANDS

    for name in COMMANDS:
        assert probe(name, "--help") == "0 True []", name


def test_specs_and_settings_import_nothing_heavy() -> None:
    code = (
        "import sys, refbench.specs, refbench.settings, refbench.errors, refbench.stages;"
        "import refbench.config.load;"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
