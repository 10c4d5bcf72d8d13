"""Level 3 with a hosted net: its weights named by hash, and what other weights are found by."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refbench.auditing.audit import audit
from refbench.cli.main import main
from refbench.identity.keys import digest
from refbench.identity.pixels import pixel_sha256
from refbench.imaging import read_image, write_png
from refbench.registry import Registry
from refbench.results.digests import store_digests
from refbench.results.record import cell_record
from refbench.store import find_runs, load_run


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bicubic and datsr (compact) on one image of the sample set."""
    out = tmp_path_factory.mktemp("again") / "results"
    assert (
        main(["run", "method=datsr", "suite=cufed5", "limit=1", f"out={out}", "tracking=none", "--plain"])
        == 0
    )
    return out


def cell_of(out: Path, method: str) -> Path:
    return next(
        f for f in find_runs(out) if json.loads((f / "manifest.json").read_text())["method"] == method
    )


def test_bicubic_and_datsr_hold_when_computed_again(results: Path) -> None:
    result = audit([results], Registry.discover(), rerun=3)
    assert result.exit_code == 0
    assert [cell.verdict for cell in result.cells] == ["re-run 1 of 1", "re-run 1 of 1"]


@pytest.fixture(scope="module")
def unrounded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bicubic under a card that scores SR before it is rounded."""
    out = tmp_path_factory.mktemp("unrounded") / "results"
    words = ["method=bicubic", "suite=cufed5", "limit=2", "metrics=[psnr_y,psnr_rgb:round=none:crop=0]"]
    assert main(["run", *words, f"out={out}", "tracking=none", "--plain"]) == 0
    return out


def test_metrics_of_unrounded_sr_hold_when_computed_again(unrounded: Path) -> None:
    (cell,) = audit([unrounded], Registry.discover(), rerun=2).cells
    assert (cell.verdict, cell.contradictions) == ("re-run 2 of 2", [])
    # without a re-run they were not looked at, and that is said
    (note,) = [note for note in cell.notes if "only a re-run compares" in note]
    assert note.endswith(": psnr_rgb:round=none:crop=0")
    assert "psnr_rgb:round=none:crop=0" not in cell.tolerances


@pytest.mark.parametrize("equal", [True, False])
def test_a_forged_metric_of_unrounded_sr_is_found(unrounded: Path, tmp_path: Path, equal: bool) -> None:
    out = shutil.copytree(unrounded, tmp_path / "theirs")
    rows = cell_of(out, "bicubic") / "samples.jsonl"
    lines = [json.loads(line) for line in rows.read_text().splitlines()]
    (name,) = [signature for signature in lines[0]["metrics"] if "round=none" in signature]
    lines[0]["metrics"][name] += 3.0
    if not equal:
        # as another processor rounds: close to what is computed here, and not the same
        image = cell_of(out, "bicubic") / lines[0]["image"]
        pixels = np.array(read_image(str(image)))
        pixels[::16, ::16] ^= 1
        write_png(image, pixels)
        lines[0]["sr_sha256"] = pixel_sha256(pixels)
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines))
    store_digests(rows.parent)

    def found(count: int) -> list[str]:
        (cell,) = audit([out], Registry.discover(), rerun=count).cells
        return [c.field for c in cell.contradictions if c.file == "samples.jsonl" and "round=none" in c.field]

    assert (found(0), found(2)) == ([], [name])


def test_images_that_other_weights_made_are_found(results: Path, tmp_path: Path) -> None:
    """The rows of bicubic under the name, the hash and the run key of datsr: everything fits but SR."""
    out = shutil.copytree(results, tmp_path / "forged")
    datsr, bicubic = cell_of(out, "datsr"), cell_of(out, "bicubic")
    (datsr / "samples.jsonl").write_bytes((bicubic / "samples.jsonl").read_bytes())
    for image in (bicubic / "images").iterdir():
        (datsr / "images" / image.name).write_bytes(image.read_bytes())
    told = cell_record(load_run(datsr)).summary_document()
    (datsr / "summary.json").write_text(json.dumps({**told, "finished": "2999"}))
    store_digests(datsr)
    shallow = audit([datsr], Registry.discover())
    assert shallow.exit_code == 0, [c.line() for c in shallow.cells[0].contradictions]
    result = audit([datsr], Registry.discover(), rerun=1)
    assert result.exit_code == 1
    assert "SR is the image that was kept, found another" in result.cells[0].contradictions[0].line()


def test_a_hash_of_other_weights_is_found(results: Path, tmp_path: Path) -> None:
    out = shutil.copytree(results, tmp_path / "other")
    cell = cell_of(out, "datsr")
    manifest: dict[str, Any] = json.loads((cell / "manifest.json").read_text())
    manifest["identity"]["weights"]["net"] = "0" * 64
    manifest["weights_files"][0]["sha256"] = "0" * 64
    manifest["run_key"] = digest(manifest["identity"])
    (cell / "manifest.json").write_text(json.dumps(manifest))
    summary = json.loads((cell / "summary.json").read_text())
    (cell / "summary.json").write_text(json.dumps(summary | {"run_key": manifest["run_key"]}))
    store_digests(cell)
    result = audit([cell], Registry.discover(), rerun=1)
    assert result.exit_code == 1
    assert "manifest.json: weights net is 0000" in result.cells[0].contradictions[0].line()


def test_a_program_that_a_manifest_names_is_not_run(results: Path, tmp_path: Path) -> None:
    out = shutil.copytree(results, tmp_path / "program")
    cell = cell_of(out, "bicubic")
    manifest: dict[str, Any] = json.loads((cell / "manifest.json").read_text())
    manifest |= {"method": "command", "method_label": "command"}
    manifest["identity"] |= {"method": "command", "params": {"cmd": f"touch {tmp_path / 'executed'}"}}
    manifest["config"]["method"] = {"name": "command", "params": manifest["identity"]["params"]}
    (cell / "manifest.json").write_text(json.dumps(manifest))
    result = audit([cell], Registry.discover(), rerun=1)
    assert any("command runs programs" in note for note in result.cells[0].notes)
    assert result.cells[0].rerun == 0
    assert not (tmp_path / "executed").exists()


def test_weights_are_found_by_their_hash_in_a_file_or_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody's own checkpoint, under a name of its own, is here somewhere else."""
    import torch
    from safetensors.torch import load_file, save_file

    bundled = files("refbench.methods.ttsr") / "compact.safetensors"
    theirs, here = tmp_path / "theirs", tmp_path / "here"
    theirs.mkdir()
    (here / "deep").mkdir(parents=True)
    (theirs / "mine.safetensors").write_bytes(bundled.read_bytes())
    words = [f"method.weights={theirs / 'mine.safetensors'}", f"out={tmp_path / 'r'}", "suite=cufed5"]
    assert main(["run", "method=ttsr", *words, "limit=1", "tracking=none", "against=none", "--plain"]) == 0
    (here / "deep" / "renamed.bin").write_bytes(bundled.read_bytes())
    (theirs / "mine.safetensors").unlink()
    registry = Registry.discover()
    for root in (here, here / "deep" / "renamed.bin"):
        result = audit([tmp_path / "r"], registry, rerun=1, weights_root=root)
        assert [cell.verdict for cell in result.cells] == ["re-run 1 of 1"], (root, result.cells[0].notes)
    # nothing at hand: that is said, and does not contradict
    missing = audit([tmp_path / "r"], registry, rerun=1)
    assert missing.exit_code == 3
    assert "give that file, or the folder that has it" in " ".join(missing.cells[0].notes)
    # a file of that name with other tensors
    tensors = load_file(here / "deep" / "renamed.bin")
    other = tmp_path / "other" / "mine.safetensors"
    other.parent.mkdir()
    save_file({k: torch.zeros_like(v) if k == min(tensors) else v for k, v in tensors.items()}, other)
    for root in (other, other.parent):
        result = audit([tmp_path / "r"], registry, rerun=1, weights_root=root)
        assert result.exit_code == 1
        assert "manifest.json: weights mine.safetensors is " in result.cells[0].contradictions[0].line()
    capsys.readouterr()
    assert main(["audit", str(tmp_path / "r"), "rerun=1", f"weights.root={tmp_path / 'gone'}"]) == 2
    assert "weights.root=" in (shown := capsys.readouterr().err)
    assert shown.count("\n") == 1
