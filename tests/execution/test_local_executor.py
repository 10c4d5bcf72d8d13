"""The process pool: rows equal the serial ones, and killed, hung or failing workers cost no other row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage

from refbench.config.load import load_run
from refbench.errors import UserError
from refbench.execution.choose import make_executor
from refbench.execution.local import LocalExecutor
from refbench.execution.runner import RunOutcome, carry_out
from refbench.execution.serial import SerialExecutor
from refbench.plan.planner import Planner
from refbench.registry import Registry
from refbench.store import SampleRow

pytestmark = pytest.mark.slow

PLUGIN = """
import os, signal, time
from pathlib import Path
from refbench.specs import MethodSpec, Param

SPEC = MethodSpec("moody", ":Moody", uses_reference=False, reads_files=True,
                  params={"mood": Param("", ""), "dir": Param("", "")})

class Moody:
    def __init__(self, weights, device, mood="", dir=""):
        if mood == "broken":
            from refbench.errors import UserError
            raise UserError("moody.pth: the file is empty")
        self.mood, self.dir = mood, dir

    def __call__(self, inp):
        marker = Path(self.dir) / (inp.sample_id + ".seen")
        if inp.sample_id == "b" and (self.mood.endswith("always") or not marker.exists()):
            marker.touch()
            if self.mood.startswith("kill"):
                os.kill(os.getpid(), signal.SIGKILL)
            if self.mood.startswith("hang"):
                time.sleep(600)
        return inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2)
"""


class Quiet:
    """A progress display that says nothing."""

    def start(self, *_: Any) -> None: ...

    def result(self, *_: Any) -> None: ...

    def stop(self) -> None: ...


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    (tmp_path / "moody.py").write_text(PLUGIN)
    rng = np.random.default_rng(0)
    for part in ("input", "ref"):
        (tmp_path / part).mkdir()
        for name in "abcd":
            pixels = rng.integers(0, 256, (32, 36, 3), dtype=np.uint8)
            PilImage.fromarray(pixels).save(tmp_path / part / f"{name}.png")
    return [
        f"method={tmp_path}/moody.py:SPEC",
        f"method.dir={tmp_path}",
        "suite=pairs",
        f"data.root={tmp_path}",
        "against=none",
        "tracking=none",
    ]


def execute(words: list[str], out: Path, executor: Any) -> RunOutcome:
    registry = Registry.discover()
    (config,) = load_run([*words, f"out={out}"], registry=registry)
    return carry_out(Planner(registry).plan([config]), config, executor, Quiet())


def values(outcome: RunOutcome) -> Any:
    return [(s.n, s.trials, s.errors, s.values) for suite in outcome.suites for s in suite.cells]


def test_rows_equal_the_serial_ones(words: list[str], tmp_path: Path) -> None:
    serial = execute(words, tmp_path / "serial", SerialExecutor())
    pool = execute(words, tmp_path / "pool", LocalExecutor(workers=2))
    assert values(pool) == values(serial)
    assert pool.computed == 4


@pytest.mark.parametrize("mood", ["kill", "hang"])
def test_a_lost_trial_is_tried_again(words: list[str], tmp_path: Path, mood: str) -> None:
    pool = LocalExecutor(workers=1, timeout=30, retries=1)
    outcome = execute([*words, f"method.mood={mood}"], tmp_path / "o", pool)
    (summary,) = outcome.suites[0].cells
    assert (summary.n, summary.errors) == (4, 0)


def test_a_trial_that_always_kills_becomes_an_error_row(words: list[str], tmp_path: Path) -> None:
    pool = LocalExecutor(workers=1, retries=1)
    outcome = execute([*words, "method.mood=kill-always"], tmp_path / "o", pool)
    (summary,) = outcome.suites[0].cells
    assert (summary.n, summary.errors, summary.failed) == (3, 1, ("b",))
    lines = [x for x in Path(summary.rows_path).read_text().splitlines() if '"sample_id":"b"' in x]
    assert all('"error_kind":"killed"' in line for line in lines)
    assert all("the method's process was killed by SIGKILL during the call" in line for line in lines)
    # each try left its row: what kills a process may be gone a while later
    assert [SampleRow.from_json(line).attempts for line in lines] == [1, 2, 3]


def test_a_method_that_cannot_load_stops_the_run_with_its_line(words: list[str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"moody\.pth: the file is empty"):
        execute([*words, "method.mood=broken"], tmp_path / "o", LocalExecutor(workers=1))


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("lokal", {}, "no executor 'lokal'; did you mean 'local'?"),
        ("local", {"worker": 2}, "executor=local has no option 'executor.worker'; did you mean 'workers'?"),
        ("local", {"workers": 0}, "executor.workers=0: at least 1 process is needed"),
        ("local", {"timeout": -1}, "executor.timeout=-1.0: give seconds above 0"),
        ("local", {"workers": "two"}, "executor.workers=two: give a number"),
        ("serial", {"workers": 2}, "executor=serial has no option 'executor.workers'"),
    ],
)
def test_wrong_settings_say_so(name: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        make_executor(name, params)
    assert message in str(caught.value)
