"""Wherever a number leaves, its row says where it comes from: every format against one list of facts."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from refbench.cli.main import main
from refbench.reports.latex_text import latex_note
from refbench.results.cells import load_cells
from refbench.results.digests import record_digest, store_digests
from refbench.store import find_runs
from refbench.untrusted.escape import markdown_text

WEIGHTS = "0123456789ab" + "c" * 52
FORMATS = ("md", "html", "csv", "latex", "json", "parquet")
SESSION = {
    "packages": {"refbench": "0.9.8", "torch": "2.7.6"},
    "git": {"commit": "a1" * 20, "dirty": False},
    "project": {"commit": "b2" * 20, "dirty": True},
    "cpu": "Some Processor", "cpus": 4,
    "gpu": {"name": "NVIDIA H200", "driver": "1", "capability": "9.0"},
}  # fmt: skip


@pytest.fixture(scope="module")
def reported(made: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two methods on one protocol, one of them audited, in every format."""
    place = tmp_path_factory.mktemp("provenance")
    methods = {"bicubic": 0.0, "datsr": 1.0}
    made.write_results(place / "r", ids=("a", "b", "c"), protocols=made.instances()[:1], methods=methods)
    for folder in find_runs(place / "r"):
        manifest = json.loads((folder / "manifest.json").read_text())
        method = manifest["method"]
        manifest["identity"]["weights"] = {} if method == "bicubic" else {"net": WEIGHTS}
        manifest["sessions"][0] |= SESSION
        manifest["config"]["words"] = [f"method={method}", "suite=cufed5_jitter", "limit=3"]
        (folder / "manifest.json").write_text(json.dumps(manifest))
        store_digests(folder)
    cells = load_cells([place / "r"]).cells
    (own,) = [cell for cell in cells if cell.method == "datsr"]
    verdict = {"record": record_digest(own.path), "verdict": "re-scored", "contradictions": []}
    (place / "audit.json").write_text(json.dumps({"cells": [verdict]}))
    words = [f"audits={place / 'audit.json'}", f"report.dir={place / 'report'}", "table=full"]
    assert main(["report", str(place / "r"), f"format={','.join(FORMATS)}", *words]) == 0
    return place


def expected(place: Path) -> dict[str, dict[str, str]]:
    """Method -> what its row must say."""
    facts = {
        "dataset": "f" * 12, "extent": "complete", "card": "canonical@1", "references": "first (1)",
        "refbench": f"0.9.8 {'a1' * 6}", "project": f"{'b2' * 6} with changes", "torch": "2.7.6",
        "device": "NVIDIA H200",
    }  # fmt: skip
    found = {}
    for folder in find_runs(place / "r"):
        manifest = json.loads((folder / "manifest.json").read_text())
        datsr = manifest["method"] == "datsr"
        found[manifest["method_label"]] = facts | {
            "run_key": manifest["run_key"][:12],
            "digest": json.loads((folder / "digest.json").read_text())["digest"][:12],
            "weights": "net 0123456789ab" if datsr else "none",
            "audit": "re-scored" if datsr else "self-reported",
        }
    return found


COMMAND = "refbench run method=bicubic,datsr suite=cufed5_jitter limit=3"


def test_csv_json_and_parquet_have_them_as_fields(reported: Path) -> None:
    import pandas as pd

    wanted = expected(reported)
    report = reported / "report"
    rows = list(csv.DictReader(io.StringIO((report / "csv" / "provenance.csv").read_text())))
    document = json.loads((report / "report.json").read_text())
    frame = pd.read_parquet(report / "rows.parquet")
    assert {row["method"] for row in rows} == set(wanted) == set(frame["method_label"])
    for label, facts in wanted.items():
        (row,) = [r for r in rows if r["method"] == label]
        assert {k: row[k] for k in facts} == facts
        assert row["command"].startswith("refbench run method=")
        (cell,) = [c for c in document["cells"] if c["method_label"] == label]
        assert cell["provenance"] == facts
        for _, trial in frame[frame["method_label"] == label].iterrows():
            assert {k: trial[f"provenance.{k}"] for k in facts} == facts
            assert trial["provenance.command"] == row["command"]
    assert document["commands"] == [COMMAND]


def test_pages_and_latex_have_them_in_words(reported: Path) -> None:
    wanted = expected(reported)
    report = reported / "report"
    page = (report / "report.md").read_text()
    markup = re.sub(r"<[^>]+>", "\0", html.unescape((report / "report.html").read_text()))
    tex = " ".join((report / "latex" / "provenance.tex").read_text().split())
    for facts in wanted.values():
        (line,) = [line for line in page.splitlines() if f"| {facts['run_key']} |" in line]
        assert all(f"| {markdown_text(value)} |" in line for value in facts.values()), line
        start = markup.index(facts["run_key"])
        assert all(f"\0{value}\0" in markup[start - 2 : start + 1500] for value in facts.values())
        assert all(latex_note(value) in tex for value in facts.values())
    assert page.count(markdown_text(COMMAND)) == 1
    assert markup.count(COMMAND) == 1
    assert tex.count(latex_note(COMMAND)) == 1


def test_the_terminal_and_the_leaderboard_have_them(
    reported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audits = f"audits={reported / 'audit.json'}"
    words = [
        "report",
        str(reported / "r"),
        "format=csv",
        f"report.dir={tmp_path / 'r'}",
        audits,
        "table=full",
    ]
    assert main(words) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert main(["site", str(reported / "r"), f"out={tmp_path / 'site'}", audits]) == 0
    data: dict[str, Any] = json.loads((tmp_path / "site" / "data.json").read_text())
    lines = list(csv.DictReader(io.StringIO((tmp_path / "site" / "data.csv").read_text())))
    page = html.unescape((tmp_path / "site" / "suites" / "tests.html").read_text())
    for label, facts in expected(reported).items():
        assert all(value in shown for value in facts.values())
        (cell,) = [c for c in data["cells"] if c["method_label"] == label]
        assert cell["provenance"] == facts
        own = [line for line in lines if (line["source"], line["method_label"]) == ("measured", label)]
        fields = ("extent", "references", "refbench", "project", "torch", "device", "audit")
        assert {tuple(line[k] for k in fields) for line in own} == {tuple(facts[k] for k in fields)}
        assert {line["command"].partition(" suite=")[0] for line in own} == {
            f"refbench run method={cell['method']}"
        }
        assert all(f">{value}<" in page for key, value in facts.items() if key != "card")
        assert f"{facts['card']}" in page
    assert shown.count(COMMAND) == 1
