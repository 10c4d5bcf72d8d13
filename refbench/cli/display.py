"""What a person sees while a run goes: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from refbench.plan.planner import Cell
from refbench.specs import MetricSpec
from refbench.store import SampleRow
from refbench.untrusted.escape import terminal_text

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


@dataclass
class _Cell:
    label: str
    total: int
    spec: MetricSpec | None
    """The first metric that the cell was asked for: its running mean is shown."""
    seen: int = 0
    errors: int = 0
    sum: float = 0.0
    count: int = 0

    def add(self, row: SampleRow) -> None:
        self.seen += 1
        if not row.ok:
            self.errors += 1
        value = row.metrics.get(self.spec.signature) if self.spec is not None else None
        if value is not None and math.isfinite(value):
            self.sum += value
            self.count += 1

    @property
    def running(self) -> str:
        text = ""
        if self.spec is not None and self.count:
            name = self.spec.title or self.spec.alias
            text = f"{name} {self.sum / self.count:.{self.spec.decimals}f} {self.spec.unit}".rstrip()
        return text + (f"  {self.errors} errors" if self.errors else "")


def _cell(cell: Cell, todo: int) -> _Cell:
    return _Cell(cell_label(cell), todo, next(iter(cell.job.metrics), None))


def cell_label(cell: Cell) -> str:
    """``datsr (compact) · canonical@1+jitter@1[level=x1]``."""
    return terminal_text(f"{cell.method_label} · {cell.protocol.id}")


class PlainProgress:
    """A line when a cell is done, and one every ``every`` seconds within long cells."""

    def __init__(self, stream: TextIO | None = None, every: float = 10.0) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._every = every
        self._cells: dict[str, _Cell] = {}
        self._begin = self._last = time.monotonic()
        self._all = self._finished = 0
        self._rounds = 0

    def _say(self, text: str) -> None:
        print(terminal_text(text), file=self._stream, flush=True)

    def start(self, cells: Sequence[Cell], todo: Mapping[str, int], done: Mapping[str, int]) -> None:
        self._cells = {
            c.key: _Cell(cell_label(c), todo[c.key], next(iter(c.job.metrics), None)) for c in cells
        }
        self._all = sum(todo.values())
        self._begin = self._last = time.monotonic()
        self._finished = 0
        self._rounds += 1
        if self._rounds > 1:
            self._say(f"{self._all} failed {'trials are' if self._all > 1 else 'trial is'} tried again")
            return
        finished = sum(done.values())
        self._say(
            f"{len(cells)} cells, {self._all} trials to run"
            + (f", {finished} already finished" if finished else "")
        )

    def result(self, cell: Cell, row: SampleRow) -> None:
        state = self._cells[cell.key]
        state.add(row)
        self._finished += 1
        now = time.monotonic()
        if not row.ok:
            self._say(f"error: {state.label}: {row.sample_id} draw {row.draw}: {row.error}")
        if state.seen == state.total or now - self._last >= self._every:
            self._last = now
            rate = self._finished / max(now - self._begin, 1e-9)
            left = (self._all - self._finished) / rate
            self._say(
                f"{state.label}: {state.seen}/{state.total} {state.running}"
                f"  [{self._finished}/{self._all}, {rate:.1f} images/s, {left:.0f} s left]"
            )

    def stop(self) -> None:
        """Nothing to put back."""


class LiveProgress:
    """Two bars: the current cell with its running PSNR, and the whole run with images/s and ETA."""

    def __init__(self) -> None:
        self._cells: dict[str, _Cell] = {}
        self._bars: RichProgress | None = None
        self._whole: TaskID | None = None
        self._current: tuple[str, TaskID] | None = None
        self._begin = time.monotonic()
        self._finished = 0

    def start(self, cells: Sequence[Cell], todo: Mapping[str, int], done: Mapping[str, int]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns: list[Any] = [
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[info]}"),
            TimeRemainingColumn(),
        ]
        self._cells = {
            c.key: _Cell(cell_label(c), todo[c.key], next(iter(c.job.metrics), None)) for c in cells
        }
        self._begin = time.monotonic()
        self._current, self._finished = None, 0
        if not sum(todo.values()):
            return
        self._bars = Progress(*columns, console=Console(stderr=True), transient=True)
        finished = sum(done.values())
        info = f"{finished} already finished" if finished else ""
        busy = sum(1 for n in todo.values() if n)
        what = f"{busy} cells" if self._whole is None else "failed trials, again"
        self._whole = self._bars.add_task(what, total=sum(todo.values()), info=info)
        self._bars.start()

    def result(self, cell: Cell, row: SampleRow) -> None:
        if self._bars is None or self._whole is None:
            return
        state = self._cells[cell.key]
        state.add(row)
        self._finished += 1
        if not row.ok:
            self._bars.console.print(
                terminal_text(f"error: {state.label}: {row.sample_id} draw {row.draw}: {row.error}"),
                markup=False,
                style="red",
            )
        if self._current is None or self._current[0] != cell.key:
            if self._current is not None:
                self._bars.remove_task(self._current[1])
            bar = self._bars.add_task(state.label.replace("[", r"\["), total=state.total, info="")
            self._current = (cell.key, bar)
        self._bars.update(self._current[1], completed=state.seen, info=state.running)
        rate = self._finished / max(time.monotonic() - self._begin, 1e-9)
        self._bars.update(self._whole, advance=1, info=f"{rate:.1f} images/s")

    def stop(self) -> None:
        if self._bars is not None:
            self._bars.stop()


def make_progress(plain: bool = False) -> PlainProgress | LiveProgress:
    """Live on a terminal, plain lines in files, pipes and CI."""
    return PlainProgress() if plain or not sys.stderr.isatty() else LiveProgress()
