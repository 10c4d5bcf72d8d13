"""No thread but the main one imports a module: two that import one package at once may find it half made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CODE = """
import sys, threading
from refbench.cli.main import main

class Watch:
    def find_spec(self, name, path=None, target=None):
        if threading.current_thread() is not threading.main_thread():
            seen.append((threading.current_thread().name, name))

seen = []
sys.meta_path.insert(0, Watch())
code = main(sys.argv[1:])
# readers ask for optional packages that are not there
seen = [found for found in seen if found[1] in sys.modules]
print(seen, file=sys.stderr)
sys.exit(code or bool(seen))
"""
RUNS = {
    "import-race-jitter": ["method=datsr", "suite=cufed5_jitter", "limit=2", "draws=1"],
    "foreign references": ["method=bicubic", "suite=cufed5_ref_type", "limit=1", "draws=1"],
    "metrics": ["method=bicubic", "limit=2", "metrics=[...,niqe,psnr_y:region=covered]"],
}


@pytest.mark.parametrize("case", RUNS)
def test_only_the_main_thread_imports(case: str, tmp_path: Path) -> None:
    words = ["run", *RUNS[case], "against=none", "tracking=none", f"out={tmp_path}/o", "threads=1"]
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr.splitlines()[-1]
