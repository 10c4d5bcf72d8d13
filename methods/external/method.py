"""Calls a class in another interpreter over the pipe protocol of refbench.isolation."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refbench.errors import SampleError, UserError
from refbench.isolation.labels import given_label, safe_label
from refbench.isolation.process import (
    Child,
    ChildFailed,
    ChildLost,
    as_arrays,
    foreign_environment,
    worker_command,
)

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from refbench.types import Input


class External:
    """One child process that holds the method; started again after it died or hung."""

    def __init__(
        self,
        weights: None,
        device: torch.device | str,
        python: str | None = None,
        target: str | None = None,
        args: str | None = None,
        timeout: float = 600.0,
        start_timeout: float = 300.0,
        name: str | None = None,
    ) -> None:
        import torch

        del weights, name
        self.python = find_python(python)
        self.target = absolute_target(target)
        self._init = {
            "type": "init",
            "target": self.target,
            "params": keyword_arguments(args),
            "device": str(device),
        }
        self.timeout, self.start_timeout = float(timeout), float(start_timeout)
        # the same share of the machine as a method in this process gets
        self._variables = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
        self.last_cost: Mapping[str, float] = {}
        self._child: Child | None = None
        try:
            self._start()
        except ChildFailed as error:
            raise UserError(f"method.target={target}: cannot be loaded by {self.python}: {error}") from None
        except ChildLost as error:
            raise UserError(f"method.target={target}: {self.python} {error}") from None

    @staticmethod
    def identity(params: Mapping[str, object], ids: Sequence[str]) -> str:
        """sha256 hex over the target's file and the ``.py`` files next to it; empty for an installed module.

        What lies deeper (packages of the other interpreter, checkpoints) is not covered: give a changed
        model another file name or ``method.args``.
        """
        del ids
        where, _, _ = absolute_target(params.get("target")).rpartition(":")
        if not where.endswith(".py"):
            return ""
        digest = hashlib.sha256()
        for path in sorted(Path(where).parent.glob("*.py")):
            digest.update(f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
        return digest.hexdigest()

    @staticmethod
    def label(params: Mapping[str, object]) -> str:
        """``method.name``, else file and class: ``net.Net``."""
        where, _, name = absolute_target(params.get("target")).rpartition(":")
        module = Path(where).stem if where.endswith(".py") else where
        return given_label(params) or safe_label(f"{module}.{name}")

    def _start(self) -> Child:
        try:
            child = Child(worker_command(self.python), foreign_environment(self._variables))
        except OSError as error:
            raise UserError(f"method.python={self.python}: cannot be started ({error.strerror})") from None
        try:
            child.ask(self._init, (), self.start_timeout)
        except BaseException:
            child.close()
            raise
        self._child = child
        return child

    def __call__(self, inp: Input) -> Tensor:
        import torch

        header = {
            "type": "call",
            "scale": inp.scale,
            "sample_id": inp.sample_id,
            "ref_names": list(inp.ref_names),
        }
        self.last_cost = {}
        try:
            child = self._child if self._child is not None and self._child.alive else self._start()
            answer, arrays = child.ask(header, as_arrays((inp.lr, *inp.refs)), self.timeout)
        except ChildFailed as error:
            raise SampleError(f"{self.target} raised {error}") from None
        except ChildLost as error:
            self._child = None
            raise SampleError(f"{self.target} {error}") from None
        if answer["type"] != "result" or len(arrays) != 1:
            raise SampleError(f"{self.target} answered with {answer['type']!r} and {len(arrays)} arrays")
        self.last_cost = _numbers(answer.get("cost"))
        return torch.from_numpy(arrays[0]).to(inp.lr.device)

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()


def find_python(python: object) -> str:
    """The interpreter to start. Raises UserError when there is none."""
    if not python:
        return sys.executable
    found = shutil.which(str(Path(str(python)).expanduser()))
    if found is None:
        raise UserError(f"method.python={python}: no such program; give the python of a virtual environment")
    return found


def absolute_target(target: object) -> str:
    """``target`` with its file made absolute. Raises UserError for a missing file or another form."""
    where, _, name = str(target or "").rpartition(":")
    if not where or not name.isidentifier():
        raise UserError("method=external needs method.target=file.py:Class (or package.module:Class)")
    if not where.endswith(".py"):
        return f"{where}:{name}"
    path = Path(where).expanduser()
    if not path.is_file():
        raise UserError(f"method.target={target}: there is no file {path}")
    return f"{path.resolve()}:{name}"


def keyword_arguments(args: object) -> dict[str, Any]:
    """``method.args`` as a mapping. Raises UserError when it is not a JSON object."""
    if not args:
        return {}
    try:
        found = json.loads(str(args))
    except (ValueError, RecursionError) as error:
        raise UserError(f"method.args={args}: is not JSON ({error})") from None
    if not isinstance(found, dict):
        raise UserError(f'method.args={args}: is not a JSON object; write {{"name": value}}')
    return found


def _numbers(cost: object) -> dict[str, float]:
    if not isinstance(cost, dict):
        return {}
    return {str(k): float(v) for k, v in cost.items() if isinstance(v, (int, float))}
