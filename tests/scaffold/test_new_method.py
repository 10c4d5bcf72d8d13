"""refbench new method: the skeleton conforms, installs, and refuses names that would do harm."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from refbench.conformance.kit import verify_method
from refbench.errors import UserError
from refbench.registry import spec_in_file
from refbench.scaffold.method import new_method


def test_the_skeleton_conforms_and_uses_its_reference(tmp_path: Path) -> None:
    skeleton = new_method("detail_transfer", tmp_path)
    spec = spec_in_file(f"{skeleton.folder / 'detail_transfer.py'}:SPEC")
    assert (spec.name, spec.title, spec.uses_reference) == ("detail_transfer", "Detail Transfer", True)
    report = verify_method(spec, device="cpu")
    assert [(clause.id, clause.detail) for clause in report.clauses if clause.status != "pass"] == []


def test_its_files_and_next_steps(tmp_path: Path) -> None:
    skeleton = new_method("sharp", tmp_path / "new folder")
    names = sorted(path.relative_to(skeleton.folder).as_posix() for path in skeleton.files)
    assert names == ["README.md", "pyproject.toml", "sharp.py", "tests/test_sharp_conforms.py"]
    assert skeleton.next_steps[0] == f"refbench verify 'method={tmp_path}/new folder/sharp/sharp.py:SPEC'"
    for path in skeleton.files:
        assert "$" not in path.read_text()
    project = tomllib.loads((skeleton.folder / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["refbench.methods"] == {"sharp": "sharp:SPEC"}
    assert project["tool"]["setuptools"]["py-modules"] == ["sharp"]


def test_its_own_test_passes(tmp_path: Path) -> None:
    skeleton = new_method("sharp", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(skeleton.folder)],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_its_spec_is_read_without_torch(tmp_path: Path) -> None:
    skeleton = new_method("sharp", tmp_path)
    code = "import sys, sharp; assert sharp.SPEC.name == 'sharp'; sys.exit('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(skeleton.folder)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("My-Net", "use lower-case letters"),
        ("", "use lower-case letters"),
        ("../up", "use lower-case letters"),
        ("1net", "use lower-case letters"),
        ("net_", "use lower-case letters"),
        ("lambda", "a word of the Python language"),
        ("match", "a word of the Python language"),
        ("datsr", "a method of this name exists already"),
        ("json", "a Python module of this name is installed"),
        ("torch", "a Python module of this name is installed"),
        ("refbench", "a Python module of this name is installed"),
    ],
)
def test_bad_names_are_one_line_and_write_nothing(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        new_method(name, tmp_path, taken=("datsr",))
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "sharp").mkdir()
    with pytest.raises(UserError, match="exists already"):
        new_method("sharp", tmp_path)
    assert list((tmp_path / "sharp").iterdir()) == []


def test_an_unwritable_place_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        new_method("sharp", tmp_path / "file")
