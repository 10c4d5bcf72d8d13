"""The MLflow mirror: what it holds, that it is idempotent, quiet, movable, and never fatal."""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from refbench.store import CellStore, Manifest, SampleRow, find_runs
from refbench.tracking import CellRunInfo, SuiteRunInfo, TrackingResult
from refbench.tracking.local import follow_move, local_uri, published_before
from refbench.tracking.mlflow_mirror import EXPERIMENT, _content, command_key, publish, suite_key
from refbench.tracking.quiet import quiet

SUITE = SuiteRunInfo("jitter", "cufed5", "cufed5-sample", "f00d", tags={"team": "a"})
TABLE = "| method | PSNR-Y |\n|---|---|\n| toy | 27.5 |\n"


def make_cell(out: Path, letter: str, rows: int = 2, **changes: Any) -> CellRunInfo:
    key = letter * 64
    with CellStore.open(
        out, key, Manifest(run_key=key, method="toy", dataset="cufed5", protocol="p@1")
    ) as store:
        for i in range(rows):
            store.append(SampleRow(str(i), metrics={"psnr|v1": 27.0 + i}))
        store.write_summary({"n": rows})
    facts: dict[str, Any] = {
        "run_key": key,
        "folder": store.folder,
        "method": "toy",
        "method_label": "toy (compact)",
        "weights": "compact",
        "dataset": "cufed5",
        "dataset_label": "cufed5-sample",
        "protocol": "canonical@1+jitter@1[level=x2]",
        "params": {"k": 1, "weights": {"net": "ab" * 32}},
        "metrics": {
            "psnr_y": 27.5,
            "psnr_y.lo": 27.0,
            "pyiqa:dists": 0.25,
            "ssim_y": None,
            "lpips": math.inf,
        },
        "signatures": {"psnr_y": "psnr|v1"},
    }
    return CellRunInfo(**{**facts, **changes})


def runs_of(uri: str, experiment_id: Any) -> list[Any]:
    with quiet():
        from mlflow.tracking import MlflowClient

        found: list[Any] = list(MlflowClient(tracking_uri=uri).search_runs([experiment_id], max_results=100))
    return found


def read_artifact(uri: str, run_id: str, name: str, into: Path) -> bytes:
    with quiet():
        from mlflow.tracking import MlflowClient

        return Path(MlflowClient(tracking_uri=uri).download_artifacts(run_id, name, str(into))).read_bytes()


