"""mypy --strict over an installed copy of refbench, read from another folder, and over tools/.

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
        command += ["--cache-dir", str(cache)]
        tools = ROOT / "tools"
        environment = {**os.environ, "MYPYPATH": f"{target}{os.pathsep}{tools}"}
        # the scripts outside the wheel import it as a user does
        for what in (["-p", "refbench"], sorted(map(str, tools.glob("*.py")))):
            if code := subprocess.run([*command, *what], cwd=folder, env=environment).returncode:
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main("--plant" in sys.argv[1:]))
