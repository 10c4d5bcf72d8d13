"""Reports from a tracking server: the rows of the folder, verified, and one line for what is wrong."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from refbench.cli.main import main
from refbench.errors import UserError
from refbench.reports.mirror import write_mirror_report
from refbench.results.cells import load_cells
from refbench.results.digests import digests_of, read_digests, store_digests
from refbench.store import find_runs, load_run, read_manifest
from refbench.tracking import CellRunInfo, SuiteRunInfo, TrackingResult
from refbench.tracking.fetch import fetch_runs
from refbench.tracking.local import follow_move, local_uri
from refbench.tracking.mlflow_mirror import EXPERIMENT, publish
from refbench.tracking.quiet import quiet
from refbench.tracking.store import PUBLISHED

SUITE = SuiteRunInfo("jitter", "cufed5", "cufed5-sample", "f00d")


@pytest.fixture(scope="module")
def made() -> ModuleType:
    import results_folder

    return results_folder


def info(folder: Path) -> CellRunInfo:
    manifest = read_manifest(folder)
    return CellRunInfo(
        manifest.run_key, folder, manifest.method, manifest.method_label, manifest.weights, "cufed5",
        "cufed5-sample", manifest.protocol, metrics={"trials": 3.0},
    )  # fmt: skip


@pytest.fixture(scope="module")
def published(made: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrackingResult]:
    """A control and a level of two methods, with their report."""
    out = tmp_path_factory.mktemp("published") / "results"
    made.write_results(
        out, protocols=made.instances()[:2], ids=("a", "b", "c"), methods={"bicubic": 0.0, "datsr": 1.0}
    )
    folders = find_runs(out)
    for folder in folders:
        store_digests(folder)
    report = partial(write_mirror_report, folders)
    result = publish(out, None, SUITE, [info(folder) for folder in folders], "| table |", report)
    assert result.warning is None
    return out, result


def client(out: Path) -> Any:
    with quiet():
        from mlflow.tracking import MlflowClient

        return MlflowClient(tracking_uri=local_uri(out))


@pytest.fixture
def copy(published: tuple[Path, TrackingResult], tmp_path: Path) -> Path:
    """The same mirror in another folder, to be broken."""
    out = tmp_path / "copy"
    shutil.copytree(published[0], out)
    assert follow_move(out, EXPERIMENT)
    return out


def test_the_parent_holds_report_tables_figures_and_rows(published: Any) -> None:
    out, result = published
    parent = out / "mlartifacts" / result.run_id / "artifacts"
    assert (parent / "table.md").read_text() == "| table |"
    names = {str(p.relative_to(parent / "report")) for p in (parent / "report").rglob("*") if p.is_file()}
    assert {
        "report.md", "report.html", "report.json", "rows.parquet", "csv/per_image.csv", "latex/tables.tex",
    } <= names  # fmt: skip
    assert {Path(name).suffix for name in names if name.startswith("figures/")} == {".png", ".svg"}


def test_a_report_from_the_server_is_the_one_from_the_folder(
    published: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = published
    uri, place = local_uri(out), tmp_path / "there"
    assert main(["report", f"tracking.uri={uri}", "format=csv,md", f"report.dir={place}"]) == 0
    assert f"4 runs fetched and verified, in {place}/rows" in capsys.readouterr().err
    assert main(["report", str(out), "format=csv,md", f"report.dir={tmp_path / 'here'}"]) == 0
    for name in ("scores_cufed5-sample_seed0.csv", "per_image.csv", "robustness.csv"):
        assert (place / "csv" / name).read_bytes() == (tmp_path / "here" / "csv" / name).read_bytes()
    assert (place / "report.md").read_text() == (tmp_path / "here" / "report.md").read_text()
    # with the folder next to it every run is there twice, and counts once
    mixed = [str(out), f"tracking.uri={uri}", "format=csv", f"report.dir={place}"]
    assert main(["report", *mixed]) == 0
    assert capsys.readouterr().err.count("the same run as") == 4
    same = "per_image.csv"
    assert (place / "csv" / same).read_bytes() == (tmp_path / "here" / "csv" / same).read_bytes()


def test_what_is_there_is_not_fetched_again_and_what_was_changed_is(published: Any, tmp_path: Path) -> None:
    out, result = published
    folders = fetch_runs(local_uri(out), EXPERIMENT, tmp_path / "rows", [str(result.run_id)])
    assert sorted(read_manifest(f).run_key for f in folders) == sorted(
        read_manifest(f).run_key for f in find_runs(out)
    )
    # the evidence travels, too: what was fetched is what its digests say
    assert all(read_digests(folder) == digests_of(load_run(folder)) for folder in folders)
    rows = folders[0] / "samples.jsonl"
    before, changed = rows.stat().st_mtime_ns, folders[1] / "samples.jsonl"
    text = changed.read_text()
    changed.write_text(text.replace("ok", "OK"))
    (folders[1] / "samples.2.jsonl").write_text("left behind by another download")
    again = fetch_runs(local_uri(out), EXPERIMENT, tmp_path / "rows")
    assert again == folders
    assert rows.stat().st_mtime_ns == before
    assert changed.read_text() == text
    assert not (folders[1] / "samples.2.jsonl").exists()
    assert load_cells([tmp_path / "rows"]).problems == ()


def refused(uri: str, tmp_path: Path, experiment: str = EXPERIMENT, runs: tuple[str, ...] = ()) -> str:
    with pytest.raises(UserError) as caught:
        fetch_runs(uri, experiment, tmp_path / "rows", runs)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 500
    return text


def test_mistakes_are_one_line(published: Any, tmp_path: Path) -> None:
    out, _ = published
    uri = local_uri(out)
    assert "no such database" in refused(f"sqlite:///{tmp_path}/mlflow.db", tmp_path)
    assert not (tmp_path / "mlflow.db").exists()
    assert "no experiment 'refbenhc'; did you mean 'refbench'?" in refused(uri, tmp_path, "refbenhc")
    assert "holds no runs" in refused(uri, tmp_path, "Default")
    assert "not the id of a run" in refused(uri, tmp_path, runs=("../x",))
    assert "cannot be read" in refused(uri, tmp_path, runs=("0" * 32,))
    child = client(out).search_runs(["1"], filter_string="tags.kind = 'cell'", max_results=1)[0].info.run_id
    assert "is not a suite of refbench" in refused(uri, tmp_path, runs=(child,))
    assert not (tmp_path / "rows").exists()


def test_a_server_that_is_away_is_one_line_without_credentials(tmp_path: Path) -> None:
    text = refused("http://me:hunter2@127.0.0.1:9", tmp_path)
    assert text.startswith("tracking.uri=http://***@127.0.0.1:9: cannot be read (")
    assert "hunter2" not in text


def test_a_publication_that_broke_off_is_incomplete(copy: Path, tmp_path: Path) -> None:
    own = client(copy)
    parent = own.search_runs(["1"], filter_string="tags.kind = 'suite'", max_results=1)[0]
    own.set_tag(parent.info.run_id, PUBLISHED, "")
    assert "is incomplete: its publication broke off" in refused(local_uri(copy), tmp_path)


def test_damaged_and_missing_rows_are_refused(copy: Path, tmp_path: Path) -> None:
    rows = sorted((copy / "mlartifacts").glob("*/artifacts/samples.jsonl"))
    for path in rows:
        path.write_text(path.read_text().replace('"draw":0', '"draw":1'))
    text = refused(local_uri(copy), tmp_path)
    assert "samples.jsonl is not the file that was published (sha256 differs)" in text
    for path in rows:
        path.unlink()
    assert "cannot fetch samples.jsonl" in refused(local_uri(copy), tmp_path)
    # what did not arrive whole is not mistaken for a run
    assert not list((tmp_path / "rows").rglob("samples*.jsonl"))


def test_runs_of_others_are_named(copy: Path, tmp_path: Path) -> None:
    own = client(copy)
    own.create_run(own.create_experiment("someone's"), run_name="their run")
    assert "holds no suite that refbench run published" in refused(local_uri(copy), tmp_path, "someone's")


def test_settings_of_the_server_need_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", f"out={tmp_path}", "experiment=refbench"]) == 2
    assert "experiment= needs tracking.uri=" in capsys.readouterr().err
