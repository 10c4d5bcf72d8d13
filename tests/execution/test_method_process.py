"""A third-party method in a process of its own: what it is given, and what its end costs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage

from refbench.config.load import load_run
from refbench.execution.call import Images, Settings
from refbench.execution.choose import make_executor
from refbench.execution.method_process import MethodProcess
from refbench.execution.runner import RunOutcome, carry_out
from refbench.execution.worker import open_method
from refbench.isolation.outside import spec_outside
from refbench.plan.job import MethodJob
from refbench.plan.planner import Planner
from refbench.registry import Registry
from refbench.store import SampleRow
from refbench.store import load_run as rows_of
from refbench.types import TrialMeta

pytestmark = pytest.mark.slow

METHOD = """
import gc, os, sys, json
from pathlib import Path
from refbench.specs import MethodSpec, Param

print("imported")
HOW = {"how": Param("", ""), "dir": Param("", "")}
SPEC = MethodSpec("wild", ":Wild", params=HOW)
READER = MethodSpec("reader", ":Reader", params=HOW, reads_files=True)

class Mute(Exception):
    def __str__(self): raise ValueError("no str")

WAYS = ["", "exit", "segv", "sysexit", "cancelled", "generator", "base", "interrupt", "mute", ""]

def misbehave(how):
    import asyncio, ctypes
    if how == "exit": os._exit(0)
    if how == "segv": ctypes.string_at(0)
    if how == "sysexit": sys.exit(0)
    if how == "cancelled": raise asyncio.CancelledError("x")
    if how == "generator": raise GeneratorExit
    if how == "base": raise BaseException("own")
    if how == "interrupt": raise KeyboardInterrupt
    if how == "mute": raise Mute
    if how == "hang":
        import time
        time.sleep(600)

def found(things):
    return [str(type(thing)) for thing in things if type(thing).__name__ in ("Trial", "Sample")]

class Wild:
    def __init__(self, weights, device, how="", dir=""):
        self.how, self.dir = how, dir
        if how.startswith("init-"): misbehave(how.removeprefix("init-"))
    def __call__(self, inp):
        if self.how == "by size": misbehave(WAYS[inp.lr.shape[1]])
        print("printed")
        os.system("echo from a child process")
        if self.how == "look": self.look(inp)
        if self.how == "hook":
            import torch
            from PIL import Image
            torch.set_default_dtype(torch.float64)
            torch.nn.modules.module.register_module_forward_hook(lambda m, i, o: o * 1.01)
            Image.Image.resize = None
        misbehave(self.how)
        return inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2)
    def look(self, inp):
        seen = {"id": inp.sample_id, "names": inp.ref_names, "cwd": os.getcwd(), "here": os.listdir("."),
                "argv": sys.orig_argv, "env": dict(os.environ), "path": sys.path, "hr": []}
        for frame in sys._current_frames().values():
            while frame is not None:
                seen["hr"] += found(frame.f_locals.values())
                frame = frame.f_back
        gc.collect()
        seen["hr"] += found(gc.get_objects())
        Path(self.dir, "seen.json").write_text(json.dumps(seen))

class Reader(Wild):
    @staticmethod
    def identity(params, ids): return "1" * 64
    def preflight(self, trials):
        return [f"{t.sample_id} {t.expected_size}" for t in trials if self.how == "refuse"]
