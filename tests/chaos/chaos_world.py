"""A tiny study that can be made to fail: images on disk, a method that reads its mood from files.

The mood of ``<place>.<sample id>`` is a file in the world's ``moods`` folder, ``<what> <how often>``; it is
used up by being read. So a fault reaches any process, and is gone when it has happened often enough.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image as PilImage

from refbench.execution.executor import Executor
from refbench.execution.runner import RunOutcome, carry_out
from refbench.identity.keys import folder_name
from refbench.imaging import read_image
from refbench.metrics.metric_set import MetricSet
from refbench.plan.planner import Plan, Planner
from refbench.registry import Entry, Registry
from refbench.settings import MethodChoice, ProtocolEntry, RunConfig, SuiteConfig
from refbench.specs import DataRequest, DatasetSpec, MethodSpec, Param
from refbench.store import CellStore, SampleRow, SchemaError, TrialKey
from refbench.store.reader import read_rows
from refbench.types import Input, Sample

IDS = ("a", "b", "c", "d")
SUITE = SuiteConfig(
    "chaos",
    "chaos",
    protocols=(ProtocolEntry(control=True), ProtocolEntry(transform="jitter", level="x1", draws=2)),
)
SAME = (
    "status", "metrics", "special", "absent", "ref_names", "notes", "hr_size", "lr_size", "ref_sizes",
    "image",
)  # fmt: skip
"""What every run of a trial must agree on: all but its costs and the tries it took."""

Fingerprint = dict[tuple[str, TrialKey], tuple[Any, ...]]


def strike(moods: Path, place: str, sample_id: str) -> None:
    """Let the fault that waits at ``place`` for this sample happen, if there is one."""
    path = moods / f"{place}.{sample_id}"
    try:
        what, count = path.read_text().split()
    except (OSError, ValueError):
        return
    if int(count) > 1:
        # another worker may read it at this moment
        part = moods / f"part.{os.getpid()}.{time.monotonic_ns()}"
        part.write_text(f"{what} {int(count) - 1}")
        os.replace(part, path)
    else:
        path.unlink(missing_ok=True)
    if what == "raise":
        raise RuntimeError(f"{place} failed\nfor {sample_id}")
    if what == "memory":
        raise MemoryError(f"{place}: out of memory")
    if what == "exit":
        raise SystemExit(3)
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "hang":
        time.sleep(600)


class ChaosDataset:
    """Four HR images with a reference each, as PNG files in ``root``."""

    name = "chaos"
    label = "chaos"
    fingerprint = "f" * 64

    def __init__(self, request: DataRequest) -> None:
        self._root = Path(str(request.root))
        self._moods = Path(request.options["moods"])

    def ids(self) -> tuple[str, ...]:
        """The sample ids."""
        return IDS

    def load(self, sample_id: str) -> Sample:
        """Read one sample from disk."""
        strike(self._moods, "dataset", sample_id)
        hr, ref = (read_image(self._root / f"{sample_id}_{part}.png") for part in ("hr", "ref"))
        return Sample(sample_id, hr, (ref,), (f"{sample_id}_ref.png",))


class ChaosMethod:
    """Nearest upscaling, tinted by the reference's mean: cheap, and the reference matters."""

    def __init__(self, weights: object, device: object, moods: str = "", pause: float = 0.0) -> None:
        self._moods, self._pause = Path(moods), pause

    def __call__(self, inp: Input) -> Any:
        strike(self._moods, "method", inp.sample_id)
        time.sleep(self._pause)
        up = inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2)
        return 0.9 * up + 0.1 * inp.refs[0].mean()


@dataclass(frozen=True)
class World:
    """The study in a folder of its own."""

    folder: Path
    plan: Plan
    config: RunConfig

    @property
    def moods(self) -> Path:
        """Where faults wait."""
        return self.folder / "moods"

    @property
    def data(self) -> Path:
        """Where the images are."""
        return self.folder / "data"

    def calm(self) -> None:
        """Take back faults that did not happen."""
        for path in self.moods.iterdir():
            path.unlink()

    def run(self, out: Path, executor: Executor, progress: Any = None, retries: int = 0) -> RunOutcome:
        """Carry the study out into ``out``."""
        config = replace(self.config, out=out)
        params = {**config.executor.params, "retries": retries}
        config = replace(config, executor=replace(config.executor, params=params))
        return carry_out(self.plan, config, executor, progress or Silent())

    def trials(self) -> set[tuple[str, TrialKey]]:
        """(run key, trial) of everything that the study asks for."""
        return {(cell.key, trial) for cell in self.plan.cells() for trial in cell.trials()}

    def finished(self, out: Path) -> set[tuple[str, TrialKey]]:
        """What a rerun need not do."""
        return {
            (cell.key, trial)
            for cell in self.plan.cells()
            for trial in CellStore.peek_completed(out, cell.key)
        }


