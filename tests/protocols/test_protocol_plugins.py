"""A package on the import path, with the metadata that pip writes, brings parts of protocols."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refbench.cli.main import main
from refbench.errors import SampleError, UserError
from refbench.protocols import ProtocolInstance
from refbench.protocols.card import load_card
from refbench.protocols.degradations import load_degradation
from refbench.protocols.plugins import _loaded
from refbench.protocols.reference import ReferencePolicy
from refbench.protocols.transforms import load_transform
from refbench.types import Sample

MODULE = '''
import numpy as np
from refbench.protocols.degradations import Degradation
from refbench.protocols.reference import Policy
from refbench.protocols.transforms import Transform

def frosted(image, params, rng):
    """Whiter, by a share."""
    share = params["share"] * rng.uniform(0.9, 1.0)
    return np.rint(image + (255 - image.astype(float)) * share).astype(np.uint8), {"share": round(share, 4)}

FROST = Transform("frost", 1, {"thin": {"share": 0.2}, "thick": {"share": 0.6}}, frosted)

def picked(hr, scale, params, rng):
    """Every n-th pixel."""
    return hr[::scale, ::scale].copy(), {}

PICKED = Degradation("picked", 1, {"plain": {}}, picked, random=False)
SMALL = Degradation("small", 1, {"plain": {}}, lambda hr, scale, params, rng: (hr[:4, :4], {}), random=False)

def mirrored(sample, lr, rng, dataset, scale):
    return [ref[:, ::-1].copy() for ref in sample.refs[:2]], [f"{n} mirrored" for n in sample.ref_names[:2]]

MIRRORED = Policy("mirrored", 1, "the first two references, mirrored", mirrored)
CHEAT = Policy("cheat", 1, "HR", lambda s, lr, rng, dataset, scale: ([s.hr], ["hr"]), oracle=True)
CARD = {"name": "lab", "version": 3, "title": "ours", "hr_crop_multiple": 8, "metrics": ["psnr_y:crop=2"]}
BAD = {"name": "badcard", "version": 1, "title": "ours", "metrics": ["psnr_why"]}
'''
ENTRY_POINTS = """
[refbench.transforms]
frost = labparts:FROST
jitter = labparts:FROST
wrong = labparts:CARD
gone = labparts_absent:X
[refbench.degradations]
picked = labparts:PICKED
small = labparts:SMALL
[refbench.references]
mirrored = labparts:MIRRORED
cheat = labparts:CHEAT
[refbench.cards]
lab = labparts:CARD
badcard = labparts:BAD
"""
HR = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
SAMPLE = Sample("1", HR, (HR[:40], HR[8:], HR[4:]), ("a", "b", "c"))


def install(folder: Path, module: str) -> None:
    (folder / "labparts.py").write_text(module)
    dist = folder / "labparts-1.2.dist-info"
    dist.mkdir(exist_ok=True)
    (dist / "METADATA").write_text("Metadata-Version: 2.1\nName: labparts\nVersion: 1.2\n")
    (dist / "entry_points.txt").write_text(ENTRY_POINTS)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    site = tmp_path / "site"
    site.mkdir()
    install(site, MODULE)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.chdir(tmp_path)
    _loaded.cache_clear()
    return site


def run(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    base = ["run", "method=bicubic", "limit=2", "tracking=none", "out=r", "device=cpu"]
    assert main([*base, *words, "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    cells: list[dict[str, Any]] = document["cells"]
    return cells


def test_a_transform_a_degradation_and_a_policy_in_a_suite(
    lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("own.yaml").write_text(
        "dataset: cufed5\ncard: lab\nprotocols:\n  - {control: true}\n"
        "  - {transform: frost, level: thin}\n  - {transform: frost, level: thick, draws: 2}\n"
        "  - {degradation: picked, level: plain}\n  - {reference: {policy: mirrored}}\n"
        "  - {reference: cheat}\n"
    )
    cells = run(capsys, "suite=own.yaml")
    ids = [str(cell["protocol"]) for cell in cells]
    digits = load_transform("frost").content
    assert len(digits) == 8
    card = ids[0]
    assert card.startswith("lab@3#")
    # the transforms' module is the degradations' and the policies': one code, one digest each by its name
    assert ids[1:3] == [f"{card}+frost@1#{digits}[level={level}]" for level in ("thin", "thick")]
    assert ids[3].startswith(f"{card}+lr-picked@1#")
    assert ids[4].startswith(f"{card}+ref=mirrored@1#")
    assert ids[5].endswith("(oracle: leaks HR)")
    drop = cells[3]["metrics"]["psnr_y:crop=2"]["drop"]["mean"]
    assert drop > 0.5
    assert [cell["trials"] for cell in cells] == [2, 2, 4, 2, 2, 2]
    # resumed, and reported with its curve
    again = run(capsys, "suite=own.yaml")
    assert [cell["run_key"] for cell in again] == [cell["run_key"] for cell in cells]
    assert main(["report", "r", "format=md", "report.dir=rep"]) == 0
    page = Path("rep/report.md").read_text().replace("\\", "")
    assert "thin" in page
    assert f"lr-picked@1#{load_degradation('picked').content}" in page


def test_what_the_parts_do(lab: Path) -> None:
    canonical = load_card("canonical")
    frost = ProtocolInstance(canonical, transform="frost", level="thick").apply(SAMPLE, 0, 0)
    assert frost.refs[0].mean() > SAMPLE.refs[0].mean() + 40
    share = float(frost.notes["frost.share"])
    assert (
        share
        != ProtocolInstance(canonical, transform="frost", level="thick")
        .apply(SAMPLE, 1, 0)
        .notes["frost.share"]
    )
    picked = ProtocolInstance(canonical, degradation="picked", level="plain").apply(SAMPLE, 0, 0)
    assert np.array_equal(picked.lr, HR[::4, ::4])
    policy = ReferencePolicy.parse({"policy": "mirrored"}, "s")
    trial = ProtocolInstance(canonical, policy).apply(SAMPLE, 0, 0)
    assert trial.ref_names == ("a mirrored", "b mirrored")
    assert np.array_equal(trial.refs[1], SAMPLE.refs[1][:, ::-1])
    with pytest.raises(SampleError, match=r"degradation lr-small@1#\w{8} made 4x4, not 16x12"):
        ProtocolInstance(canonical, degradation="small", level="plain").apply(SAMPLE, 0, 0)


def test_changed_code_is_another_protocol_with_the_same_random_numbers(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    before = load_transform("frost")
    policy = ReferencePolicy.parse({"policy": "mirrored"}, "s")
    install(lab, MODULE.replace("# ", "").replace("0.9, 1.0", "0.8, 0.9") + "# a comment\n")
    monkeypatch.delitem(sys.modules, "labparts")
    _loaded.cache_clear()
    after = load_transform("frost")
    assert before.seed == after.seed == "frost@1"
    assert before.id != after.id
    with pytest.raises(UserError, match=r"mirrored@1#.*: what is installed is another version"):
        ProtocolInstance(load_card("canonical"), policy).apply(SAMPLE, 0, 0)


def test_broken_ones_are_one_line_and_spoil_nothing(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "transforms"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "labparts 1.2 (entry point)" in lines[load_transform("frost").id]
    assert "gives a dict, not a Transform" in lines["wrong"]
    assert "No module named 'labparts_absent'" in lines["gone"]
    assert "the name is taken" in lines["jitter"]
    assert load_transform("jitter").id == "jitter@1"
    for kind, name in (("degradations", "picked"), ("references", "mirrored")):
        assert main(["list", kind]) == 0
        assert f"{name}@1#" in capsys.readouterr().out
        assert main(["list", kind, name]) == 0
        assert "labparts 1.2 (entry point)" in capsys.readouterr().out
    assert main(["list", "protocols"]) == 0
    out = capsys.readouterr().out
    assert "lab@3#" in out
    assert "canonical@1" in out
    assert main(["list", "protocols", "lab"]) == 0
    assert "hr_crop_multiple" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("{transform: frots, level: thin}", "no reference transform 'frots'; did you mean 'frost'?"),
        ("{transform: frost, level: thic}", "no frost level 'thic'; did you mean 'thick'?"),
        (
            "{transform: gone, level: x}",
            "transforms plugin 'gone' from labparts 1.2 (entry point) is broken",
        ),
        ("{degradation: pickd, level: plain}", "no degradation of LR 'pickd'; did you mean 'picked'?"),
        ("{reference: mirored}", "no reference policy 'mirored'; did you mean 'mirrored'?"),
        ("{card: labb}", "no protocol card 'labb'; did you mean 'lab'?"),
        (
            "{card: badcard}",
            "card badcard of a plugin: metrics: no metric 'psnr_why'; did you",
        ),
    ],
)
def test_mistakes_are_one_line(lab: Path, capsys: pytest.CaptureFixture[str], words: str, said: str) -> None:
    Path("own.yaml").write_text(f"dataset: cufed5\nprotocols:\n  - {words}\n")
    assert main(["run", "method=bicubic", "suite=own.yaml", "limit=1", "tracking=none", "out=r"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
