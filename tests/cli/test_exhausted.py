"""Too little memory and libraries that cannot be loaded: one line and exit code 70, never a verdict."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from refbench.cli.exhausted import machine_failure

RUN = ["run", "method=bicubic", "suite=cufed5", "limit=1", "tracking=none", "against=none"]


@pytest.mark.skipif(sys.platform != "linux", reason="ulimit -v")
@pytest.mark.parametrize("kilobytes", [400_000, 1_500_000])
def test_a_small_address_space(kilobytes: int, tmp_path: Path) -> None:
    words = " ".join([sys.executable, "-m", "refbench", *RUN, f"out={tmp_path / 'o'}"])
    done = subprocess.run(
        ["bash", "-c", f"ulimit -v {kilobytes}; OPENBLAS_NUM_THREADS=1 exec {words}"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 70, done.stderr
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("refbench: ")
    assert "ulimit -v" in done.stderr
    assert "Traceback" not in done.stderr


def wrapped() -> ImportError:
    try:
        try:
            raise ImportError("libx.so.1: cannot open shared object file: No such file")
        except ImportError as inner:
            raise ImportError("IMPORTANT: PLEASE READ THIS\n" * 20) from inner
    except ImportError as error:
        return error


@pytest.mark.parametrize(("error", "text"), [
    (MemoryError(), "out of memory; more memory or address space is needed (ulimit -v"),
    (wrapped(), "cannot load a library: libx.so.1: cannot open shared object file: No such file; install "),
    (ImportError("libtorch.so: failed to map segment from shared object"), "cannot load a library: libtorch"),
    (RuntimeError("can't start new thread"), "can't start new thread; more memory"),
])  # fmt: skip
def test_what_is_told_from_a_fault_of_ours(error: Exception, text: str) -> None:
    found = machine_failure(error)
    assert found is not None
    assert found.startswith(text)
    assert "\n" not in found


@pytest.mark.parametrize(
    "error", [ImportError("No module named 'x'"), RuntimeError("shape"), ValueError("x")]
)
def test_faults_of_ours_are_left_alone(error: Exception) -> None:
    assert machine_failure(error) is None
