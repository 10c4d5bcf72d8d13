"""Third-party methods that die at random moments: what is left after reruns equals an undisturbed run.

``REFBENCH_DYING_ROUNDS=20`` sets the rounds of each executor, and adds those with ``ray``.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage

from refbench.auditing.audit import audit
from refbench.config.load import load_run
from refbench.execution.choose import make_executor
from refbench.execution.ray.cluster import connected
from refbench.execution.ray.options import RayOptions
from refbench.execution.runner import NoProgress, RunOutcome, carry_out
from refbench.plan.planner import Planner
from refbench.registry import Registry
from refbench.store import load_run as rows_of

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("REFBENCH_DYING_ROUNDS", "1"))
SAMPLES = 3
RERUNS = 12
"""A round that needs more never ends: a trial dies in less than a third of its calls."""
METHOD = """
import ctypes
import os
import random
import signal
import threading
from pathlib import Path

from refbench.specs import MethodSpec, Param

WAYS = ("exit", "kill", "segv", "later", "raise", "base")


class Dying:
    def __init__(self, weights=None, device="cpu", state=""):
        self.state = Path(state)

    def __call__(self, inp):
        if self.state.exists():
            seed = self.state.read_text()
            rng = random.Random(seed)
            self.state.write_text(f"{seed[:40]}{rng.random()}")
            if seed.endswith(" "):
                # the first call of a round dies at once: something is disturbed
                self.die(rng, rng.choice(WAYS[:3]))
            elif rng.random() < 0.3:
                self.die(rng, rng.choice(WAYS))
        return inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2)

    def die(self, rng, way):
        if way == "exit":
            os._exit(rng.randrange(2))
        if way == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if way == "segv":
            ctypes.string_at(0)
        if way == "later":
            # in the middle of this call or between two, or of the next one
            timer = threading.Timer(rng.random() / 20, os.kill, (os.getpid(), signal.SIGKILL))
            timer.daemon = True
            timer.start()
        if way == "raise":
            raise RuntimeError(str(rng.random()))
        if way == "base":
            raise BaseException(str(rng.random()))


SPEC = MethodSpec("dying", ":Dying", max_refs=0, uses_reference=False, params={"state": Param("", "")})
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A method file and a few small pairs."""
    folder = tmp_path_factory.mktemp("dying")
    (folder / "dying.py").write_text(METHOD)
    rng = np.random.default_rng(1)
    for part in ("input", "ref"):
        (folder / "data" / part).mkdir(parents=True)
        for number in range(SAMPLES):
            pixels = rng.integers(0, 256, (32, 36, 3), dtype=np.uint8)
            PilImage.fromarray(pixels).save(folder / "data" / part / f"{number}.png")
    return folder


def run(world: Path, out: Path, executor: str) -> RunOutcome:
    registry = Registry.discover()
    words = [f"method={world}/dying.py:SPEC", f"method.state={world}/state", "suite=pairs"]
    more = [f"data.root={world}/data", "against=none", "tracking=none", f"out={out}"]
    (config,) = load_run([*words, *more, "threads=1", *executor.split()], registry=registry)
    plan = Planner(registry).plan([config])
    return carry_out(plan, config, make_executor(config.executor.name, config.executor.params), NoProgress())


def left(out: Path) -> dict[str, tuple[Any, ...]]:
    """Sample -> what is known of its result, with the bytes of its image. Each row once."""
    (folder,) = (path.parent for path in out.glob("*/manifest.json"))
    rows = rows_of(folder).rows
    assert len({row.key for row in rows}) == len(rows)
    return {
        row.sample_id: (row.status, dict(row.metrics), row.sr_sha256, (folder / str(row.image)).read_bytes())
        for row in rows
        if row.ok
    }


EXECUTORS = {"serial": "executor=serial", "local": "executor=local executor.workers=2"}
if "REFBENCH_DYING_ROUNDS" in os.environ:
    EXECUTORS["ray"] = "executor=ray executor.workers=2"


@pytest.fixture(scope="module")
def expected(world: Path) -> dict[str, tuple[Any, ...]]:
    """What an undisturbed run leaves."""
    assert run(world, world / "calm", EXECUTORS["serial"]).errors == 0
    return left(world / "calm")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One for all runs with Ray: they use the connection that they find."""
    with connected(RayOptions(workers=2)):
        yield


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.parametrize("name", EXECUTORS)
def test_reruns_after_deaths_equal_an_undisturbed_run(
    name: str, number: int, world: Path, expected: dict[str, tuple[Any, ...]], tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    if name == "ray":
        request.getfixturevalue("cluster")
    (world / "state").write_text(f"{random.Random(f'{name} {number}').random()} ")
    died = 0
    for _ in range(RERUNS):
        outcome = run(world, tmp_path, EXECUTORS[name])
        there = left(tmp_path)
        assert all(expected[sample] == found for sample, found in there.items())
        died += outcome.errors
        if not outcome.errors:
            break
    assert there == expected
    (manifest,) = tmp_path.glob("*/manifest.json")
    died += sum(row.attempts > 1 for row in rows_of(manifest.parent).rows)
    assert died, "nothing was disturbed"
    found = audit([tmp_path], Registry.discover())
    assert found.exit_code == 0, [c.line() for cell in found.cells for c in cell.contradictions]
    assert all({"digest", "summary", "images"} <= set(cell.checked) for cell in found.cells)
