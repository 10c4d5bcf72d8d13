"""What a person sees while a run goes: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from refbench.cli.amounts import count, duration
from refbench.plan.planner import Cell
from refbench.specs import MetricSpec
from refbench.store import SampleRow
from refbench.untrusted.escape import terminal_text

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live


@dataclass
class _Cell:
    method: str
    protocol: str
    total: int
    spec: MetricSpec | None
    """The first metric that the cell was asked for: its running mean is shown."""
    seen: int = 0
    errors: int = 0
    sum: float = 0.0
    count: int = 0

    @property
    def label(self) -> str:
        """``datsr (compact) · canonical@1+jitter@1[level=x1]``."""
        return f"{self.method} · {self.protocol}"

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
        return text + (f"  {count(self.errors, 'error')}" if self.errors else "")


def _cell(cell: Cell, todo: int) -> _Cell:
    method, protocol = terminal_text(cell.method_label), terminal_text(cell.protocol.id)
    return _Cell(method, protocol, todo, next(iter(cell.job.metrics), None))


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
        self._cells = {c.key: _cell(c, todo[c.key]) for c in cells}
        self._all = sum(todo.values())
        self._begin = self._last = time.monotonic()
        self._finished = 0
        self._rounds += 1
        if self._rounds > 1:
            self._say(again(self._all))
            return
        finished = sum(done.values())
        methods = count(len({c.method_label for c in cells}), "method")
        protocols = count(len({c.protocol.id for c in cells}), "protocol")
        there = f"; {finished} already there" if finished else ""
        self._say(f"{count(self._all, 'image')} to compute: {methods}, {protocols}{there}")

    def result(self, cell: Cell, row: SampleRow) -> None:
        state = self._cells[cell.key]
        state.add(row)
        self._finished += 1
        now = time.monotonic()
        if not row.ok:
            self._say(f"error: {state.label}: {row.sample_id} draw {row.draw}: {row.error}")
        if state.seen == state.total or now - self._last >= self._every:
            self._last = now
            pace = pace_text(self._finished, self._all, now - self._begin)
            self._say(f"{state.label}: {state.seen}/{state.total} {state.running}  [{pace}]")

    def stop(self) -> None:
        """Nothing to put back."""


class LiveProgress:
    """Lines that are whole on a terminal of 80 columns: the method with its running score, its protocol, a
    bar of the whole run and its pace. What is longer goes on in a further line."""

    def __init__(self) -> None:
        self._cells: dict[str, _Cell] = {}
        self._live: Live | None = None
        self._current: _Cell | None = None
        self._begin = time.monotonic()
        self._all = self._finished = 0
        self._rounds = 0

    def start(self, cells: Sequence[Cell], todo: Mapping[str, int], done: Mapping[str, int]) -> None:
        from rich.console import Console
        from rich.live import Live

        self._cells = {c.key: _cell(c, todo[c.key]) for c in cells}
        self._begin = time.monotonic()
        self._current, self._finished, self._all = None, 0, sum(todo.values())
        self._rounds += 1
        if not self._all:
            return
        console = Console(stderr=True)
        self._live = Live(
            get_renderable=lambda: self._picture(console.width), console=console, transient=True
        )
        self._live.start()

    def _picture(self, width: int) -> Group:
        from rich.console import Group
        from rich.text import Text

        lines: list[Any] = []
        if self._rounds > 1:
            lines.append(Text(again(self._all)))
        if (now := self._current) is not None:
            lines.append(
                Text(f"{now.method}  {now.seen} of {now.total}  {now.running}".rstrip(), style="bold")
            )
            lines.append(Text(f"  {now.protocol}", overflow="fold"))
        room = min(width, 79)
        done = room * self._finished // max(self._all, 1)
        lines.append(Text.assemble(("=" * done, "green"), ("-" * (room - done), "dim")))
        lines.append(Text(pace_text(self._finished, self._all, time.monotonic() - self._begin)))
        return Group(*lines)

    def result(self, cell: Cell, row: SampleRow) -> None:
        if self._live is None:
            return
        state = self._current = self._cells[cell.key]
        state.add(row)
        self._finished += 1
        if not row.ok:
            self._live.console.print(
                terminal_text(f"error: {state.label}: {row.sample_id} draw {row.draw}: {row.error}"),
                markup=False,
                style="red",
            )

    def stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def again(number: int) -> str:
    """What a further round is about."""
    return f"{count(number, 'failed image')} {'is' if number == 1 else 'are'} tried again"


def pace_text(finished: int, total: int, seconds: float) -> str:
    """``241 of 1089 images, 1.1 per second, 12 min 50 s left``."""
    text = f"{finished} of {count(total, 'image')}"
    if not finished:
        return text
    rate = finished / max(seconds, 1e-9)
    pace = f"{rate:.1f} per second" if rate >= 0.1 else f"{1 / rate:.0f} s each"
    rest = f"{duration((total - finished) / rate)} left" if finished < total else "done"
    return f"{text}, {pace}, {rest}"


def make_progress(plain: bool = False) -> PlainProgress | LiveProgress:
    """Live on a terminal, plain lines in files, pipes and CI."""
    return PlainProgress() if plain or not sys.stderr.isatty() else LiveProgress()
