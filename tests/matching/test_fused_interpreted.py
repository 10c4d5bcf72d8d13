"""The fused matcher's tests in Triton's interpreter: in a process where Triton was not imported before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.slow

pytest.importorskip("triton", reason="Triton comes with CUDA builds of torch")


@pytest.mark.skipif(torch.cuda.is_available(), reason="the tests run on the card")
def test_the_fused_matcher_in_tritons_interpreter() -> None:
    tests = Path(__file__).with_name("test_fused.py")
    command = [sys.executable, "-c", "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"]
    done = subprocess.run(
        [*command, str(tests), "-q", "-p", "no:cacheprovider", "-p", "no:xdist"],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        cwd=tests.parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
