"""refbench list: sources, weights present or missing, broken plugins as rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import refbench.cli.listing.method as method_listing
from refbench.cli.listing.method import method_details, method_rows
from refbench.cli.listing.row import Listing
from refbench.cli.listing.weights import variant_state
from refbench.cli.main import main
from refbench.cli.table import aligned
from refbench.registry import Entry, Registry
from refbench.specs import MethodSpec, Param, PublishedResult, WeightsFile, WeightsVariant

NET = MethodSpec(
    "net",
    "refbench.metrics.specs:METRICS",
    title="A net",
    params={"k": Param(1, "matches", (1, 2))},
    variants=(
        WeightsVariant(
            "mse", (WeightsFile("a", "shared.pth"), WeightsFile("b", "own.pth", source="a paper"))
        ),
        WeightsVariant("vgg", (WeightsFile("v", "vgg19-dcbb9e9d.pth", hub=True),)),
        # any file of the class's package stands for bundled weights
        WeightsVariant("compact", (WeightsFile("net", "specs.py"),), bundled=True),
        WeightsVariant("gone", (WeightsFile("net", "nothing.safetensors"),), bundled=True),
    ),
    published=(PublishedResult("cufed5", "psnr_y", 28.72, "c2_matching", status="paper"),),
)
REGISTRY = Registry(
    {
        "methods": [
            Entry("net", NET, "built-in"),
            Entry("bad", None, "plug 1.2 (entry point)", "KeyError: 'x'"),
        ]
    }
)


@pytest.fixture(autouse=True)
def no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("REFBENCH_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch home"))


def states(root: Path | None = None) -> dict[str, str]:
    return {v.name: variant_state(NET, v, None if root is None else str(root)) for v in NET.variants}


def test_weights_are_missing_until_every_file_is_there(tmp_path: Path) -> None:
    assert states() == {"mse": "missing", "vgg": "missing", "compact": "bundled", "gone": "missing"}
    root = tmp_path / "w (1)"
    (root / "net").mkdir(parents=True)
    (root / "net" / "own.pth").touch()
    assert states(root)["mse"] == "missing"
    (root / "shared.pth").touch()
    assert states(root)["mse"] == "present"


def test_the_environment_and_the_hub_cache_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("shared.pth", "own.pth"):
        (tmp_path / name).touch()
    monkeypatch.setenv("REFBENCH_WEIGHTS", str(tmp_path))
    cache = tmp_path / "torch home" / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    (cache / "vgg19-dcbb9e9d.pth").touch()
    assert (states()["mse"], states()["vgg"]) == ("present", "present")


def rows(listing: Listing) -> dict[str, tuple[str, ...]]:
    return {r.cells[0]: r.cells for r in listing.rows}


def test_a_broken_plugin_is_a_row() -> None:
    found = rows(method_rows(REGISTRY, None))
    assert found["bad"][1] == "broken: KeyError: 'x'"
    assert found["bad"][-1] == "plug 1.2 (entry point)"
    assert found["net"][1] == "mse missing, vgg missing, compact bundled, gone missing"
    assert found["net"][2] == "0-1"


def test_what_a_method_does_with_several_references_is_listed() -> None:
    found = {row.cells[0]: row.cells[2] for row in method_rows(Registry.discover(), None).rows}
    assert found["bicubic"] == "0"
    assert found["mrefsr"] == "1-16 fuse"
    assert found["edvr"] == "0-6 fuse"
    assert found["ttsr"] == "1-16 first stitch best per_patch average"
    assert found["command"] == "0-16 all"
    document = {row.document["name"]: row.document for row in method_rows(Registry.discover(), None).rows}
    assert document["edvr_ref"]["several"] == ["fuse"]


def test_details_of_a_method() -> None:
    shown = method_details(REGISTRY, "net", None)
    tables = {title.split(" (")[0]: table for title, _, table in shown.tables}
    assert list(tables["options"]) == [("method.k", "1", "matches [1|2]")]
    assert ("mse", "b", "own.pth", "missing", "a paper", "unknown") in tables["weights"]
    assert tables["published numbers"][0][:5] == ("cufed5", "PSNR", "28.72", "-", "paper")


def test_published_numbers_of_one_dataset(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "published", "cufed5", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["published"]
    assert len(rows) > 100
    assert {row["dataset"] for row in rows} == {"CUFED5"}
    assert {row["read"] for row in rows} == {"text", "picture", "quotation"}
    # LR of another degradation is told apart from bicubic
    assert {row["degradation"] for row in rows} == {"bicubic", "other", "unknown"}
    assert main(["list", "published", "cufed5"]) == 0
    real = next(line for line in capsys.readouterr().out.splitlines() if " 282.19 " in line)
    assert real.split()[4:7] == ["282.19", "other", "unknown"]
    assert main(["list", "published", "nowhere"]) == 2
    assert "no published numbers on 'nowhere'" in capsys.readouterr().err


def test_list_prints_all_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    for kind in ("methods:", "datasets:", "suites:", "metrics:", "protocols:"):
        assert kind in out.splitlines()
    assert "\x1b" not in out
    for word in ("bicubic", "cufed5_jitter", "psnr|space=y601|range=255|round=u8|crop=4|v1", "canonical@1"):
        assert word in out


def test_list_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["methods", "datasets", "suites", "metrics", "protocols"]
    bicubic = next(m for m in found["methods"] if m["name"] == "bicubic")
    assert (bicubic["source"], bicubic["uses_reference"]) == ("built-in", False)
    jitter = next(s for s in found["suites"] if s["name"] == "cufed5_jitter")
    assert [p["level"] for p in jitter["protocols"]] == [None, "x0.5", "x1", "x2"]
    assert main(["list", "metrics", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ["metrics"]


def test_a_protocol_in_prose(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "protocol", "canonical"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("canonical@1: ")
    assert "cropped at its top left to a multiple of 4" in " ".join(out.split())


def test_a_suite_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("dataset: pairs\ntransform: jitter\nlevels: [x1]\n")
    assert main(["list", "suites", str(path)]) == 0
    assert "canonical, jitter x1" in capsys.readouterr().out


def test_a_method_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from refbench.specs import MethodSpec\nSPEC = MethodSpec('mine', ':M', title='My net')\n"
    )
    assert main(["list", "methods", f"{path}:SPEC"]) == 0
    assert capsys.readouterr().out.startswith("mine: My net\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["metods"], "no kind of thing to list 'metods'; did you mean 'methods'?"),
        (["methods", "bicubc"], "no method 'bicubc'; did you mean 'bicubic'?"),
        (["suites", "cufed"], "no suite 'cufed'; did you mean 'cufed5'?"),
        (["protocols", "cannonical"], "no protocol 'cannonical'; did you mean 'canonical'?"),
        (["metrics", "psnr"], "no metric 'psnr'; did you mean psnr_y or psnr_rgb?"),
        (["methods", "a", "b"], "list takes a kind and a name, not also 'b'"),
        (["seed=1"], "list has no key 'seed'; `refbench list --help` lists the keys"),
    ],
)
def test_mistakes(words: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", *words]) == 2
    assert capsys.readouterr().err == f"refbench: {expected}\n"


def test_cells_are_never_markup(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import refbench.cli.list as command
    from refbench.cli.output import Output

    hostile = Registry({"methods": [Entry("bad", None, "[red]x[/red]", "[link=http://x]boo[/link]")]})
    monkeypatch.setattr(command.Registry, "discover", lambda: hostile)
    monkeypatch.setattr(Output, "terminal", True)
    assert main(["list", "methods"]) == 0
    assert "[link=http://x]boo[/link]" in capsys.readouterr().out.replace("\n", "")


def test_columns_are_aligned() -> None:
    assert aligned([["A", "BB"], ["ccc", "d"]]) == ["A    BB", "ccc  d"]
    assert method_listing.reference_range(MethodSpec("x", "m:C", max_refs=0)) == "0"


@pytest.mark.parametrize(
    ("words", "paper"),
    [
        (
            ["datasets", "cufed5"],
            "Zhang et al., Image Super-Resolution by Neural Texture Transfer, CVPR 2019",
        ),
        (
            ["metrics", "lpips_alex"],
            "Zhang et al., The Unreasonable Effectiveness of Deep Features, CVPR 2018",
        ),
    ],
)
def test_datasets_and_metrics_name_their_paper(
    capsys: pytest.CaptureFixture[str], words: list[str], paper: str
) -> None:
    assert main(["list", *words]) == 0
    assert paper in capsys.readouterr().out
    assert main(["list", *words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["paper"] == paper
