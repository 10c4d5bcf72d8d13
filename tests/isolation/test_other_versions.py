"""``method=external`` in a real virtual environment with other package versions, through a whole run.

The environment is made offline: `python -m venv`, numpy by a path file, and a package of another version that
this interpreter has too.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from refbench.cli.main import main

pytestmark = pytest.mark.slow

OTHER = "0.0.1+another"
METHOD = """
    import importlib.metadata, os, sys, time
    import numpy as np
    import yaml  # the other version: this one has no safe_load, and refbench could not live with it

    class Net:
        def __init__(self):
            assert not hasattr(yaml, "safe_load")
            assert importlib.metadata.version("pyyaml") == yaml.__version__
            self.calls = 0

        def __call__(self, inp):
            self.calls += 1
            if inp.sample_id == "b_crash":
                os.kill(os.getpid(), 11)
            if inp.sample_id == "c_hang":
                time.sleep(600)
            if inp.sample_id == "d_raise":
                raise RuntimeError(f"yaml {yaml.__version__} in {sys.prefix}")
            return inp.lr.repeat(inp.scale, 1).repeat(inp.scale, 2)
"""


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second interpreter: numpy as here, PyYAML in a version of its own."""
    folder = tmp_path_factory.mktemp("second") / "their env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    found = subprocess.run(
        [str(folder / "bin" / "python"), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    site = Path(found.stdout.strip())
    here = Path(np.__file__).parent
    (site / "numpy").symlink_to(here)
    for libraries in here.parent.glob("numpy.libs"):
        (site / libraries.name).symlink_to(libraries)
    (site / "yaml").mkdir()
    (site / "yaml" / "__init__.py").write_text(f"__version__ = {OTHER!r}\n")
    (site / f"pyyaml-{OTHER}.dist-info").mkdir()
    (site / f"pyyaml-{OTHER}.dist-info" / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: PyYAML\nVersion: {OTHER}\n"
    )
    return folder


@pytest.fixture
def words(venv: Path, tmp_path: Path) -> list[str]:
    for seed, name in enumerate(("a", "b_crash", "c_hang", "d_raise", "e")):
        pixels = np.random.default_rng(seed).integers(0, 256, (48, 48, 3), dtype=np.uint8)
        for folder in ("input", "ref"):
            (tmp_path / "data" / folder).mkdir(parents=True, exist_ok=True)
            PILImage.fromarray(pixels).save(tmp_path / "data" / folder / f"{name}.png")
    (tmp_path / "their_net.py").write_text(textwrap.dedent(METHOD))
    return [
        "run", "method=external", f"method.python={venv / 'bin' / 'python'}", "suite=pairs", "images=none",
        f"method.target={tmp_path / 'their_net.py'}:Net", f"data.root={tmp_path / 'data'}", "tracking=none",
        f"out={tmp_path / 'results'}", "against=none", "--json", "--plain",
    ]  # fmt: skip


def rows(results: Path) -> dict[str, Any]:
    [file] = results.rglob("samples.jsonl")
    found = [json.loads(line) for line in file.read_text().splitlines()]
    return {row["sample_id"]: row for row in found}


def test_other_versions_crash_and_hang_cost_their_own_images_only(
    venv: Path, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert version("pyyaml") != OTHER
    assert main([*words, "method.timeout=15"]) == 1
    [cell] = json.loads(capsys.readouterr().out)["cells"]
    assert cell["errors"] == 3
    found = rows(tmp_path / "results")
    assert {name for name, row in found.items() if row["status"] == "ok"} == {"a", "e"}
    assert "was killed by SIGSEGV" in found["b_crash"]["error"]
    assert "took longer than 15 s and was stopped" in found["c_hang"]["error"]
    assert f"RuntimeError: yaml {OTHER} in {venv}" in found["d_raise"]["error"]
    assert all("\n" not in row["error"] for row in found.values())


def test_an_environment_without_numpy_says_so(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    changed = [
        f"method.python={bare / 'bin' / 'python'}" if w.startswith("method.python") else w for w in words
    ]
    assert main(changed) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert "No module named 'numpy'" in error
    assert "\n" not in error
