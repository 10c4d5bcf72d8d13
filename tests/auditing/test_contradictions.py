"""What an audit finds in folders that somebody has changed; item by item what results may be changed in."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any

import audited_results as s
import numpy as np
import pytest
from PIL import Image as PilImage

from refbench.cli.main import main
from refbench.identity.keys import digest
from refbench.identity.pixels import pixel_sha256
from refbench.imaging import read_image

PSNR = "psnr|space=y601|range=255|round=u8|crop=4|v1"


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Times and contents of everything in a folder."""
    return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()}


def found(result: Any) -> str:
    """All contradictions as text; the audit must have found some."""
    assert result.exit_code == 1
    return "\n".join(c.line() for cell in result.cells for c in cell.contradictions)


def test_an_untouched_folder_holds_and_stays_untouched(finished: Any) -> None:
    before = state(finished.out)
    result = finished.audit(rerun=2)
    assert result.exit_code == 0
    assert [cell.verdict for cell in result.cells] in (
        ["re-run 2 of 3", "re-run 2 of 6"],
        ["re-run 2 of 6", "re-run 2 of 3"],
    )
    assert not [c.notes for c in result.cells if c.notes]
    assert state(finished.out) == before


def test_it_holds_where_nothing_can_be_written(results: Any) -> None:
    for path in [results.out, *results.out.rglob("*")]:
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)
    try:
        assert results.audit().exit_code == 0
    finally:
        for path in [results.out, *results.out.rglob("*")]:
            path.chmod(path.stat().st_mode | stat.S_IWUSR)


def test_it_holds_after_moving_and_after_merge(results: Any, tmp_path: Path) -> None:
    os.rename(results.out, tmp_path / "elsewhere")
    moved = s.Results(tmp_path / "elsewhere", results.data)
    assert moved.audit().exit_code == 0
    assert main(["merge", str(moved.out), f"out={tmp_path / 'joined'}"]) == 0
    joined = s.Results(tmp_path / "joined", results.data)
    result = joined.audit()
    assert result.exit_code == 0
    assert {c.digest for c in result.cells} == {c.digest for c in moved.audit().cells}


def test_without_data_images_are_hashed_and_files_compared(finished: Any, tmp_path: Path) -> None:
    result = finished.audit(data_root=str(tmp_path))
    assert result.exit_code == 0
    assert {cell.verdict for cell in result.cells} == {"consistent"}
    assert all(cell.hashed == cell.ok for cell in result.cells)
    assert all("not scored again" in cell.notes[0] for cell in result.cells)


def higher(row: dict[str, Any]) -> None:
    row["metrics"][PSNR] += 3.0


@pytest.mark.parametrize("forged", [False, True])
def test_three_decibels_more_in_one_row(results: Any, forged: bool) -> None:
    s.edit_rows(results.cell(), lambda rows: higher(rows[1]))
    if forged:
        s.forge(results.cell())
    text = found(results.audit())
    assert "summary.json: metrics.psnr_y.mean is" in text
    assert "samples.jsonl, b draw 0: psnr_y is" in text
    assert ("digest.json: digest of rows and manifest" in text) is not forged


def test_three_decibels_more_in_a_line_of_added_scores(results: Any) -> None:
    cell = results.cell()
    s.edit_rows(cell, lambda rows: None)
    row = json.loads((cell / "samples.jsonl").read_text().splitlines()[0])
    score = {"sample_id": "a", "draw": 0, "metrics": {PSNR: row["metrics"][PSNR] + 3.0}}
    (cell / "scores.jsonl").write_text(json.dumps(score) + "\n")
    s.forge(cell)
    assert "scores.jsonl:1, a draw 0" in found(results.audit())


def test_a_deleted_row(results: Any) -> None:
    s.edit_rows(results.cell(1), lambda rows: rows.pop(3))
    s.forge(results.cell(1))
    text = found(results.audit())
    assert "samples.jsonl, b draw 1: row is one of the trials that were asked for, found none" in text