"""


@pytest.fixture
def method(tmp_path: Path) -> Path:
    path = tmp_path / "code" / "wild.py"
    path.parent.mkdir()
    path.write_text(METHOD)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    root = tmp_path / "data"
    for part in ("input", "ref"):
        (root / part).mkdir(parents=True)
        for name in "ab":
            pixels = rng.integers(0, 256, (32, 36, 3), dtype=np.uint8)
            PilImage.fromarray(pixels).save(root / part / f"{name}.png")
    return root


class Quiet:
    """A progress display that says nothing."""

    def start(self, *_: Any) -> None: ...

    def result(self, *_: Any) -> None: ...

    def stop(self) -> None: ...


def execute(
    method: Path,
    data: Path,
    out: Path,
    options: Mapping[str, Any] | None = None,
    limit: int | None = None,
    **params: str,
) -> tuple[RunOutcome, dict[str, SampleRow], list[str]]:
    """The outcome, the rows of the method by sample, and the tracebacks that were shown."""
    registry = Registry.discover()
    words = [f"method.{k}={v}" for k, v in params.items()]
    (config,) = load_run(
        [f"method={method}", "suite=pairs", f"data.root={data}", "against=none", "tracking=none",
         "images=none", f"out={out}", *([f"limit={limit}"] if limit else []), *words], registry=registry
    )  # fmt: skip
    traces: list[str] = []
    plan = Planner(registry).plan([config])
    outcome = carry_out(
        plan,
        config,
        make_executor("serial", options or {}),
        Quiet(),
        lambda cell, trace: traces.append(trace),
    )
    (folder,) = outcome.folders.values()
    return outcome, {row.sample_id: row for row in rows_of(folder).rows}, traces


def job(method: Path, how: str = "") -> MethodJob:
    locator = f"{method}:SPEC"
    return MethodJob(
        spec_outside(locator), locator, None, None, (("dir", ""), ("how", how)), "cpu", own_process=True
    )


LR = np.zeros((5, 6, 3), np.uint8)
PLACE = r" \(wild\.py:\d+\)"
DEATHS = [
    ("exit", "killed", r"the method's process ended with exit code 0 during the call; last words: .*"),
    ("segv", "killed", r"the method's process was killed by SIGSEGV during the call" + PLACE),
    ("sysexit", "method", "SystemExit: 0" + PLACE),
    ("cancelled", "method", "CancelledError: x" + PLACE),
    ("generator", "method", "GeneratorExit" + PLACE),
    ("base", "method", "BaseException: own" + PLACE),
    ("interrupt", "method", "KeyboardInterrupt" + PLACE),
    ("mute", "method", "Mute: its message cannot be read: ValueError" + PLACE),
]


def test_nothing_but_lr_references_and_an_opaque_id_gets_in(
    method: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_DATA", f"{data}/input")
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.chdir(data)
    where = tmp_path / "code"
    _, rows, _ = execute(method, data, tmp_path / "o", how="look", dir=str(where))
    assert {row.isolation for row in rows.values()} == {"process"}
    text = (where / "seen.json").read_text()
    seen = json.loads(text)
    assert str(data) not in text
    assert re.fullmatch(r"trial-[0-9a-f]{12}", seen["id"])
    assert (seen["names"], seen["here"], seen["hr"]) == (["ref_1.png"], [], [])
    assert not Path(seen["cwd"]).exists()


def test_a_method_cannot_change_what_others_compute(method: Path) -> None:
    import torch

    with_hooks = open_method(job(method, "hook"))
    assert with_hooks.call(Images(LR), Settings()).problem is None
    with_hooks.close()
    assert torch.get_default_dtype() == torch.float32
    assert not torch.nn.modules.module._global_forward_hooks
    assert PilImage.Image.resize is not None


def test_every_way_to_fail_is_a_row_and_the_next_call_works_again(method: Path) -> None:
    process = MethodProcess(job(method, "by size"), 1)
    for height, (how, kind, text) in enumerate(DEATHS, 1):
        problem = process.call(Images(np.zeros((height, 6, 3), np.uint8)), Settings()).problem
        assert problem is not None, how
        assert problem.kind == kind, how
        assert re.fullmatch(text, problem.text), problem.text
    done = process.call(Images(np.full((9, 6, 3), 7, np.uint8)), Settings())
    process.close()
    assert done.sr is not None
    assert np.array_equal(done.sr, np.full((36, 24, 3), 7, np.uint8))


@pytest.mark.parametrize(
    ("how", "kind", "text"),
    [
        ("init-exit", "killed", r"the method's process ended with exit code 0 while the method was loaded.*"),
        ("init-base", "method", r"cannot be loaded: BaseException: own" + PLACE),
    ],
)
def test_a_method_that_dies_in_its_constructor_is_not_loaded_for_every_image(
    method: Path, how: str, kind: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, starts = MethodProcess(job(method, how), 1), []
    start = process._start
    monkeypatch.setattr(process, "_start", lambda: starts.append(1) or start())
    for _ in range(3):
        problem = process.call(Images(LR), Settings()).problem
        assert problem is not None
        assert (problem.kind, problem.lasting) == (kind, True)
        assert re.fullmatch(text, problem.text), problem.text
    assert len(starts) == (2 if kind == "killed" else 1)


def test_a_hanging_image_is_stopped_in_a_serial_run(method: Path, data: Path, tmp_path: Path) -> None:
    outcome, rows, _ = execute(
        method, data, tmp_path / "o", options={"timeout": 3.0, "retries": 0}, limit=1, how="hang"
    )
    text = "the method's process took longer than 3 s and was stopped; last words: from a child process"
    assert {(row.error_kind, row.error) for row in rows.values()} == {("timeout", text)}
    assert outcome.errors == 1


def test_the_traceback_comes_once_and_a_settled_error_is_not_tried_again(
    method: Path, data: Path, tmp_path: Path
) -> None:
    _, rows, traces = execute(method, data, tmp_path / "o", how="base")
    assert [(row.attempts, row.error_kind) for row in rows.values()] == [(1, "method")] * 2
    (trace,) = traces
    assert 'wild.py", line' in trace
    assert trace.rstrip().endswith("BaseException: own")


def test_the_hooks_of_a_file_are_asked_outside(method: Path, data: Path, tmp_path: Path) -> None:
    process = open_method(
        MethodJob(
            spec_outside(f"{method}:READER"), f"{method}:READER", None, None, (("how", "refuse"),), "cpu",
            own_process=True,
        )
    )  # fmt: skip
    process.load()
    assert process.preflight([TrialMeta("a", (), (4, 5))]) == ["a (4, 5)"]
    process.close()
    registry = Registry.discover()
    (config,) = load_run(
        [f"method={method}:READER", "suite=pairs", f"data.root={data}", "against=none"],
        registry=registry,
    )
    (cell,) = Planner(registry).plan([config]).cells()
    assert cell.identity["weights"] == {"files": "1" * 64}
    assert "wild" not in " ".join(sys.modules)


@pytest.mark.parametrize("executor", ["serial", "local executor.workers=1"])
def test_stdout_is_one_document(method: Path, data: Path, tmp_path: Path, executor: str) -> None:
    words = [f"method={method}", "suite=pairs", f"data.root={data}", "against=none", "tracking=none",
             "images=none", f"out={tmp_path}/o", *f"executor={executor}".split()]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "refbench", "run", *words, "--json"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert json.loads(done.stdout)["errors"] == 0
    for text in ("imported", "printed", "from a child process"):
        assert text in done.stderr