class Silent:
    """Notes which rows were said to be on disk."""

    def __init__(self) -> None:
        self.said: list[tuple[str, SampleRow]] = []

    def start(self, cells: Sequence[Any], todo: Mapping[str, int], done: Mapping[str, int]) -> None: ...

    def result(self, cell: Any, row: SampleRow) -> None:
        self.said.append((cell.key, row))

    def stop(self) -> None: ...


def make_world(folder: Path, pause: float = 0.0) -> World:
    """Write the images and plan the study."""
    for part in ("moods", "data"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    for name in IDS:
        for part, size in (("hr", (24, 28, 3)), ("ref", (20, 24, 3))):
            pixels = rng.integers(0, 256, size, dtype=np.uint8)
            PilImage.fromarray(pixels).save(folder / "data" / f"{name}_{part}.png")
    moods = str(folder / "moods")
    here = __name__
    params = {"moods": Param("", ""), "pause": Param(0.0, "")}
    registry = Registry(
        {
            "methods": [
                Entry(
                    "chaos",
                    MethodSpec("chaos", f"{here}:ChaosMethod", params=params, reads_files=True),
                    "test",
                )
            ],
            "datasets": [Entry("chaos", DatasetSpec("chaos", f"{here}:ChaosDataset"), "test")],
            "metrics": Registry.discover().entries("metrics"),
        }
    )
    config = RunConfig(
        MethodChoice("chaos", params={"moods": moods, "pause": pause}, locator="chaos"),
        SUITE,
        "chaos",
        data=DataRequest(root=str(folder / "data"), options={"moods": moods}),
        metrics=("psnr_y", "ssim_y"),
        tracking="none",
        against=None,
        device="cpu",
        out=folder / "unused",
    )
    with mock.patch("refbench.plan.planner.code_digest", return_value="c" * 64):
        plan = Planner(registry).plan([config])
    return World(folder, plan, config)


def make_pairs(root: Path, ids: Sequence[str]) -> Path:
    """Write tiny images in the layout of the ``pairs`` dataset; returns ``root``."""
    rng = np.random.default_rng(0)
    for part in ("input", "ref"):
        (root / part).mkdir(parents=True)
        for name in ids:
            pixels = rng.integers(0, 256, (24, 28, 3), dtype=np.uint8)
            PilImage.fromarray(pixels).save(root / part / f"{name}.png")
    return root


def striking_metrics(moods: Path) -> Any:
    """A patch under which metrics fail, too: the mood of ``metric.any`` strikes each of them."""
    score = MetricSet.score

    def moody(self: MetricSet, *images: Any) -> Any:
        strike(moods, "metric", "any")
        return score(self, *images)

    return mock.patch.object(MetricSet, "score", moody)


def fingerprint(out: Path, plan: Plan) -> Fingerprint:
    """All finished rows of the study in ``out``, with the pixels of their kept images, without costs."""
    found: Fingerprint = {}
    for cell in plan.cells():
        folder = out / folder_name(cell.key)
        rows, _ = read_rows(folder)
        for key, row in rows.items():
            if row.ok:
                image = (folder / str(row.image)).read_bytes()
                found[cell.key, key] = (*(repr(getattr(row, name)) for name in SAME), image)
    return found


def ok_lines(out: Path) -> Counter[tuple[str, TrialKey]]:
    """How many complete lines say that a trial is finished, by folder and trial."""
    found: Counter[tuple[str, TrialKey]] = Counter()
    for path in out.glob("*/samples*.jsonl"):
        for line in path.read_bytes().splitlines(keepends=True):
            try:
                row = SampleRow.from_json(line)
            except SchemaError:
                continue
            if row.ok and line.endswith(b"\n"):
                found[path.parent.name, row.key] += 1
    return found