@pytest.mark.parametrize("first", [True, False])
def test_a_doubled_row_with_another_value(results: Any, first: bool) -> None:
    def double(rows: list[dict[str, Any]]) -> None:
        copy = json.loads(json.dumps(rows[2]))
        higher(copy)
        rows.insert(0 if first else len(rows), copy)

    s.edit_rows(results.cell(), double)
    s.forge(results.cell())
    assert "again" in found(results.audit())


def test_an_image_of_the_same_size_in_the_place_of_another(results: Any) -> None:
    path = next((results.cell() / "images").glob("a_*"))
    PilImage.fromarray(255 - read_image(str(path))).save(path)
    text = found(results.audit())
    assert "images/a_d0.png, a draw 0: sr_sha256" in text
    assert "a draw 0: psnr_y is" in text


def test_the_image_of_another_row(results: Any) -> None:
    images = sorted((results.cell() / "images").glob("*.png"))
    first, second = images[0].read_bytes(), images[1].read_bytes()
    images[0].write_bytes(second)
    images[1].write_bytes(first)
    assert found(results.audit()).count("sr_sha256") == 2


def test_an_image_with_its_row_made_to_fit_is_found_by_a_re_run(results: Any) -> None:
    """Somebody puts a better image in, scores it, and makes every digest and number fit."""
    cell = results.cell()
    truth = PilImage.open(results.data / "input" / "a.png").convert("RGB")
    path = next((cell / "images").glob("a_*"))
    better = np.asarray(truth).astype(int) + 2
    image = np.clip(better, 0, 255).astype(np.uint8)
    PilImage.fromarray(image).save(path)

    def fit(rows: list[dict[str, Any]]) -> None:
        rows[0] |= {"sr_sha256": pixel_sha256(image), "metrics": {}}

    s.edit_rows(cell, fit)
    assert main(["score", str(cell), "metrics=[psnr_y,ssim_y,psnr_rgb]", f"data.root={results.data}"]) == 0
    result = results.audit()
    assert result.exit_code == 0
    assert {c.verdict for c in result.cells} == {"re-scored"}
    assert "SR is the image that was kept, found another" in found(results.audit(rerun=3))


@pytest.mark.parametrize("place", ["mean", "lo", "hi", "n"])
def test_an_edited_summary(results: Any, place: str) -> None:
    path = results.cell() / "summary.json"
    summary = s.read(path)
    summary["metrics"]["ssim_y"][place] = 0.99 if place != "n" else 30
    s.write(path, summary)
    assert f"summary.json: metrics.ssim_y.{place} is" in found(results.audit())


def test_another_weights_hash(results: Any) -> None:
    path = results.cell() / "manifest.json"
    manifest = s.read(path)
    manifest["weights_files"] = [{"role": "net", "sha256": "0" * 64, "name": "net.pth"}]
    s.write(path, manifest)
    s.forge(results.cell())
    assert "manifest.json: weights_files.net is 0000" in found(results.audit())


def test_the_manifest_of_another_card(results: Any) -> None:
    shutil.copy(results.cell(1) / "manifest.json", results.cell(0) / "manifest.json.new")
    target = results.cell(0)
    os.replace(target / "manifest.json.new", target / "manifest.json")
    text = found(results.audit())
    assert "summary.json: run_key is" in text
    assert "digest.json: digest of rows and manifest" in text
    # with every file made to fit, the images that the rows tell of are not those of that card
    manifest = s.read(target / "manifest.json")
    s.write(target / "summary.json", s.read(target / "summary.json") | {"run_key": manifest["run_key"]})
    s.forge(target)
    assert "ref_sha256 is" in found(results.audit())


