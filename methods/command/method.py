"""Runs a command line per image: files in, a file out."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from refbench.errors import SampleError, UserError
from refbench.imaging import write_png
from refbench.imaging.foreign_sr import read_foreign_sr
from refbench.isolation.labels import given_label, safe_label
from refbench.tensors import to_image, to_tensor

from .template import Template

if TYPE_CHECKING:
    from torch import Tensor

    from refbench.types import Input

TAIL_BYTES = 2000
OUT_NAME = "sr.png"


class Command:
    """LR and references as PNG in a temporary folder, SR read back; no shell, a time limit."""

    def __init__(
        self,
        weights: None,
        device: object,
        cmd: str | None = None,
        dir: str | None = None,
        timeout: float = 600.0,
        name: str | None = None,
    ) -> None:
        del weights, device, name
        self.folder = run_folder(dir)
        self.template = Template.parse(cmd)
        self.template.check_program(self.folder)
        self.timeout = float(timeout)
        self.last_cost: Mapping[str, float] = {}

    @staticmethod
    def identity(params: Mapping[str, object], ids: Sequence[str]) -> str:
        """sha256 hex over the files that the command names (script, checkpoint), in their order."""
        del ids
        folder = run_folder(params.get("dir"))
        digest = hashlib.sha256()
        for path in Template.parse(params.get("cmd")).files(folder):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    @staticmethod
    def label(params: Mapping[str, object]) -> str:
        """``method.name``, else the script, else the program: ``test`` for ``python test.py {lr} {out}``."""
        words = Template.parse(params.get("cmd")).words
        script = next(
            (word for word in words[1:] if word.endswith((".py", ".sh")) and "{" not in word), words[0]
        )
        return given_label(params) or safe_label(Path(script).stem)

    def __call__(self, inp: Input) -> Tensor:
        self.last_cost = {}
        with tempfile.TemporaryDirectory(prefix="refbench-") as name:
            place = Path(name)
            arguments = self._write(place, inp)
            started, cpu = time.perf_counter(), _children_seconds()
            self._run(arguments, place)
            self.last_cost = {
                "wall_s": time.perf_counter() - started,
                "cpu_s": _children_seconds() - cpu,
            }
            out = place / OUT_NAME
            if not out.is_file():
                raise SampleError(f"method.cmd: {arguments[0]} wrote no {{out}}{_tail(place)}")
            try:
                sr = read_foreign_sr(out, inp)
            except SampleError as error:
                raise SampleError(
                    f"method.cmd: {arguments[0]}: {str(error).replace(name + '/', '')}"
                ) from None
        return to_tensor(sr).to(inp.lr.device)

    def _write(self, place: Path, inp: Input) -> list[str]:
        lr = write_png(place / "lr.png", to_image(inp.lr))
        used = self.template.fields
        # what the command line does not name is not handed over, and then not said to be used
        handed = inp.refs if used & {"refs", "dir"} else inp.refs[:1] if "ref" in used else ()
        refs = [str(write_png(place / f"ref_{i + 1}.png", to_image(ref))) for i, ref in enumerate(handed)]
        values = {
            "lr": str(lr),
            "ref": refs[0] if refs else "",
            "out": str(place / OUT_NAME),
            "id": inp.sample_id,
            "scale": str(inp.scale),
            "dir": str(place),
        }
        return self.template.fill(values, refs)

    def _run(self, arguments: list[str], place: Path) -> None:
        # to files, not pipes: a program that prints without end costs no memory here
        with (place / "stdout").open("wb") as out, (place / "stderr").open("wb") as err:
            try:
                process = subprocess.Popen(
                    arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    cwd=self.folder,
                    start_new_session=True,
                )
            except OSError as error:
                raise SampleError(
                    f"method.cmd: {arguments[0]}: cannot be started ({error.strerror})"
                ) from None
            try:
                code = process.wait(timeout=self.timeout)
            except BaseException as error:
                _kill_group(process)
                if isinstance(error, subprocess.TimeoutExpired):
                    limit = f"took longer than method.timeout={self.timeout:g} s and was stopped"
                    raise SampleError(f"method.cmd: {arguments[0]} {limit}{_tail(place)}") from None
                raise
        if code:
            end = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            raise SampleError(f"method.cmd: {arguments[0]}: {end}{_tail(place)}")


def run_folder(folder: object) -> Path | None:
    """The folder to run the command in, None: the current one. UserError when it is not a folder."""
    if not folder:
        return None
    path = Path(str(folder)).expanduser()
    if not path.is_dir():
        raise UserError(f"method.dir={folder}: no such folder")
    return path


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tail(place: Path) -> str:
    """The last line of stderr, or of stdout when that is empty."""
    for name in ("stderr", "stdout"):
        data = (place / name).read_bytes()[-TAIL_BYTES:]
        lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines() if line.strip()]
        if lines:
            return f"; last words: {lines[-1][:300]}"
    return ""


def _children_seconds() -> float:
    """CPU seconds of this process's finished children."""
    times = os.times()
    return times.children_user + times.children_system
