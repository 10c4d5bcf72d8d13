"""``refbench report`` as a user calls it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from refbench.cli.main import main
from refbench.store import find_runs, load_run


@pytest.fixture(scope="module")
def made() -> ModuleType:
    import results_folder

    return results_folder


@pytest.fixture(scope="module")
def results(made: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    made.write_results(folder, protocols=made.instances()[:4])
    return folder


def test_tables_on_stdout_and_files_in_the_results_folder(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(results)]) == 0
    out = capsys.readouterr().out
    assert "cufed5-sample: jitter@1 of the reference" in out
    assert f"wrote {results}/report/report.html" in out
    names = {str(p.relative_to(results / "report")) for p in (results / "report").rglob("*") if p.is_file()}
    assert {"report.md", "report.html", "csv/per_image.csv"} <= names
    # the report is not a run: the folder can be reported again
    assert main(["report", str(results), "format=json"]) == 0


def test_out_is_the_default_place_and_report_dir_another(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "my report (1) = ü"
    assert main(["report", f"out={results}", "format=md,latex", f"report.dir={place}"]) == 0
    assert sorted(p.name for p in place.rglob("*") if p.is_file()) == [
        "appendix.tex", "numbers.tex", "provenance.tex", "refs.bib", "report.md", "tables.tex",
        "tables_document.tex",
    ]  # fmt: skip


def test_json_is_one_document(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["report", str(results), "--json", "--published", "format=json", f"report.dir={tmp_path}"]
    assert main(words) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["files"] == [str(tmp_path / "report.json")]
    assert len(data["cells"]) == 12
    assert any(row["published"]["text"] == "28.72" for row in data["published"])
    # the reference of DATSR's number is disputed: what is unknown contradicts nothing
    assert data["contradictions"] == []
    written = json.loads((tmp_path / "report.json").read_text())
    assert written["cells"] == data["cells"]


def test_parquet_holds_every_trial(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(results), "format=parquet,csv", f"report.dir={tmp_path}"]) == 0
    frame = pd.read_parquet(tmp_path / "rows.parquet")
    assert len(frame) == sum(len(load_run(folder).rows) for folder in find_runs(results))
    lines = pd.read_csv(tmp_path / "csv" / "per_image.csv", dtype={"sample": str})
    for (signature, draw), own in lines.groupby(["signature", "draw"]):
        there = frame[frame["draw"] == draw]
        assert sorted(there[signature]) == pytest.approx(sorted(own["value"]), rel=1e-7)


def test_single_runs_only(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = next(p.parent for p in sorted(results.glob("*/manifest.json")))
    assert main(["report", str(run), "format=csv", f"report.dir={tmp_path}"]) == 0
    costs = (tmp_path / "csv" / "costs_cufed5-sample_seed0.csv").read_text().splitlines()
    assert len(costs) == 2
    assert not (run / "report").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["format=htm"], "no report format 'htm'; did you mean 'html'?"),
        (["metric=psnr"], "no metric in these runs 'psnr'; did you mean 'psnr_y'?"),
        (["formt=md"], "did you mean 'format'"),
        (["report.samples=-1"], "report.samples"),
    ],
)
def test_mistakes_are_one_line(
    results: Path, tmp_path: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(results), f"report.dir={tmp_path}", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_nothing_to_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "none")]) == 2
    assert "not found; run something into it first" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["report", str(results), "format=md", f"report.dir={tmp_path / 'file'}"]) == 2
    assert "choose another report.dir=" in capsys.readouterr().err


def test_the_gallery_of_a_real_run_has_hr_lr_references_and_sr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results"
    words = ["run", "method=bicubic", "suite=cufed5", "limit=2", f"out={out}", "tracking=none", "--plain"]
    assert main(words) == 0
    assert main(["report", str(out), "format=html", "report.samples=1"]) == 0
    assert "gallery:" not in capsys.readouterr().err
    page = (out / "report" / "report.html").read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    (entry,) = data["entries"]
    assert [view["name"] for view in entry["views"]] == [
        "HR", "LR, enlarged", "Ref 1 (000_1.png)", "bicubic",
    ]  # fmt: skip
    assert [view["kind"] for view in entry["views"]] == ["HR", "LR", "Ref", "SR"]
    assert entry["pair"] == [3, 0], "the best method without references against HR"
    assert (out / "report" / entry["views"][3]["file"]).is_file(), "the kept PNG is linked from the page"
    (row,) = entry["scores"]
    assert row[0] == "bicubic"
    assert len(row) == 1 + len(data["metrics"])
    assert 20.0 < float(row[1]) < 40.0
    assert all(left + side <= 152 and top + tall <= 196 for left, top, side, tall in entry["boxes"])
    assert (entry["width"], entry["height"]) == (152, 196)
    addresses = {view["src"] for view in entry["views"]}
    assert all(data["src"][name].startswith("data:image/webp;base64,") for name in addresses)