def test_a_card_that_was_changed_in_the_manifest(results: Any) -> None:
    path = results.cell() / "manifest.json"
    manifest = s.read(path)
    manifest["identity"]["protocol"]["params"]["card"]["lr_kernel"] = "nearest"
    s.write(path, manifest)
    assert "manifest.json: run_key is" in found(results.audit())
    manifest["run_key"] = digest(manifest["identity"])
    s.write(path, manifest)
    assert "compare.protocol.params.card.lr_kernel is" in found(results.audit())


def test_old_rows_are_read_and_have_no_evidence(results: Any) -> None:
    for which in (0, 1):
        cell = results.cell(which)

        def old(rows: list[dict[str, Any]]) -> None:
            for row in rows:
                for name in ("sr_sha256", "hr_sha256", "lr_sha256", "ref_sha256"):
                    del row[name]

        s.edit_rows(cell, old)
        (cell / "digest.json").unlink()
    result = results.audit()
    assert result.exit_code == 0
    notes = " ".join(note for cell in result.cells for note in cell.notes)
    assert "no digest: the cell was written by an earlier refbench" in notes
    assert "3 rows carry no digest of their images (an earlier refbench): no evidence" in notes


def test_nothing_to_check_is_exit_code_3(results: Any, tmp_path: Path) -> None:
    """Rows alone, of a manifest that states no identity: nothing is there to compare them with."""
    for which in (1, 0):
        cell = results.cell(which)
        for name in ("digest.json", "summary.json"):
            (cell / name).unlink()
        shutil.rmtree(cell / "images")
        manifest = s.read(cell / "manifest.json") | {"identity": {}, "compare": {}}
        s.write(cell / "manifest.json", manifest)
    assert main(["audit", str(results.out), f"data.root={tmp_path}"]) == 3


def test_a_run_that_was_killed_is_not_contradicted(results: Any) -> None:
    """Between its first row and its end a run leaves no digests, and a summary that is older."""
    cell = results.cell()
    path = cell / "manifest.json"
    manifest = s.read(path)
    later = {**manifest["sessions"][0], "id": "later", "started": "2999-01-01T00:00:00+00:00"}
    s.write(path, manifest | {"sessions": [*manifest["sessions"], later]})
    s.edit_rows(cell, lambda rows: rows.append({**rows[0], "draw": 1, "image": None}))
    (cell / "digest.json").unlink()
    result = results.audit()
    assert result.exit_code == 0
    assert any("older than the last session" in note for c in result.cells for note in c.notes)


def test_the_command_prints_a_document_and_markdown(
    results: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["audit", str(results.out), f"data.root={results.data}", f"markdown={tmp_path / 'a.md'}"]
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "holds"
    assert {cell["verdict"] for cell in document["cells"]} == {"re-scored"}
    assert (tmp_path / "a.md").read_text().startswith("# The results hold")
    s.edit_rows(results.cell(), lambda rows: higher(rows[0]))
    assert main(words) == 1
    shown = capsys.readouterr().out
    assert "contradicted" in shown
    assert "a draw 0: psnr_y is" in shown
    assert "**contradicted** samples.jsonl" in (tmp_path / "a.md").read_text()
    assert main(["audit", str(tmp_path / "nothing")]) == 2
    assert main(["audit", str(results.out), "rerun=-1"]) == 2


def test_tables_name_what_an_audit_found_of_exactly_these_rows(
    results: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", str(results.out), f"data.root={results.data}", "--json"]) == 0
    (tmp_path / "audit.json").write_text(capsys.readouterr().out)
    report = ["report", str(results.out), "format=csv", f"report.dir={tmp_path / 'r'}"]
    assert main([*report, f"audits={tmp_path / 'audit.json'}"]) == 0
    assert "re-scored" in (tmp_path / "r" / "csv" / "provenance.csv").read_text()
    s.edit_rows(results.cell(0), lambda rows: higher(rows[0]))
    assert main([*report, f"audits={tmp_path / 'audit.json'}"]) == 0
    lines = (tmp_path / "r" / "csv" / "provenance.csv").read_text().splitlines()[1:]
    assert sorted("self-reported" in line for line in lines) == [False, True]
