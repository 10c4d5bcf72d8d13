"""Completion: candidates for the word being typed, and the bash script in a real bash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from refbench.cli.commands import COMMANDS
from refbench.cli.complete import candidates
from refbench.cli.completion import SCRIPTS
from refbench.cli.main import main


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ru"], ["run"]),
        (["--v"], ["--version"]),
        (["list", "pro"], ["protocols"]),
        (["list", "methods", "bi"], ["bicubic"]),
        (["list", "suites", "cufed5_j"], ["cufed5_jitter"]),
        (["list", "protocols", "cano"], ["canonical", "canonical_x2", "canonical_x3", "canonical_x8"]),
        (["list", "methods", "bicubic", "x"], []),
        (["run", "see"], ["seed="]),
        (["run", "seed=1", "see"], []),
        (["run", "method=bic"], ["method=bicubic"]),
        (["run", "-m", "method=bicubic,fol"], ["method=bicubic,folder"]),
        (["run", "method=folder", "method.d"], ["method.dir="]),
        (["run", "method=folder", "method.su"], ["method.suffix="]),
        (["run", "suite=cufed5_j"], ["suite=cufed5_jitter"]),
        (["run", "dataset=wr"], ["dataset=wrsr", "dataset=wrsr_given_lr"]),
        (["run", "precision=t"], ["precision=tf32"]),
        (["run", "data.partial="], ["data.partial=true", "data.partial=false"]),
        (["run", "metrics=[psnr_y,ssim_r"], ["metrics=[psnr_y,ssim_rgb"]),
        (["run", "against=no"], ["against=none"]),
        (["run", "--dry"], ["--dry-run"]),
        (["run", "--js"], ["--json"]),
        (["completion", "b"], ["bash"]),
        (["rnu", "method="], []),
        (["run", "method=zzz"], []),
        (["run", "zzz=1"], []),
    ],
)
def test_candidates(words: list[str], expected: list[str]) -> None:
    assert candidates(words) == expected


def test_everything_is_offered_at_the_start() -> None:
    assert candidates([""]) == [*COMMANDS, "--help", "--version"]
    assert {"method=", "suite=", "data.root="} <= set(candidates(["run", ""]))


def test_weights_of_the_method_named_so_far() -> None:
    assert "method.weights=compact" in candidates(["run", "method=datsr", "method.weights="])


def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "phone.txt").touch()
    (tmp_path / ".hidden").touch()
    assert candidates(["run", f"data.root={tmp_path}/pho"]) == [
        f"data.root={tmp_path}/phone.txt",
        f"data.root={tmp_path}/photos/",
    ]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert candidates(["run", "out=~/photo"]) == ["out=~/photos/"]
    assert candidates(["upscale", f"ref={tmp_path}/a.png,{tmp_path}/phone"]) == [
        f"ref={tmp_path}/a.png,{tmp_path}/phone.txt"
    ]
    monkeypatch.chdir(tmp_path)
    assert candidates(["upscale", "phone"]) == ["phone.txt"]
    assert candidates(["run", "data.root=/does/not/exist/x"]) == []


def test_the_hidden_command_never_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["__complete", "run", "method=no/such/file.py:SPEC", "method."]) == 0
    assert main(["__complete"]) == 0
    assert main(["__complete", "run", "--cfg", "method=bic"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "method=bicubic"


@pytest.mark.parametrize("shell", sorted(SCRIPTS))
def test_scripts_are_printed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    out = capsys.readouterr().out
    assert out == SCRIPTS[shell]
    assert "__complete" in out


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_scripts_are_accepted_by_their_shell(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    path = tmp_path / "script"
    path.write_text(SCRIPTS[shell])
    assert subprocess.run([shell, "-n", str(path)], check=False).returncode == 0


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("refbench ru", "run"),
        ("refbench run suite=cufed5_j", "cufed5_jitter"),
        ("refbench run -m method=bicubic,fol", "bicubic,folder"),
        ("refbench run see", "seed="),
        ("refbench list protocols mas", "masa"),
    ],
)
def test_the_bash_script(line: str, expected: str, tmp_path: Path) -> None:
    # the script calls the command by the name that was typed
    command = tmp_path / "refbench"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m refbench "$@"\n')
    command.chmod(0o755)
    script = (
        SCRIPTS["bash"]
        + f'COMP_LINE="{line}"; COMP_POINT=${{#COMP_LINE}}; _refbench; echo "${{COMPREPLY[*]}}"'
    )
    done = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    assert done.stdout.strip() == expected
