"""The gate's outputs, with names that try to break them."""

from __future__ import annotations

import json
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from refbench.gate import baseline_of, check, document, junit, markdown, text
from refbench.gate.verdict import GateResult
from refbench.results.record import CellRecord

Make = Callable[..., CellRecord]
HOSTILE = "<script>|`*\x1b[31m é"


@pytest.fixture
def mixed(cell: Make) -> GateResult:
    """One cell regressed, one unchanged, one without counterpart."""

    def ids(i: int) -> str:
        return f"{i}{HOSTILE}"

    costs = {"seconds": 1.0}
    then = [cell(ids=ids, costs=costs), cell(method="bicubic", weights="", costs=costs), cell(method="ttsr")]
    baseline = baseline_of(then, {})
    run = [
        cell(lambda i, d: -0.5, ids=ids, costs={"seconds": 9.0}),
        cell(method="bicubic", weights="", costs=costs),
        cell(method="ttsr", seed=4),
    ]
    return check(baseline, run, perf=True)


def test_text(mixed: GateResult) -> None:
    lines = text(mixed).splitlines()
    assert lines[-1] == "verdict: regressed"
    assert "  ok    psnr_y: unchanged, " in text(mixed)
    assert "  ????  not comparable: seed: baseline 0, run 4" in lines
    failed = [line for line in lines if line.startswith("  FAIL  psnr_y: regressed, ")]
    assert len(failed) == 1
    assert "change -0.5000 [-0.5000, -0.5000], tolerance 0.02, 12 images" in failed[0]
    assert any(line.strip().startswith("12 images lost more than 0.1: ") for line in lines)
    assert "\x1b" not in text(mixed)


def test_json_document(mixed: GateResult) -> None:
    data = json.loads(json.dumps(document(mixed), allow_nan=False))
    assert (data["verdict"], data["exit_code"]) == ("regressed", 1)
    datsr = next(c for c in data["cells"] if c["name"].startswith("datsr"))
    assert datsr["metrics"][0]["worst"][0]["change"] == pytest.approx(-0.5)
    assert next(c for c in data["cells"] if c["name"].startswith("ttsr"))["field"] == "seed"


def test_junit_is_xml_with_the_right_counts(mixed: GateResult) -> None:
    root = ElementTree.fromstring(junit(mixed))
    assert (root.tag, root.get("tests"), root.get("failures"), root.get("errors")) == (
        "testsuites",
        "7",
        "3",
        "1",
    )
    assert [s.get("failures") for s in root] == ["0", "3", "0"]
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.text is not None
    assert "<script>" in failure.text
    assert root.find(".//testcase[@name='comparable']/error") is not None


def test_markdown_has_one_table_and_escapes(mixed: GateResult) -> None:
    content = markdown(mixed)
    rows = [line for line in content.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 7
    assert {row.replace("\\|", "").count("|") for row in rows} == {8}
    assert "<script>" not in content.replace("\\<script\\>", "")
    assert content.startswith(
        "**refbench check: regressed** · datsr (compact) on cufed5-sample, canonical@1: "
    )
    assert "12 of 12 images worse by more than " in content.splitlines()[0]
    assert "Single images" in content


def test_markdown_of_a_clean_run_has_no_worst_images(cell: Make) -> None:
    content = markdown(check(baseline_of([cell()], {}), [cell()]))
    assert "Worst" not in content
