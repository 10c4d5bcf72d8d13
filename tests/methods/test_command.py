"""method=command: any program as a method, with every failure on one line."""

from __future__ import annotations

import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from refbench.errors import SampleError, UserError
from refbench.methods.command.method import Command
from refbench.methods.command.template import Template
from refbench.plan.method_hooks import file_identity, measured_cost
from refbench.tensors import to_image, to_tensor
from refbench.types import Input

PROGRAM = """
    import sys
    from PIL import Image
    def enlarge(lr, out, refs):
        image = Image.open(lr)
        sr = image.resize((image.width * 4, image.height * 4), Image.NEAREST)
        if refs:
            sr.putpixel((0, 0), Image.open(refs[0]).getpixel((0, 0)))
        sr.save(out)
    enlarge(sys.argv[1], sys.argv[2], sys.argv[3:])
"""


def write(path: Path, text: str) -> Path:
    path.write_text(textwrap.dedent(text))
    return path


def image(height: int = 3, width: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def ask(*refs: np.ndarray) -> Input:
    return Input(to_tensor(image()), tuple(map(to_tensor, refs)), sample_id="006")


def test_lr_goes_in_exactly_and_sr_comes_back(tmp_path: Path) -> None:
    script = write(tmp_path / "it is.py", PROGRAM)
    method = Command(None, "cpu", cmd=f"{sys.executable} '{script}' {{lr}} {{out}} {{refs}}")
    sr = to_image(method(ask()))
    assert np.array_equal(sr, image().repeat(4, 0).repeat(4, 1))
    with_refs = to_image(method(ask(image(7, 9, 1), image(2, 2, 2))))
    assert np.array_equal(with_refs[0, 0], image(7, 9, 1)[0, 0])
    cost = measured_cost(method)
    assert cost is not None
    assert cost["wall_s"] > 0
    assert cost["cpu_s"] > 0


def test_fields_are_filled_word_by_word_and_no_shell_reads_them(tmp_path: Path) -> None:
    template = Template.parse('prog --a={lr} {refs} "--r={refs}" \'{"k": 1}\' $HOME;ls {id} {out} {scale}')
    words = template.fill({"lr": "/x y/lr.png", "out": "o", "id": "a b; rm", "scale": "4"}, ["r 1", "r2"])
    assert words == [
        "prog", "--a=/x y/lr.png", "r 1", "r2", "--r=r 1,r2", '{"k": 1}', "$HOME;ls", "a b; rm", "o", "4",
    ]  # fmt: skip
    assert template.fill({"lr": "l", "out": "o", "id": "i", "scale": "4"}, [])[2] == "--r="


@pytest.mark.parametrize(
    ("cmd", "message"),
    [
        (None, "needs method.cmd="),
        ("  ", "needs method.cmd="),
        ("prog {lr}", "does not say where {out} goes"),
        ("prog {out}", "does not say where {lr} goes"),
        ("prog '{lr} {out}", "No closing quotation"),
        ("prog {lr} {out} {reffs}", "no field of method.cmd called '{reffs}'; did you mean '{refs}'?"),
        ("no_such_program_anywhere {lr} {out}", "there is no program 'no_such_program_anywhere'"),
        ("{lr} {out}", "must be a program"),
    ],
)
def test_bad_commands_are_one_line(cmd: str | None, message: str) -> None:
    with pytest.raises(UserError) as caught:
        Command(None, "cpu", cmd=cmd)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_field_is_enough_and_dir_is_where_it_runs(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    write(tmp_path / "repo" / "test.py", PROGRAM)
    write(
        tmp_path / "repo" / "wrap.py",
        """
        import subprocess, sys
        folder = sys.argv[1]
        subprocess.run([sys.executable, "test.py", folder + "/lr.png", folder + "/sr.png"], check=True)
        """,
    )
    method = Command(None, "cpu", cmd=f"{sys.executable} wrap.py {{dir}}", dir=str(tmp_path / "repo"))
    assert method(ask()).shape == (3, 12, 20)
    with pytest.raises(UserError, match=r"method\.dir=.*none: no such folder"):
        Command(None, "cpu", cmd="sh {dir}", dir=str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("import sys; print('a\\nno weights found', file=sys.stderr); sys.exit(3)",
         "exit code 3; last words: no weights found"),
        ("print('only stdout'); raise SystemExit(1)", "exit code 1; last words: only stdout"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
        ("pass", "wrote no {out}"),
        ("import sys; from PIL import Image; Image.new('RGB', (20, 11)).save(sys.argv[2])",
         "sr.png: is 20x11, expected 20x12"),
        ("import sys; open(sys.argv[2], 'w').write('no image')", "sr.png: is not an image"),
    ],
)  # fmt: skip
def test_failures_are_sample_errors_on_one_line(tmp_path: Path, body: str, message: str) -> None:
    script = write(tmp_path / "bad.py", body)
    method = Command(None, "cpu", cmd=f"{sys.executable} {script} {{lr}} {{out}}")
    with pytest.raises(SampleError) as caught:
        method(ask())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc to see who is alive")
def test_a_hanging_command_is_stopped_with_its_children(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = write(
        tmp_path / "hang.py",
        f"""
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        open({str(pid_file)!r}, "w").write(str(child.pid))
        time.sleep(600)
        """,
    )
    method = Command(None, "cpu", cmd=f"{sys.executable} {script} {{lr}} {{out}}", timeout=3)
    with pytest.raises(SampleError, match=r"took longer than method\.timeout=3 s"):
        method(ask())
    pid = int(pid_file.read_text())
    deadline = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    """False for a process that is gone, or dead and not yet collected by init."""
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_identity_covers_the_files_that_the_command_names(tmp_path: Path) -> None:
    script = write(tmp_path / "a.py", PROGRAM)
    params = {"cmd": f"python {script} {{lr}} {{out}}"}
    first = file_identity(Command, params, ["006"])
    assert first is not None
    script.write_text("changed")
    assert file_identity(Command, params, ["006"]) != first


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t"))
    (tmp_path / "t").mkdir()
    script = write(tmp_path / "a.py", PROGRAM)
    sr = Command(None, "cpu", cmd=f"{sys.executable} {script} {{lr}} {{out}}")(ask())
    assert sr.dtype == torch.float32
    assert list((tmp_path / "t").iterdir()) == []