def check(uri: str, result: TrackingResult, cells: list[CellRunInfo], into: Path) -> None:
    """One parent and one child per cell, with everything attached."""
    assert result.warning is None
    runs = runs_of(uri, result.experiment_id)
    parents = [r for r in runs if r.data.tags["kind"] == "suite"]
    children = {r.data.tags["run_key"]: r for r in runs if r.data.tags["kind"] == "cell"}
    assert [p.info.run_id for p in parents] == [result.run_id]
    assert len(runs) == 1 + len(cells)
    parent = parents[0]
    assert parent.data.tags["suite"] == "jitter"
    assert parent.data.tags["method"] == "toy"
    assert parent.data.tags["dataset_label"] == "cufed5-sample"
    assert parent.data.tags["mlflow.note.content"] == TABLE
    assert read_artifact(uri, parent.info.run_id, "table.md", into).decode() == TABLE
    for cell in cells:
        child = children[cell.run_key]
        assert child.info.status == "FINISHED"
        tags = child.data.tags
        assert tags["mlflow.parentRunId"] == result.run_id
        assert (tags["suite"], tags["method"], tags["dataset"]) == ("jitter", "toy", "cufed5")
        assert (tags["method_label"], tags["team"]) == ("toy (compact)", "a")
        assert tags["signature.psnr_y"] == "psnr|v1"
        assert child.data.params["weights.net"] == "ab" * 32
        assert child.data.metrics == {"psnr_y": 27.5, "psnr_y.lo": 27.0, "pyiqa:dists": 0.25}
        for name in ("samples.jsonl", "manifest.json", "summary.json"):
            attached = read_artifact(uri, child.info.run_id, name, into)
            assert attached == (cell.folder / name).read_bytes()


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with tables and no experiment of ours; MLflow takes seconds to make one."""
    path = tmp_path_factory.mktemp("database") / "mlflow.db"
    with quiet():
        from mlflow.tracking import MlflowClient

        assert MlflowClient(tracking_uri=f"sqlite:///{path}").get_experiment_by_name(EXPERIMENT) is None
    return path


@pytest.fixture
def results(tmp_path: Path, empty_database: Path) -> Path:
    """A results folder that has been touched before."""
    out = tmp_path / "results"
    out.mkdir()
    shutil.copy(empty_database, out)
    return out


@pytest.fixture(scope="module")
def published(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> tuple[Path, list[CellRunInfo], TrackingResult]:
    """One published suite in a folder whose name is hard on addresses."""
    out = tmp_path_factory.mktemp("mirror") / "my results (1) Übung"
    out.mkdir()
    shutil.copy(empty_database, out)
    cells = [make_cell(out, "a"), make_cell(out, "b", baseline=True)]
    return out, cells, publish(out, None, SUITE, cells, TABLE)


def test_the_embedded_mirror_holds_everything(published: Any, tmp_path: Path) -> None:
    out, cells, result = published
    assert result.uri == local_uri(out) == f"sqlite:///{out}/mlflow.db"
    assert result.ui_command == f"mlflow ui --backend-store-uri 'sqlite:///{out}/mlflow.db'"
    check(result.uri, result, cells, tmp_path)
    # the artifacts are inside the results folder, and no run of the store is mistaken for one
    assert (out / "mlartifacts").is_dir()
    assert len(find_runs(out)) == 2


def test_publishing_again_updates_the_same_runs(published: Any, tmp_path: Path) -> None:
    out, cells, first = published
    result = publish(out, None, SUITE, cells, TABLE)
    assert result == first
    check(result.uri, result, cells, tmp_path)
    grown = make_cell(out, "a", rows=3)
    result = publish(out, None, SUITE, [grown, cells[1]], TABLE)
    check(result.uri, result, [grown, cells[1]], tmp_path)


def test_changed_scores_are_updated_and_parameters_added(results: Path) -> None:
    cells = [
        make_cell(results, "a"),
        make_cell(results, "a", metrics={"psnr_y": 30.0, "new": 2.0}, params={"k": 2, "new": 1}),
    ]
    for cell in cells:
        result = publish(results, None, SUITE, [cell], TABLE)
    child = next(r for r in runs_of(result.uri, result.experiment_id) if r.data.tags["kind"] == "cell")
    assert child.data.metrics == {"psnr_y": 30.0, "psnr_y.lo": 27.0, "pyiqa:dists": 0.25, "new": 2.0}
    # MLflow's parameters are write-once: a new one is added, the first value of an old one stays
    assert (child.data.params["k"], child.data.params["new"]) == ("1", "1")


def test_a_moved_results_folder_is_followed(published: Any, tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "moved"
    shutil.copytree(published[0], source)
    first = publish(source, None, SUITE, [], TABLE)
    shutil.copytree(source, out)
    # a process of its own: MLflow remembers where a run's artifacts are as long as it lives
    done = subprocess.run([sys.executable, "-c", REPUBLISH, str(out)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    parent = f"mlartifacts/{first.run_id}/artifacts/table.md"
    assert (out / parent).read_text() == "after the move"
    assert (source / parent).read_text() == TABLE
    runs = runs_of(local_uri(out), first.experiment_id)
    assert len(runs) == len(runs_of(first.uri, first.experiment_id))
    assert {run.info.artifact_uri.rpartition("/mlartifacts/")[0] for run in runs} == {out.as_uri()}
    assert follow_move(out, EXPERIMENT) is False


def test_an_unchanged_publication_is_recognised_without_importing_mlflow(
    published: Any, tmp_path: Path
) -> None:
    out, cells, _ = published
    first = publish(out, None, SUITE, cells, TABLE)
    code = (
        "import sys\n"
        "from pathlib import Path, PosixPath, WindowsPath\n"
        "from math import inf\n"
        "from refbench.tracking import CellRunInfo, SuiteRunInfo\n"
        "from refbench.tracking.mlflow_mirror import publish\n"
        f"result = publish(Path({str(out)!r}), None, {SUITE!r}, {cells!r}, {TABLE!r})\n"
        "print(result.run_id, result.experiment_id, result.warning, 'mlflow' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(first.run_id), str(first.experiment_id), "None", "False"]


def test_when_a_summary_was_made_is_nothing_new(tmp_path: Path) -> None:
    cell = make_cell(tmp_path, "a")
    contents = []
    for summary in ({"n": 2, "finished": "1"}, {"n": 2, "finished": "2"}, {"n": 3, "finished": "2"}):
        (cell.folder / "summary.json").write_text(json.dumps(summary))
        contents.append(_content(SUITE, [cell], TABLE))
    assert contents[0] == contents[1] != contents[2]


@pytest.mark.parametrize("change", ["table", "metric", "rows", "deleted", "moved"])
def test_anything_new_is_published(results: Path, change: str, tmp_path: Path) -> None:
    cell = make_cell(results, "a")
    first = publish(results, None, SUITE, [cell], TABLE)
    content = _content(SUITE, [cell], TABLE)
    key = command_key(SUITE, [cell])
    assert published_before(results, key, content) == (first.experiment_id, first.run_id)
    table, out = TABLE, results
    if change == "table":
        table += "more"
    elif change == "metric":
        cell = replace(cell, metrics={**cell.metrics, "psnr_y": 28.0})
    elif change == "rows":
        make_cell(results, "a", rows=3)
    elif change == "deleted":
        with quiet():
            from mlflow.tracking import MlflowClient

            MlflowClient(tracking_uri=local_uri(results)).delete_run(str(first.run_id))
    else:
        out = results.rename(tmp_path / "elsewhere")
        cell = replace(cell, folder=out / cell.folder.name)
    assert published_before(out, key, _content(SUITE, [cell], table)) is None


def test_a_publication_that_broke_off_is_not_taken_for_complete(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = make_cell(results, "a")
    assert publish(results, None, SUITE, [cell], TABLE).warning is None

    def fail(*_: object) -> None:
        raise RuntimeError("the cable was pulled")

    with monkeypatch.context() as broken:
        broken.setattr("refbench.tracking.mlflow_mirror._cell", fail)
        result = publish(results, None, SUITE, [cell], TABLE + "changed")
    assert "the cable was pulled" in str(result.warning)
    assert published_before(results, command_key(SUITE, [cell]), _content(SUITE, [cell], TABLE)) is None
    assert publish(results, None, SUITE, [cell], TABLE).warning is None


def test_another_suite_or_dataset_is_another_parent() -> None:
    others = [
        SuiteRunInfo("other", "cufed5", "cufed5-sample", "f00d"),
        SuiteRunInfo("jitter", "cufed5", "cufed5 [6 of 126]", "f00d"),
        SuiteRunInfo("jitter", "cufed5", "cufed5-sample", "beef"),
        SuiteRunInfo("jitter", "cufed5", "cufed5-sample", "f00d", seed=1),
    ]
    assert len({suite_key(s) for s in (*others, SUITE)}) == 5


def test_each_command_has_its_parent_and_the_suite_tag_links_them(results: Path) -> None:
    toy = make_cell(results, "a", baseline=True)
    zebra = make_cell(results, "c", method="zebra", method_label="zebra")
    first = publish(results, None, SUITE, [toy], TABLE)
    second = publish(results, None, SUITE, [toy, zebra], TABLE)
    # another order of the methods is the same command
    assert publish(results, None, SUITE, [zebra, toy], TABLE).run_id == second.run_id != first.run_id
    runs = {r.info.run_id: r for r in runs_of(second.uri, second.experiment_id)}
    assert len(runs) == 2 + 1 + 2
    parents = [runs[str(result.run_id)] for result in (first, second)]
    assert [p.data.tags["method"] for p in parents] == ["toy", "toy, zebra"]
    assert parents[1].info.run_name == "jitter on cufed5-sample: zebra"
    for tag in ("suite", "refbench.suite_key"):
        assert parents[0].data.tags[tag] == parents[1].data.tags[tag]
    children = [r.data.tags.get("mlflow.parentRunId") for r in runs.values()]
    assert [children.count(result.run_id) for result in (first, second)] == [1, 2]


def test_scores_and_curves_of_the_parent_are_updated_and_never_doubled(results: Path) -> None:
    cell = make_cell(results, "a")
    for number, last in enumerate((25.0, 25.0, 26.0)):
        suite = replace(
            SUITE, metrics={"psnr_y.toy": last + 2, "lpips.toy": None},
            own_tags={"steps.jitter": "0 control"},
            curves={"psnr_y.toy.jitter": [(0, 27.0), (3, last), (4, math.nan)]},
        )  # fmt: skip
        # another table each time: what is equal altogether is not sent at all
        result = publish(results, None, suite, [cell], f"{TABLE}{number}")
    runs = runs_of(result.uri, result.experiment_id)
    (parent,) = [run for run in runs if run.data.tags["kind"] == "suite"]
    scores = {k: v for k, v in parent.data.metrics.items() if ".toy" in k}
    assert scores == {"psnr_y.toy": 28.0, "psnr_y.toy.jitter": 26.0}
    assert parent.data.tags["steps.jitter"] == "0 control"
    with quiet():
        from mlflow.tracking import MlflowClient

        history = MlflowClient(tracking_uri=result.uri).get_metric_history(
            str(result.run_id), "psnr_y.toy.jitter"
        )
    assert sorted((m.step, m.value) for m in history) == [(0, 27.0), (3, 25.0), (3, 26.0)]


def test_a_mirror_that_fails_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / ".mlflow.lock").mkdir()
    result = publish(tmp_path, None, SUITE, [], TABLE)
    assert result.run_id is None
    assert result.warning is not None
    assert "not written" in result.warning
    assert "the rows are on disk" in result.warning
    assert "\n" not in result.warning


def test_a_server_that_is_away_is_a_warning_without_credentials(tmp_path: Path) -> None:
    before = logging.root.manager.disable
    result = publish(tmp_path, "http://me:hunter2@127.0.0.1:9", SUITE, [], TABLE)
    assert logging.root.manager.disable == before
    assert result.warning is not None
    assert "127.0.0.1" in result.warning
    assert "hunter2" not in f"{result.warning} {result.uri}"
    assert result.ui_command is None
    assert not (tmp_path / "mlflow.db").exists()


def test_mlflow_missing_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    result = publish(tmp_path, None, SUITE, [], TABLE)
    assert result.warning is not None
    assert "mlflow is not installed" in result.warning
    assert "tracking=none" in result.warning


def test_following_a_move_needs_a_database_with_the_experiment(tmp_path: Path) -> None:
    assert follow_move(tmp_path, EXPERIMENT) is False
    (tmp_path / "mlflow.db").write_bytes(b"")
    assert follow_move(tmp_path, EXPERIMENT) is False


REPUBLISH = """
import sys
from dataclasses import replace
from pathlib import Path
from refbench.tracking import SuiteRunInfo
from refbench.tracking.mlflow_mirror import publish
suite = SuiteRunInfo("jitter", "cufed5", "cufed5-sample", "f00d")
assert publish(Path(sys.argv[1]), None, suite, [], "after the move").warning is None
"""

FIRST_TOUCH = """
import socket, sys
from pathlib import Path

def hook(event, args):
    if event == "socket.connect":
        print("CONNECT", args, file=sys.stderr)

sys.addaudithook(hook)
import refbench.tracking
from refbench.tracking.mlflow_mirror import publish
assert "mlflow" not in sys.modules, "imported too early"
result = publish(Path(sys.argv[1]), None, refbench.tracking.SuiteRunInfo("s", "d", "d", "f"), [], "table")
assert result.warning is None, result.warning
assert not [h for h in __import__("logging").getLogger().handlers]
"""


def test_the_first_touch_says_nothing_calls_nobody_and_leaves_no_litter(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_TOUCH, str(tmp_path / "out")],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "false"},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.slow
def test_two_processes_that_publish_at_once_both_succeed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-c", FIRST_TOUCH, str(out)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in processes:
        assert process.communicate()[1] == ""
        assert process.returncode == 0
    assert len(runs_of(local_uri(out), "1")) == 1


def test_the_rows_attached_are_valid_json(published: Any) -> None:
    out, _, _ = published
    for path in (out / "mlartifacts").rglob("samples.jsonl"):
        assert all(json.loads(line) for line in path.read_text().splitlines())
