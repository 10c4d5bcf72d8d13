"""A machine with a card that is lent for minutes has few packages: what must work there does without others.

Every module of another distribution than those below, and what they require themselves, is blocked.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ALLOWED = (
    "torch", "torchvision", "numpy", "pillow", "pandas", "scikit-image", "pyyaml", "rich", "jinja2",
    "matplotlib", "safetensors", "hydra-core", "omegaconf", "antlr4-python3-runtime", "pydantic",
)  # fmt: skip
ROOT = Path(__file__).resolve().parent.parent
BLOCK = """
import sys
class Without:
    # as on a machine that lacks them: not found, also by those who only ask
    names = frozenset({names!r})
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            return None
        return self.finder.find_spec(name, path, target)
sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-")


def allowed_distributions() -> set[str]:
    """ALLOWED and all that they require, without extras."""
    found: set[str] = set()
    queue = list(ALLOWED)
    while queue:
        name = _canonical(queue.pop())
        if name in found:
            continue
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        found.add(name)
        plain = [need for need in needs if "extra ==" not in need]
        queue += [need.split(";")[0].strip().split(" ")[0] for need in (_name(p) for p in plain)]
    return found


def _name(requirement: str) -> str:
    end = next((i for i, c in enumerate(requirement) if not (c.isalnum() or c in "-_.")), len(requirement))
    return requirement[:end]


def blocked_modules() -> list[str]:
    """Top-level modules that only other distributions have."""
    allowed = allowed_distributions()
    return sorted(
        module
        for module, owners in metadata.packages_distributions().items()
        if module != "refbench" and not any(_canonical(owner) in allowed for owner in owners)
    )


def bare(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """``python WORDS`` where the other modules cannot be imported, in child processes either."""
    (folder / "sitecustomize.py").write_text(BLOCK.format(names=blocked_modules()), encoding="utf-8")
    inherited = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    path = os.pathsep.join([str(folder), *inherited])
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=False, cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip


def test_the_blockade_stands(tmp_path: Path) -> None:
    names = blocked_modules()
    assert {"mlflow", "lpips", "hypothesis"} <= set(names)
    assert not {"torch", "numpy", "hydra", "yaml", "PIL", "refbench"} & set(names)
    assert "No module named 'mlflow'" in bare(tmp_path, "-c", "import mlflow").stderr


def test_a_run_without_tracking_needs_neither_mlflow_nor_lpips(tmp_path: Path) -> None:
    words = ["run", "method=ttsr", "suite=cufed5", "limit=1", "device=cpu", "tracking=none", "images=none"]
    done = bare(tmp_path, "-m", "refbench", *words, f"out={tmp_path}/out", "--plain")
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]


def test_gpu_check_without_a_card_is_one_line_and_code_5(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a card here")
    done = bare(tmp_path, str(ROOT / "tools/gpu_check.py"))
    assert done.returncode == 5, done.stderr[-1500:]
    assert done.stdout == (
        "gpu-check: no CUDA device here; run it on a machine with a card, or a dry run with --cpu\n"
    )


def test_gpu_check_makes_its_table_without_a_card(tmp_path: Path) -> None:
    """The parts that take seconds on a CPU; `gpu_check.py --cpu` runs them all."""
    parts = "nets,syncs,profile,ceilings,matching,blocks"
    words = [str(ROOT / "tools/gpu_check.py"), "--cpu", "--out", str(tmp_path / "o"), "--parts", parts]
    done = bare(tmp_path, *words)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-1500:]
    table = (tmp_path / "o/summary.md").read_text(encoding="utf-8")
    assert "dry run without a card" in table
    for part in parts.split(","):
        assert f"| {part} |" in table
    assert "| fail |" not in table
    assert "needs a card" in table


def test_a_part_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = bare(tmp_path, str(ROOT / "tools/gpu_check.py"), "--cpu", "--parts", "gold")
    assert done.returncode == 2
    assert "no part 'gold'; parts: golden, nets" in done.stdout
