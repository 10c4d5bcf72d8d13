"""mypy --strict over an installed copy of refbench, read from another folder.

``mypy -p refbench`` in the repository root reports no errors because it never follows the mapping of
methods/, datasets/, reports/ into the package. So a copy is installed into a folder of its own first.
With ``--plant`` an error is planted in the copy's methods folder: mypy must then fail.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(plant: bool = False) -> int:
    """Exit code of mypy."""
    with tempfile.TemporaryDirectory(prefix="refbench-types-") as folder:
        target = Path(folder) / "site"
        install = ["install", "-q", "--no-deps", "--target", str(target), str(ROOT)]
        subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *install], check=True)
        if plant:
            (target / "refbench" / "methods" / "planted.py").write_text("number: int = 'text'\n")
        command = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml")]
        cache = ROOT / ".mypy_cache" / "installed"
        command += ["--cache-dir", str(cache), "-p", "refbench"]
        return subprocess.run(command, cwd=folder, env={**os.environ, "MYPYPATH": str(target)}).returncode


if __name__ == "__main__":
    sys.exit(main("--plant" in sys.argv[1:]))
