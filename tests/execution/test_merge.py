"""Merging shards gives what an undivided run leaves; what does not fit is refused, and nothing is lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import small_study as small

from refbench.errors import UserError
from refbench.gate import baseline_of, check
from refbench.registry import Registry
from refbench.results.cells import load_cells
from refbench.results.merging import merge
from refbench.store import CellStore, SampleRow, find_runs, load_run, read_manifest
from refbench.store.manifest import replace_manifest


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    found: Registry = small.make_registry(monkeypatch)
    return found


@pytest.fixture
def shards(registry: Registry, tmp_path: Path) -> list[Path]:
    """Three shards, each in a folder of its own."""
    places = [tmp_path / f"{i}" for i in (1, 2, 3)]
    for i, place in enumerate(places, start=1):
        small.execute(registry, small.settings(place, f"{i}/3", images="png"))
    return places


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def summaries(out: Path) -> dict[str, Any]:
    found = {}
    for folder in find_runs(out):
        document = json.loads((folder / "summary.json").read_bytes())
        found[folder.name] = {k: v for k, v in document.items() if k not in ("finished", "costs")}
    return found


def change_row(folder: Path, change: Callable[[SampleRow], SampleRow]) -> SampleRow:
    """Append a changed copy of the first row of a cell, as a second run would."""
    run = load_run(folder)
    row = change(run.rows[0])
    with CellStore(folder, run.manifest) as store:
        store.append(row)
    return row


def test_merged_shards_equal_the_undivided_run(
    registry: Registry, shards: list[Path], tmp_path: Path
) -> None:
    whole, joined = tmp_path / "whole", tmp_path / "joined"
    small.execute(registry, small.settings(whole, images="png"))
    before = [files(place) for place in shards]
    cells = merge(shards, joined)
    assert [files(place) for place in shards] == before
    assert small.stored_rows(joined) == small.stored_rows(whole)
    assert summaries(joined) == summaries(whole)
    for folder in find_runs(whole):
        own, other = read_manifest(joined / folder.name), read_manifest(folder)
        config = {**own.config, "out": other.config["out"]}
        assert replace(own, sessions=(), config=config) == replace(other, sessions=())
        assert own.config["out"] == str(joined)
        assert {session["shard"] for session in own.sessions} == {"1/3", "2/3", "3/3"}
        for image in (folder / "images").iterdir():
            assert (joined / folder.name / "images" / image.name).read_bytes() == image.read_bytes()
    assert sum(cell.added for cell in cells) == len(small.stored_rows(whole))
    assert not any(cell.record.partial or cell.repeated or cell.lost_images for cell in cells)
    # nothing is left to be done, and nothing reads as partial
    outcome = small.execute(registry, small.settings(joined, images="png"))
    assert (outcome.computed, outcome.partial) == (0, "")


def test_merging_again_changes_no_byte(shards: list[Path], tmp_path: Path) -> None:
    joined = tmp_path / "joined"
    merge(shards, joined)
    before = files(joined)
    cells = merge([*reversed(shards), joined], joined)
    assert files(joined) == before
    assert sum(cell.added for cell in cells) == 0


def test_shards_in_one_folder_are_merged_in_place(registry: Registry, tmp_path: Path) -> None:
    shared, whole = tmp_path / "shared", tmp_path / "whole"
    for i in (1, 2):
        small.execute(registry, small.settings(shared, f"{i}/2"))
    rows = {name: data for name, data in files(shared).items() if name.endswith(".jsonl")}
    assert all(read_manifest(folder).whole for folder in find_runs(shared))
    merge([shared], shared)
    small.execute(registry, small.settings(whole))
    assert small.stored_rows(shared) == small.stored_rows(whole)
    assert summaries(shared) == summaries(whole)
    assert not any(read_manifest(folder).whole for folder in find_runs(shared))
    assert {name: data for name, data in files(shared).items() if name.endswith(".jsonl")} == rows


def test_a_missing_shard_is_named_and_nothing_is_written(shards: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        merge([shards[0], shards[2]], tmp_path / "joined")
    text = str(error.value)
    assert text.startswith(f"{len(small.stored_rows(shards[1]))} of 42 images are missing")
    assert "no rows of shard 2/3" in text
    assert "merge what is there with --partial" in text
    assert "\n" not in text
    assert not (tmp_path / "joined").exists()


def test_what_is_there_can_be_merged_and_stays_marked_until_the_rest_comes(
    registry: Registry, shards: list[Path], tmp_path: Path
) -> None:
    joined = tmp_path / "joined"
    cells = merge([shards[0], shards[2]], joined, partial=True)
    assert {cell.record.partial for cell in cells} == {"partial: shards 1/3, 3/3"}
    stored = load_cells([joined])
    assert all("[partial: shards 1/3, 3/3]" in cell.dataset_label for cell in stored.cells)
    merge([joined, shards[1]], joined)
    small.execute(registry, small.settings(tmp_path / "whole"))
    assert {k[1:] for k in small.stored_rows(joined)} == {
        k[1:] for k in small.stored_rows(tmp_path / "whole")
    }
    assert all(not cell.partial for cell in load_cells([joined]).cells)


def test_an_interrupted_shard_is_told_from_a_missing_one(registry: Registry, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small.execute(registry, small.settings(out, "1/2"))
    with pytest.raises(KeyboardInterrupt):
        small.execute(registry, small.settings(out, "2/2"), stop_after=2)
    with pytest.raises(UserError, match="each shard has rows: one was interrupted"):
        merge([out], out)


def test_two_values_of_one_trial_are_refused(shards: list[Path], tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(shards[0], copied)
    folder = next(f for f in find_runs(copied) if load_run(f).rows)
    row = change_row(folder, lambda r: replace(r, metrics={k: (v or 0) + 0.01 for k, v in r.metrics.items()}))
    with pytest.raises(UserError) as error:
        merge([*shards, copied], tmp_path / "joined")
    text = str(error.value)
    assert f"{row.sample_id} draw {row.draw}: psnr_y is" in text
    assert f"in {shards[0] / folder.name} and" in text
    assert f"in {folder}; both cannot hold" in text
    assert not (tmp_path / "joined").exists()


def test_the_same_trial_twice_is_counted_and_kept_once(shards: list[Path], tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(shards[0], copied)
    for folder in find_runs(copied):
        # what another processor rounds otherwise is the same value
        change_row(
            folder, lambda r: replace(r, metrics={k: (v or 0) * 1.000001 for k, v in r.metrics.items()})
        )
    cells = merge([*shards, copied], tmp_path / "joined")
    assert sum(cell.repeated for cell in cells) == len(small.stored_rows(shards[0]))
    assert sum(cell.record.trials for cell in cells) == 42
    values = small.stored_rows(tmp_path / "joined")
    assert all(values[key] == row for key, row in small.stored_rows(shards[0]).items())


def test_a_good_row_wins_over_an_error_row(shards: list[Path], tmp_path: Path) -> None:
    failed = tmp_path / "failed"
    shutil.copytree(shards[0], failed)
    rows = next(f for f in find_runs(failed) if load_run(f).rows) / "samples.jsonl"
    first, *others = rows.read_text().splitlines(keepends=True)
    good = SampleRow.from_json(first)
    bad = SampleRow(good.sample_id, good.draw, "error", error="killed", error_kind="memory")
    rows.write_text("".join([bad.to_json(), "\n", *others]))
    joined = tmp_path / "joined"
    merge([failed, *shards[1:]], joined)
    assert any(row["status"] == "error" for row in small.stored_rows(joined).values())
    cells = merge([failed, *shards], joined)
    assert sum(cell.added for cell in cells) == 1
    assert all(row["status"] == "ok" for row in small.stored_rows(joined).values())


def test_shards_of_other_code_are_no_parts_of_one_run(
    monkeypatch: pytest.MonkeyPatch, shards: list[Path], tmp_path: Path
) -> None:
    shutil.rmtree(shards[2])
    small.execute(small.make_registry(monkeypatch, code="d"), small.settings(shards[2], "3/3"))
    with pytest.raises(UserError) as error:
        merge(shards, tmp_path / "joined")
    text = str(error.value)
    assert "do not belong to the same run: code of" in text
    assert "'cccc" in text
    assert "'dddd" in text


def test_shards_of_another_protocol_are_no_parts_of_one_run(
    registry: Registry, shards: list[Path], tmp_path: Path
) -> None:
    from refbench.settings import ProtocolEntry, SuiteConfig

    other = SuiteConfig("small", "small", protocols=(ProtocolEntry(control=True, card="ttsr"),))
    shutil.rmtree(shards[2])
    small.execute(registry, small.settings(shards[2], "3/3", suite=other))
    with pytest.raises(UserError, match=r"images are missing|do not belong to the same run"):
        merge(shards, tmp_path / "joined")


def test_one_alias_for_two_signatures_is_refused(shards: list[Path], tmp_path: Path) -> None:
    for folder in find_runs(shards[1]):
        manifest = read_manifest(folder)
        facts = {**manifest.metrics["psnr_y"], "signature": "psnr|space=y601|range=255|round=u8|crop=4|v2"}
        replace_manifest(folder, replace(manifest, metrics={**manifest.metrics, "psnr_y": facts}))
    with pytest.raises(UserError, match=r"psnr_y is psnr\|.*\|v1 in one and psnr\|.*\|v2 in the other"):
        merge(shards, tmp_path / "joined")


def test_a_lost_image_is_told_and_its_row_kept(shards: list[Path], tmp_path: Path) -> None:
    folder = next(f for f in find_runs(shards[0]) if load_run(f).rows)
    next((folder / "images").iterdir()).unlink()
    cells = merge(shards, tmp_path / "joined")
    assert sum(cell.lost_images for cell in cells) == 1
    assert sum(cell.record.trials for cell in cells) == 42


def test_the_gate_refuses_a_shard(registry: Registry, shards: list[Path], tmp_path: Path) -> None:
    whole = small.execute(registry, small.settings(tmp_path / "whole"))
    baseline = baseline_of(whole.suites[0].cells, {})
    part = list(load_cells([shards[0]]).cells)
    result = check(baseline, part)
    assert result.exit_code == 3
    assert any("partial: shard 1/3; join its shards with refbench merge" in c.reason for c in result.cells)
    with pytest.raises(UserError, match="is one part of a run; join its shards with refbench merge"):
        baseline_of(part, {})


def test_scores_of_a_shard_are_labelled(registry: Registry, shards: list[Path]) -> None:
    from refbench.results.scoring import Scorer, score_runs
    from refbench.store.frame import load_frame

    cells = score_runs([shards[0]], Scorer(["psnr_y"], registry))
    assert {cell.json()["dataset_label"] for cell in cells} == {"small set [partial: shard 1/3]"}
    assert set(load_frame(find_runs(shards[0]))["dataset_label"]) == {"small set [partial: shard 1/3]"}


def test_the_command_says_what_it_did(
    shards: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from refbench.cli.main import main

    places, out = [str(place) for place in shards], tmp_path / "joined"
    assert main(["merge", *places]) == 2
    assert "merge: out= is missing" in capsys.readouterr().err
    assert main(["merge"]) == 2
    assert "name the results folders of the shards" in capsys.readouterr().err
    assert main(["merge", *places[:2], f"out={out}", "--partial"]) == 1
    assert "partial: shards 1/3, 2/3: not ranked and not gated" in capsys.readouterr().out
    assert main(["merge", *places, f"out={out}", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["trials"] == 42
    assert all(cell["partial"] == "" for cell in document["cells"])
    assert main(["merge", str(tmp_path / "nowhere")]) == 2
    assert "not found" in capsys.readouterr().err
