"""refbench doctor: what is here, what is missing, what is broken; nothing is changed by looking."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from refbench.cli.diagnosis import files, software
from refbench.cli.main import main
from refbench.extras import EXTRAS, install_command
from refbench.metrics.backbones import BACKBONES
from refbench.registry import Entry, Registry
from refbench.tracking.database import ensure_database
from refbench.tracking.quiet import quiet


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("REFBENCH_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub home"))
    # importing two packages in a process of its own takes seconds; one test does it
    monkeypatch.setattr(software, "_IMPORT", "")


def doctor(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["doctor", *words, "--json"])
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, document


def one(document: dict[str, Any], part: str, name: str) -> dict[str, Any]:
    (found,) = [finding for finding in document[part] if finding["name"] == name]
    return dict(found)


def test_a_sound_installation_and_what_missing_parts_would_enable(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code, document = doctor(capsys, f"out={out}")
    assert (code, document["ok"]) == (0, True)
    assert one(document, "versions", "torch")["version"].count(".") >= 2
    assert one(document, "device", "device")["state"] == "ok"
    vgg = one(document, "backbones", BACKBONES["vgg"][0])
    assert (vgg["state"], vgg["metrics"]) == ("missing", ["dists", "lpips_vgg"])
    assert vgg["remedy"] == "refbench prepare metric=dists"
    missing = one(document, "weights", "method=datsr method.weights=mse")
    assert missing["files"] == ["feature_extraction.pth", "restoration_mse.pth", "vgg19-dcbb9e9d.pth"]
    assert one(document, "weights", "method=datsr method.weights=compact")["weights_state"] == "bundled"
    results = one(document, "folders", "results")
    assert results["writable"]
    assert results["free_bytes"] > 0
    assert one(document, "tracking", "mlflow")["database_state"] == "absent"
    assert not out.exists(), "looking makes no folder"


def test_the_text_names_problems_and_repeats_no_remedy(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["doctor", f"out={tmp_path / 'out'}"]) == 0
    text = capsys.readouterr().out
    assert "method=ttsr method.weights=mse" in text
    assert text.count(files.PUT_WEIGHTS) == 1
    assert text.endswith("no problems; '-' marks what is optional and missing\n")


def test_a_narrow_terminal_cuts_no_word(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert main(["doctor", f"out={tmp_path}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    # a path longer than a line stays whole, so that it can be copied
    assert [line for line in lines if len(line) > 80 and " " in line.strip()] == []
    assert "feature_extraction.pth, restoration_mse.pth, vgg19-dcbb9e9d.pth" in " ".join(
        " ".join(lines).split()
    )


def test_a_damaged_backbone_is_a_problem(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "hub home" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / BACKBONES["alex"][0]).write_bytes(b"half a download")
    code, document = doctor(capsys, f"out={tmp_path / 'out'}")
    alex = one(document, "backbones", BACKBONES["alex"][0])
    assert (code, alex["state"]) == (1, "problem")
    assert "its name says 7be5be79" in alex["text"]
    assert alex["remedy"] == "remove it; refbench prepare metric=lpips_alex"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not a database at all, but long enough" * 50, "is damaged (file is not a database)"),
        (b"", "is empty"),
    ],
)
def test_a_broken_database(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, said: str
) -> None:
    database = tmp_path / "mlflow.db"
    database.write_bytes(content)
    code, document = doctor(capsys, f"out={tmp_path}")
    found = one(document, "tracking", "mlflow")
    assert (code, found["state"], found["database_state"]) == (1, "problem", "damaged")
    assert found["text"] == f"{database} {said}"
    assert found["remedy"].startswith("the next run sets it aside")
    assert database.read_bytes() == content, "looking repairs nothing"


def test_a_complete_and_other_databases(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with quiet():
        ensure_database(tmp_path)
    code, document = doctor(capsys, f"out={tmp_path}")
    assert (code, one(document, "tracking", "mlflow")["database_state"]) == (0, "complete")
    for version, state, expected in (("f" * 12, "newer", 1), ("451aebb31d03", "outdated", 0)):
        with sqlite3.connect(tmp_path / "mlflow.db") as database:
            database.execute("update alembic_version set version_num = ?", (version,))
        database.close()
        code, document = doctor(capsys, f"out={tmp_path}")
        assert (code, one(document, "tracking", "mlflow")["database_state"]) == (expected, state)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc cannot be written, whoever asks")
def test_a_folder_that_cannot_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    code, document = doctor(capsys, "out=/proc/refbench")
    found = one(document, "folders", "results")
    assert (code, found["state"], found["writable"]) == (1, "problem", False)
    assert found["text"].startswith("cannot write in /proc (")
    assert found["remedy"] == "choose another with out=DIR"


def test_a_file_in_the_way_and_a_full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (in_the_way, *_) = files.folders(tmp_path / "file" / "results")
    assert (in_the_way.state, in_the_way.text) == ("problem", f"{tmp_path / 'file'} is not a folder")
    monkeypatch.setattr(files, "LITTLE", 2**80)
    (little, *_) = files.folders(tmp_path)
    assert (little.state, little.remedy) == ("problem", "free space, or choose another with out=DIR")


def test_no_server_at_that_address(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    code, document = doctor(capsys, f"out={tmp_path}", "tracking.uri=http://me:secret@127.0.0.1:9")
    found = one(document, "tracking", "mlflow")
    assert (code, found["state"]) == (1, "problem")
    assert "does not answer" in found["text"]
    assert "secret" not in json.dumps(document)


def test_a_device_that_is_not_here_and_a_broken_plugin(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, document = doctor(capsys, f"out={tmp_path}", "device=cuda:99")
    assert code == 1
    assert "device=cuda:99: this machine has" in one(document, "device", "device")["text"]
    broken = Entry("bad", None, "plug 1.2 (entry point)", "KeyError: 'x'")
    (found,) = software.plugins(Registry({"methods": [broken], "datasets": [], "metrics": []}))
    assert (found.name, found.state) == ("method bad", "problem")
    assert found.text == "cannot be read: KeyError: 'x'"


def test_a_pair_of_torch_and_torchvision_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "_IMPORT", "raise RuntimeError('operator torchvision::nms does not exist')")
    found = software.versions()[-1]
    assert found.state == "problem"
    assert found.text.endswith("RuntimeError: operator torchvision::nms does not exist")


def test_every_extra_has_an_install_command_that_names_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in EXTRAS:
        assert "refbench" not in install_command(name)
        assert ">=" in install_command(name)
    monkeypatch.setattr("refbench.extras.metadata.requires", lambda name: None)
    assert install_command("stlpips") == "pip install stlpips-pytorch"
