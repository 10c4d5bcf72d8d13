"""The actors of a run: handing out trials one by one, and making good for lost actors and nodes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from refbench.errors import UserError
from refbench.execution.pool_worker import Failed
from refbench.execution.ray.actor import PACKAGES, check_versions, local_versions
from refbench.execution.ray.cluster import Cluster
from refbench.execution.ray.options import RayOptions
from refbench.execution.ray.pulse import ClusterLost
from refbench.execution.retries import Retries
from refbench.plan.job import CellJob, MethodJob, Task

POLL_SECONDS = 0.5
"""How often overdue trials are looked for."""
GET_SECONDS = 5.0
TIDY_SECONDS = 10.0
FALSE_STARTS = 5
"""Actors in a row that may be lost before they have begun a trial; then something else is wrong."""

Step = Literal["hello", "open", "load", "run", "idle"]


@dataclass
class _Slot:
    """One actor and the call it is carrying out: never more than one, so that memory stays bounded."""

    actor: Any
    step: Step
    answer: Any
    """Reference to what the call will return; None while idle."""
    since: float
    task: Task | None = None
    loaded: MethodJob | None = None
    node: str = ""

    @property
    def begun(self) -> bool:
        """Whether the actor has been given resources and has answered."""
        return self.step != "hello"


class RayPool:
    """Carries out the trials of one run on a connected cluster."""

    def __init__(
        self,
        cluster: Cluster,
        cells: Mapping[str, CellJob],
        trials: Retries,
        options: RayOptions,
        make: Callable[[], Any],
        order: Any,
    ) -> None:
        """make: asks the cluster for another actor. order: reference to the workers' Order."""
        self._ray, self._cluster = cluster.ray, cluster
        self._cells, self._trials, self._options = cells, trials, options
        self._make, self._order = make, order
        self._here = local_versions()
        self._slots: list[_Slot] = []
        self._false_starts = 0
        self._last_answer = time.monotonic()
        """When an actor last answered or was replaced."""

    def run(self, count: int) -> None:
        """Carry out all trials with ``count`` actors. Raises UserError for what another try would not fix."""
        self._last_answer = time.monotonic()
        try:
            self._slots = [self._start() for _ in range(count)]
            while self._trials or any(slot.task for slot in self._slots):
                self._step()
        except ClusterLost:
            # nothing more can be asked of it
            self._slots.clear()
            raise
        except (UserError, KeyboardInterrupt):
            self._take_finished()
            raise

    def end(self, order_id: str | None) -> None:
        """End the actors; ``order_id``: the run's files on the nodes, which go too."""
        with suppress(self._ray.exceptions.RayError, ConnectionError):
            if order_id is not None:
                calls = [s.actor.tidy.remote(order_id) for s in self._slots if s.step in ("idle", "open")]
                if calls:
                    self._ray.wait(calls, num_returns=len(calls), timeout=TIDY_SECONDS)
            for slot in self._slots:
                self._ray.kill(slot.actor)

    def _step(self) -> None:
        waiting = {slot.answer: slot for slot in self._slots if slot.answer is not None}
        for ref in self._ray.wait(list(waiting), num_returns=1, timeout=POLL_SECONDS)[0]:
            self._last_answer = time.monotonic()
            self._hear(waiting[ref])
        self._cluster.check()
        self._look_for_overdue()
        for slot in self._slots:
            if slot.step == "idle" and self._trials:
                self._hand_out(slot)

    def _start(self) -> _Slot:
        actor = self._make()
        return _Slot(actor, "hello", actor.hello.remote(PACKAGES), time.monotonic())

    def _hand_out(self, slot: _Slot) -> None:
        task = slot.task = self._trials.take()
        if slot.loaded != self._cells[task.cell].method:
            self._call(slot, "load", slot.actor.load, task.cell)
        else:
            self._call(slot, "run", slot.actor.run, task)

    def _call(self, slot: _Slot, step: Step, method: Any, argument: object) -> None:
        slot.step, slot.answer, slot.since = step, method.remote(argument), time.monotonic()

    def _get(self, ref: Any) -> Any:
        """What a call gave: it is there, unless the node that held it was lost in this moment."""
        while True:
            try:
                return self._ray.get(ref, timeout=GET_SECONDS)
            except self._ray.exceptions.GetTimeoutError:
                self._cluster.check()

    def _hear(self, slot: _Slot) -> None:
        """Take an actor's answer and go on to its next step."""
        step = slot.step
        try:
            answer = self._get(slot.answer)
        except self._ray.exceptions.RayError as error:
            # a trial is not to blame for the loss of the cluster
            self._cluster.settle()
            said = f": {' '.join(str(error).split())[:300]}"
            self._replace(slot, *self._what_happened(slot, error), said)
            return
        if step == "hello":
            check_versions(answer, self._here)
            slot.node = answer["node"]
            self._call(slot, "open", slot.actor.open, self._order)
        elif isinstance(answer, Failed) or (isinstance(answer, str) and answer):
            raise UserError(answer.message if isinstance(answer, Failed) else answer)
        elif step == "load":
            assert slot.task is not None
            slot.loaded = self._cells[slot.task.cell].method
            self._call(slot, "run", slot.actor.run, slot.task)
        else:
            self._false_starts = 0
            slot.step, slot.answer, slot.task = "idle", None, None
            if step == "run":
                self._trials.finished(answer)

    def _look_for_overdue(self) -> None:
        now = time.monotonic()
        patience = self._options.start_timeout
        for slot in list(self._slots):
            taken = now - slot.since
            if slot.step == "run" and self._options.timeout is not None and taken > self._options.timeout:
                self._replace(slot, "timeout", f"no result within {self._options.timeout:g} s")
            elif slot.step in ("open", "load") and taken > patience:
                what = "the method was not loaded" if slot.step == "load" else "the data was not opened"
                self._replace(slot, "timeout", f"{what} within {patience:g} s on node {slot.node}")
        if now - self._last_answer > patience and not any(slot.begun for slot in self._slots):
            raise UserError(
                f"executor=ray: no worker of {self._options.num_cpus:g} CPUs has started on "
                f"{self._cluster.label} within {patience:g} s; it has {self._cluster.describe() or 'no node'}"
                "; is it busy? executor.start_timeout= waits longer"
            )

    def _replace(self, slot: _Slot, kind: str, text: str, said: str = "") -> None:
        """End an actor, see to its trial, and ask for another one where trials are waiting.

        said: Ray's own words, for the case that no worker comes to life.
        """
        with suppress(self._ray.exceptions.RayError, ConnectionError):
            self._ray.kill(slot.actor)
        self._slots.remove(slot)
        self._last_answer = time.monotonic()
        if slot.task is not None:
            self._trials.lost(slot.task, kind, text)
        else:
            self._false_starts += 1
            if self._false_starts > FALSE_STARTS + self._options.retries:
                raise UserError(f"executor=ray: workers end before their first image: {text}{said}")
        if self._trials:
            self._slots.append(self._start())

    def _what_happened(self, slot: _Slot, error: Exception) -> tuple[str, str]:
        """(error kind, text) of a call that Ray could not bring to an end."""
        errors = self._ray.exceptions
        where = f"on node {slot.node}" if slot.node else "while starting"
        if isinstance(error, errors.RayTaskError):
            lines = [line for line in str(error).splitlines() if line.strip()]
            return "method", f"the worker failed {where}: {lines[-1].strip()}"
        if isinstance(error, errors.OutOfMemoryError) or "OOM" in str(error):
            return "memory", f"the worker process was killed for memory {where}"
        if "node" in str(error) and "died" in str(error).partition("node")[2][:40]:
            return "killed", f"the node {slot.node} was lost"
        return "killed", f"the worker process died {where} ({type(error).__name__})"

    def _take_finished(self) -> None:
        """Keep what is finished already; nothing is waited for."""
        running = {slot.answer: slot for slot in self._slots if slot.step == "run"}
        if not running:
            return
        with suppress(self._ray.exceptions.RayError, ConnectionError):
            for ref in self._ray.wait(list(running), num_returns=len(running), timeout=0)[0]:
                answer = self._ray.get(ref)
                if not isinstance(answer, Failed):
                    self._trials.finished(answer)
