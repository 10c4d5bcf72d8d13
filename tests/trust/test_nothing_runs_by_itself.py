"""Code from files runs only when its file is named: not from folders of data, of results, or the current."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

REFBENCH = Path(sysconfig.get_path("scripts")) / "refbench"
PLANTED = (
    "refbench_plugin.py", "conftest.py", "sitecustomize.py", "usercustomize.py", "numpy.py", "yaml.py",
    "torch.py", "hydra.py", "refbench.py", "plugin.py", "spec.py", "__init__.py", "setup.py",
    "hydra_plugins/__init__.py", "hydra_plugins/evil/__init__.py", "refbench/__init__.py",
    "methods/__init__.py",
)  # fmt: skip


def plant(folder: Path, mark: Path) -> None:
    """Files that would leave ``mark`` if anything ran them."""
    code = f"open({str(mark)!r}, 'a').write(__file__)\n"
    for name in PLANTED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(code)
    (folder / "evil.pth").write_text(f"import os; open({str(mark)!r}, 'a').write('pth')\n")
    settings = f"_target_: builtins.open\n_args_: [{str(mark)!r}, 'w']\n"
    for name in (
        "run.yaml",
        "config.yaml",
        "suite.yaml",
        "refbench.yaml",
        ".hydra/config.yaml",
        "pytest.ini",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(settings)
    dist = folder / "evil-1.0.dist-info"
    dist.mkdir()
    (dist / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    (dist / "entry_points.txt").write_text("[refbench.methods]\nevil = refbench_plugin:SPEC\n")


@pytest.mark.skipif(not REFBENCH.is_file(), reason="the refbench command is not installed here")
def test_planted_files_are_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    data, results, here = tmp_path / "data", tmp_path / "results", tmp_path / "here"
    pixels = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    for folder in ("input", "ref"):
        (data / folder).mkdir(parents=True)
        PILImage.fromarray(pixels).save(data / folder / "a.png")
    for folder in (data, data / "input", results, here):
        plant(folder, mark)

    def refbench(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([REFBENCH, *words], cwd=here, capture_output=True, text=True, check=False)

    common = (f"data.root={data}", f"out={results}", "tracking=none", "--plain")
    done = refbench("run", "method=bicubic", "suite=pairs", "against=none", *common)
    assert done.returncode == 0, done.stderr
    assert refbench("report", f"out={results}", "format=md,html").returncode == 0
    assert refbench("prepare", "dataset=pairs", f"data.root={data}").returncode == 0
    listed = refbench("list")
    assert listed.returncode == 0
    assert "evil" not in listed.stdout
    assert not mark.exists(), mark.read_text()


@pytest.mark.skipif(not REFBENCH.is_file(), reason="the refbench command is not installed here")
def test_a_file_that_is_named_does_run(tmp_path: Path) -> None:
    """The other side: the marks above would be seen."""
    mark = tmp_path / "executed"
    plugin = tmp_path / "mine.py"
    spec = "from refbench.specs import MethodSpec\nSPEC = MethodSpec('m', ':M')\n"
    plugin.write_text(f"open({str(mark)!r}, 'w').write('ran')\n{spec}")
    done = subprocess.run(
        [REFBENCH, "list", "methods", f"{plugin}:SPEC"], capture_output=True, text=True, check=False
    )
    assert mark.exists(), done.stderr
