"""docs/github-actions.yml, step by step: its commands are carried out in a method's repository."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from refbench.cli.main import main

pytestmark = pytest.mark.slow

FILE = Path(__file__).parents[2] / "docs" / "github-actions.yml"
METHOD = """
from __future__ import annotations

import torch.nn.functional as F

from refbench.specs import MethodSpec


class Up:
    def __init__(self, weights=None, device="cpu"):
        pass

    def __call__(self, inp):
        up = F.interpolate(inp.lr[None], scale_factor=inp.scale, mode="{mode}")
        return up[0].clamp(0, 1)


SPEC = MethodSpec(name="mine", target=":Up", max_refs=0, uses_reference=False, params={{}}, licence="CC0-1.0")
"""


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    document = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    # YAML 1.1 reads the key `on` as true
    assert set(document) == {"name", True, "permissions", "env", "jobs"}
    found: dict[str, Any] = document
    return found


def commands(workflow: dict[str, Any], job: str) -> dict[str, list[str]]:
    """Step name -> the words of its command, with the variables of ``env`` filled in."""
    found = {}
    for step in workflow["jobs"][job]["steps"]:
        if "run" in step:
            text = step["run"]
            for name, value in workflow["env"].items():
                text = text.replace(f"${name}", value)
            found[step["name"]] = shlex.split(text)
    return found


def test_the_workflow_gates_a_method(
    workflow: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, update = commands(workflow, "gate"), commands(workflow, "update")
    assert [words[0] for words in gate.values()] == ["python", "refbench", "refbench", "refbench", "cat"]
    assert gate["score"] == update["score"]
    monkeypatch.chdir(tmp_path)
    method = Path(workflow["env"]["METHOD"].rpartition(":")[0])
    method.parent.mkdir()

    def carry_out(words: list[str], *more: str) -> int:
        assert words[0] == "refbench"
        return main([*words[1:], *more])

    method.write_text(METHOD.format(mode="bicubic"))
    assert carry_out(gate["conformance"]) == 0
    assert carry_out(update["score"], "limit=5", "against=none") == 0
    assert carry_out(update["update"]) == 0
    assert Path(workflow["env"]["BASELINE"]).is_file()
    assert carry_out(gate["gate"]) == 0

    method.write_text(METHOD.format(mode="bilinear"))
    assert carry_out(gate["score"], "limit=5", "against=none") == 0
    assert carry_out(gate["gate"]) == 1
    (report,) = [Path(word) for word in gate["summary"] if word.endswith(".md")]
    assert report.read_text().startswith("**refbench check: regressed**")
    assert (report.parent / "gate.xml").is_file()


def test_artifacts_exist_where_the_workflow_looks(workflow: dict[str, Any]) -> None:
    steps = workflow["jobs"]["gate"]["steps"]
    (paths,) = [step["with"]["path"].split() for step in steps if "artifact" in step.get("uses", "")]
    written = " ".join(" ".join(words) for words in commands(workflow, "gate").values())
    assert "report/" in paths
    assert "junit=report/" in written
    assert all(path.startswith("results/*/") for path in paths if path != "report/")
    assert "out=results" in written
    for step in steps:
        if step.get("name") == "summary" or "artifact" in step.get("uses", ""):
            assert step["if"].startswith("always()"), "a failed gate must show why"
