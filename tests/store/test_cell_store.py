"""The store of a cell: resume, merging, scores, manifest and messages."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from refbench.errors import UserError
from refbench.store import (
    CellStore,
    Manifest,
    SampleRow,
    ScoreRow,
    find_runs,
    load_run,
    read_manifest,
    row_files,
)

KEY = "ab" * 32
MANIFEST = Manifest(run_key=KEY, method="toy", dataset="tiny", protocol="canonical@1", identity={"seed": 0})


def ok(sample_id: str, value: float = 1.0, draw: int = 0) -> SampleRow:
    return SampleRow(sample_id, draw, metrics={"m|v1": value})


def failed(sample_id: str, draw: int = 0) -> SampleRow:
    return SampleRow(sample_id, draw, status="error", error="no such file", error_kind="decode")


def test_folder_layout_and_round_trip(tmp_path: Path) -> None:
    with CellStore.open(tmp_path, KEY, MANIFEST) as store:
        relative = store.write_image("a", 0, b"png")
        store.append(ok("a").with_image(relative))
        store.write_summary({"n": 1})
    folder = tmp_path / KEY[:20]
    assert {p.name for p in folder.iterdir()} == {
        ".lock",
        "manifest.json",
        "samples.jsonl",
        "summary.json",
        "images",
    }
    assert (folder / "images/a_d0.png").read_bytes() == b"png"
    assert json.loads((folder / "summary.json").read_text()) == {"n": 1}
    run = load_run(find_runs(tmp_path)[0])
    assert run.rows == (ok("a").with_image("images/a_d0.png"),)
    assert run.manifest == MANIFEST
    assert store.rows_path() == folder / "samples.jsonl"


def test_a_moved_folder_reads_the_same(tmp_path: Path) -> None:
    with CellStore.open(tmp_path / "here", KEY, MANIFEST) as store:
        store.append(ok("a"))
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert load_run(find_runs(tmp_path / "there")[0]).rows == (ok("a"),)


def test_the_last_row_of_a_trial_wins_and_errors_are_retried(tmp_path: Path) -> None:
    with CellStore.open(tmp_path, KEY, MANIFEST) as store:
        for row in (failed("a"), ok("b"), ok("a", 2.0), failed("c"), ok("b", draw=1)):
            store.append(row)
    with CellStore.open(tmp_path, KEY, MANIFEST) as store:
        assert store.completed() == {("a", 0), ("b", 0), ("b", 1)}
        plan = [("d", 0), ("c", 0), ("b", 1), ("b", 0), ("a", 0)]
        assert store.pending(plan) == [("d", 0), ("c", 0)]
        assert store.rows(plan) == [failed("c"), ok("b", draw=1), ok("b"), ok("a", 2.0)]
        assert [row.key for row in store.rows()] == [("a", 0), ("b", 0), ("b", 1), ("c", 0)]
        assert store.rows([("nobody", 0)]) == []


def test_peeking_creates_nothing(tmp_path: Path) -> None:
    assert CellStore.peek_completed(tmp_path / "results", KEY) == set()
    assert list(tmp_path.iterdir()) == []
    with CellStore.open(tmp_path, KEY, MANIFEST) as store:
        store.append(ok("a"))
        assert CellStore.peek_completed(tmp_path, KEY) == {("a", 0)}


def test_a_second_writer_gets_a_file_of_its_own_and_rows_are_merged(tmp_path: Path) -> None:
    first = CellStore.open(tmp_path, KEY, MANIFEST)
    second = CellStore.open(tmp_path, KEY, MANIFEST)
    first.append(ok("a", 1.0))
    second.append(failed("a"))
    second.append(ok("b"))
    first.append(failed("b"))
    first.append(failed("c"))
    assert [p.name for p in row_files(first.folder)] == ["samples.jsonl", "samples.2.jsonl"]
    # between writers an ok row wins over an error, whichever file it is in
    assert first.rows() == second.rows() == [ok("a", 1.0), ok("b"), failed("c")]
    first.close()
    second.close()
    with CellStore.open(tmp_path, KEY, MANIFEST) as third:
        third.append(ok("c"))
        assert third.rows_path().name == "samples.jsonl"
        assert third.completed() == {("a", 0), ("b", 0), ("c", 0)}


def test_without_locks_every_writer_has_its_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refbench.files.locks.fcntl", None)
    with CellStore.open(tmp_path, KEY, MANIFEST) as first, CellStore.open(tmp_path, KEY, MANIFEST) as second:
        first.append(ok("a"))
        second.append(ok("b"))
        assert first.rows_path() != second.rows_path()
    assert {row.sample_id for row in load_run(first.folder).rows} == {"a", "b"}


def test_scores_added_later_join_their_rows(tmp_path: Path) -> None:
    with CellStore.open(tmp_path, KEY, MANIFEST) as store:
        store.append(ok("a"))
        store.append(failed("b"))
        store.append_score(ScoreRow("a", 0, {"new|v1": float("inf"), "m|v1": 9.0}))
        store.append_score(ScoreRow("b", 0, {"new|v1": 3.0}))
        store.append_score(ScoreRow("never", 0, {"new|v1": 3.0}))
        store.append_score(ScoreRow("a", 0, {"other|v1": 2.0}, absent={"lpips": "no backbone"}))
        store.add_metrics({"new": {"signature": "new|v1", "decimals": 2}})
    run = load_run(store.folder)
    assert run.rows[0].metrics == {"m|v1": 9.0, "new|v1": None, "other|v1": 2.0}
    assert run.rows[0].special == {"new|v1": "inf"}
    assert run.rows[0].absent == {"lpips": "no backbone"}
    assert run.rows[1] == failed("b")
    assert run.manifest.metrics["new"]["signature"] == "new|v1"
    assert len((store.folder / "samples.jsonl").read_bytes().splitlines()) == 2


def test_sessions_and_metrics_of_resumed_runs_are_added(tmp_path: Path) -> None:
    for n in range(3):
        manifest = Manifest(
            **{
                **MANIFEST.__dict__,
                "sessions": ({"id": str(n)},),
                "metrics": {f"m{n}": {"signature": f"s{n}"}},
            }
        )
        with CellStore.open(tmp_path, KEY, manifest) as store:
            store.append(ok("a"))
            store.append(ok("b"))
    store.finish_session("1", {"rows": 5})
    there = read_manifest(store.folder)
    assert there.sessions == ({"id": "0"}, {"id": "1", "rows": 5}, {"id": "2"})
    assert sorted(there.metrics) == ["m0", "m1", "m2"]


def test_a_session_that_finds_everything_done_changes_nothing(tmp_path: Path) -> None:
    with CellStore.open(tmp_path, KEY, replace(MANIFEST, sessions=({"id": "first"},))) as store:
        store.append(ok("a"))
    before = {p: p.read_bytes() for p in store.folder.rglob("*")}
    with CellStore.open(tmp_path, KEY, replace(MANIFEST, sessions=({"id": "second"},))) as store:
        assert store.pending([("a", 0)]) == []
        assert store.rows() == [ok("a")]
    assert {p: p.read_bytes() for p in store.folder.rglob("*")} == before
    assert read_manifest(store.folder).sessions == ({"id": "first"},)


def test_a_folder_of_another_run_key_is_refused_with_the_difference(tmp_path: Path) -> None:
    CellStore.open(tmp_path, KEY, MANIFEST)
    other = KEY[:20] + "f" * 44
    manifest = Manifest(
        run_key=other, method="toy", dataset="tiny", protocol="canonical@1", identity={"seed": 1}
    )
    with pytest.raises(UserError, match=r"holds another run \(seed: 0 there, 1 here\); choose another"):
        CellStore.open(tmp_path, other, manifest)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "not a JSON object"),
        ('{"run_key": "x"}', "no field 'method'"),
        ('{"schema": 9}', "newer"),
        (
            '{"run_key":"x","method":"a","dataset":"b","protocol":"c","metrics":3}',
            "metrics: 3 is not an object",
        ),
        (
            '{"run_key":"x","method":"a","dataset":"b","protocol":"c","sessions":[3]}',
            r"sessions\[0\]: 3 is not an object",
        ),
    ],
)
def test_a_damaged_manifest_is_one_line_with_the_remedy(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UserError, match=reason) as caught:
        load_run(tmp_path)
    assert "delete this file and repeat the run" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kept", [0, 1, 40, -3])
def test_a_manifest_that_was_cut_off_is_written_anew_and_the_rows_stay(tmp_path: Path, kept: int) -> None:
    with CellStore.open(tmp_path, KEY, replace(MANIFEST, sessions=({"id": "first"},))) as store:
        store.append(ok("a"))
    path = store.folder / "manifest.json"
    part = path.read_bytes()[:kept]
    path.write_bytes(part)
    with pytest.raises(UserError, match=r"manifest\.json: damaged .*; repeat the run, which keeps its rows"):
        load_run(store.folder)
    with CellStore.open(tmp_path, KEY, replace(MANIFEST, sessions=({"id": "second"},))) as store:
        (line,) = store.repairs
        assert "was damaged and has been written anew (what was left: manifest.damaged)" in line
        store.append(ok("b"))
    run = load_run(store.folder)
    assert run.rows == (ok("a"), ok("b"))
    assert run.manifest == replace(MANIFEST, sessions=({"id": "second"},))
    assert (store.folder / "manifest.damaged").read_bytes() == part


def test_a_failed_repetition_does_not_hide_a_finished_row(tmp_path: Path) -> None:
    with CellStore.open(tmp_path, KEY, MANIFEST) as store:
        for row in (ok("a"), failed("a"), failed("b"), failed("b")):
            store.append(row)
        assert store.rows() == [ok("a"), failed("b")]


def test_a_folder_that_is_gone_stops_the_writer_with_one_line(tmp_path: Path) -> None:
    store = CellStore.open(tmp_path, KEY, MANIFEST)
    store.append(ok("a"))
    os.rename(store.folder, tmp_path / "moved")
    for attempt in (lambda: store.append(ok("b")), lambda: store.write_image("b", 0, b"png")):
        with pytest.raises(UserError) as caught:
            attempt()
        assert str(caught.value).startswith(f"results folder {store.folder}: ")
        assert "\n" not in str(caught.value)
    store.close()
    assert [p.name for p in tmp_path.iterdir()] == ["moved"]
    unopened = CellStore.open(tmp_path, KEY, MANIFEST)
    shutil.rmtree(unopened.folder)
    with pytest.raises(UserError, match="was removed, moved or replaced while the run wrote into it"):
        unopened.append(ok("a"))
    assert not unopened.folder.exists()


def test_temporary_files_of_killed_writers_are_removed_when_they_are_old(tmp_path: Path) -> None:
    with CellStore.open(tmp_path, KEY, MANIFEST) as store:
        store.write_image("a", 0, b"png")
    for folder in (store.folder, store.folder / "images"):
        for name in (".tmp-1-old", ".tmp-2-new"):
            (folder / name).touch()
        os.utime(folder / ".tmp-1-old", (0, 0))
    with CellStore.open(tmp_path, KEY, MANIFEST) as store:
        store.append(ok("a"))
    left = sorted(p.name for p in store.folder.rglob("*.*") if "tmp" in p.name)
    assert left == [".tmp-2-new", ".tmp-2-new"]


def test_an_interrupt_between_writing_a_line_and_counting_it_keeps_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def interrupted(fd: int, data: bytes) -> int:
        write(fd, data)
        raise KeyboardInterrupt

    store = CellStore.open(tmp_path, KEY, MANIFEST)
    store.append(ok("a"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.append(ok("b"))
    store.append(ok("c"))
    store.close()
    assert [row.sample_id for row in load_run(store.folder).rows] == ["a", "c"]
    assert load_run(store.folder).problems == ()


def test_find_runs_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere: not found"):
        find_runs(tmp_path / "nowhere")
    with pytest.raises(UserError, match="holds no runs"):
        find_runs(tmp_path)
    with pytest.raises(UserError, match="not a run of refbench"):
        load_run(tmp_path)


def test_a_corrupted_middle_line_is_reported_and_left_out(tmp_path: Path) -> None:
    with CellStore.open(tmp_path, KEY, MANIFEST) as store:
        for name in "abc":
            store.append(ok(name))
    path = store.folder / "samples.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = b"\0" * 40 + b"\n"
    path.write_bytes(b"".join(lines))
    run = load_run(store.folder)
    assert [row.sample_id for row in run.rows] == ["a", "c"]
    assert len(run.problems) == 1
    assert f"{path}:2: not a row" in run.problems[0]
    with CellStore.open(tmp_path, KEY, MANIFEST) as store:
        assert store.pending([("a", 0), ("b", 0), ("c", 0)]) == [("b", 0)]


def test_opening_a_cell_locks_nothing(tmp_path: Path) -> None:
    stores = [CellStore.open(tmp_path, KEY, MANIFEST) for _ in range(3)]
    stores[2].append(ok("a"))
    assert stores[2].rows_path().name == "samples.jsonl"
    stores[2].close()
