"""The competition bundle: its parts are there, and its scoring program is carried out as Codabench does."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image as PilImage

from refbench.cli.main import main
from refbench.imaging import read_image
from refbench.imaging.resize import bicubic_up


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("competition") / "c.zip"
    assert main(["export", f"out={out}", "format=codabench", "suite=cufed5_jitter"]) == 0
    return out


@pytest.fixture(scope="module")
def inputs(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("public")
    unpack(bundle, "public_data.zip", folder)
    return folder


def unpack(bundle: Path, member: str, folder: Path) -> None:
    with zipfile.ZipFile(bundle) as outer, zipfile.ZipFile(io.BytesIO(outer.read(member))) as inner:
        inner.extractall(folder)


def scored(bundle: Path, submission: Path, folder: Path) -> tuple[int, dict[str, Any] | None, str]:
    """As on a compute worker: program/, input/ref, input/res, output/, then the command of metadata.yaml."""
    unpack(bundle, "scoring_program.zip", folder / "program")
    unpack(bundle, "reference_data.zip", folder / "input" / "ref")
    (folder / "output").mkdir()
    with zipfile.ZipFile(submission) as archive:
        archive.extractall(folder / "input" / "res")
    command = yaml.safe_load((folder / "program" / "metadata.yaml").read_text())["command"]
    words = [word.replace("/app/", f"{folder}/") for word in command.split()]
    assert words[0] == "python3"
    done = subprocess.run(
        [sys.executable, *words[1:]], capture_output=True, text=True, timeout=550, check=False
    )
    scores = folder / "output" / "scores.json"
    return done.returncode, json.loads(scores.read_text()) if scores.exists() else None, done.stderr


def submission(inputs: Path, out: Path, folder: str = "", leave_out: int = 0, size: int = 4) -> Path:
    with zipfile.ZipFile(out, "w") as archive:
        for path in sorted((inputs / "lr").iterdir())[leave_out:]:
            buffer = io.BytesIO()
            PilImage.fromarray(bicubic_up(read_image(path), size)).save(buffer, "PNG")
            archive.writestr(f"{folder}{path.name}", buffer.getvalue())
    return out


def test_the_bundle_has_what_codabench_asks_for(bundle: Path, inputs: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        names = set(archive.namelist())
        found = yaml.safe_load(archive.read("competition.yaml"))
    assert found["version"] == 2
    assert {"title", "image", "terms", "pages", "phases", "tasks", "leaderboards"} <= set(found)
    files = [found["image"], found["terms"], *(page["file"] for page in found["pages"])]
    files += [found["tasks"][0][name] for name in ("scoring_program", "reference_data")]
    files += [found["phases"][0]["public_data"]]
    assert set(files) <= names
    columns = found["leaderboards"][0]["columns"]
    assert [(c["key"], c["sorting"]) for c in columns][:2] == [("psnr_y", "desc"), ("ssim_y", "desc")]
    assert [c["index"] for c in columns] == list(range(len(columns)))
    assert len(list((inputs / "lr").iterdir())) == 13
    assert len(list((inputs / "ref").iterdir())) == 13
    assert not (inputs / "hr").exists()


def test_protocols_without_a_place_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", f"out={tmp_path / 'c.zip'}", "format=codabench", "suite=cufed5_jitter", "--json"]
    assert main(words) == 0
    lines = json.loads(capsys.readouterr().out)["unmapped"]
    assert any("jitter@1[level=x2]" in line and "answers one protocol, canonical@1" in line for line in lines)
    assert any("docker_image" in line for line in lines)


@pytest.mark.slow
def test_a_good_submission_is_scored(bundle: Path, inputs: Path, tmp_path: Path) -> None:
    # a zip of a folder, as many people make it
    code, scores, error = scored(
        bundle, submission(inputs, tmp_path / "s.zip", "my results/"), tmp_path / "app"
    )
    assert (code, error) == (0, "")
    assert scores is not None
    assert set(scores) == {"psnr_y", "ssim_y", "psnr_rgb"}
    # bicubic on the sample set, as the README has it
    assert scores["psnr_y"] == pytest.approx(26.10, abs=0.01)
    assert "26.10 [23.9" in (tmp_path / "app" / "output" / "detailed_results.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "expected"),
    [("missing", "no 000.png"), ("size", "expected"), ("text", "000"), ("empty", "no 000.png")],
)
def test_a_bad_submission_says_why(
    bundle: Path, inputs: Path, tmp_path: Path, kind: str, expected: str
) -> None:
    file = tmp_path / "s.zip"
    if kind == "missing":
        submission(inputs, file, leave_out=1)
    elif kind == "size":
        submission(inputs, file, size=2)
    else:
        with zipfile.ZipFile(file, "w") as archive:
            if kind == "text":
                for path in (inputs / "lr").iterdir():
                    archive.writestr(path.name, b"<script>")
            else:
                archive.writestr("readme.txt", b"none")
    code, scores, error = scored(bundle, file, tmp_path / "app")
    assert code == 1
    assert scores is None
    assert expected in error
    assert "Traceback" not in error
