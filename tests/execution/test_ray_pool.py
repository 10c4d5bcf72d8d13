"""The actors of a run, with a stand-in for Ray that fails as told (test_ray_cluster has the real one)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from refbench.errors import UserError
from refbench.execution.pool_worker import Failed
from refbench.execution.ray.actor import local_versions
from refbench.execution.ray.cluster import Cluster
from refbench.execution.ray.options import RayOptions
from refbench.execution.ray.pool import FALSE_STARTS, RayPool
from refbench.execution.ray.pulse import ClusterLost, Pulse
from refbench.execution.retries import Retries
from refbench.plan.job import Task, TaskResult
from refbench.store import SampleRow


class RayError(Exception): ...


class RayTaskError(RayError): ...


class ActorDiedError(RayError): ...


class OutOfMemoryError(RayError): ...


class GetTimeoutError(RayError): ...


class Hangs: ...


class LostInBetween:
    """Said to be there, but never comes."""


class Ref:
    """What a call will give: a value, an exception, or nothing ever."""

    numbers = itertools.count()

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome
        self.number = next(self.numbers)


class FakeRay:
    exceptions = SimpleNamespace(
        RayError=RayError, RayTaskError=RayTaskError, OutOfMemoryError=OutOfMemoryError,
        GetTimeoutError=GetTimeoutError,
    )  # fmt: skip

    def __init__(self) -> None:
        self.killed: list[Any] = []

    def wait(self, refs: list[Ref], num_returns: int, timeout: float) -> tuple[list[Ref], list[Ref]]:
        ready = [ref for ref in refs if not isinstance(ref.outcome, Hangs)]
        done = sorted(ready, key=lambda ref: ref.number)[:num_returns]
        return done, [ref for ref in refs if ref not in done]

    def get(self, ref: Ref, timeout: float | None = None) -> Any:
        if isinstance(ref.outcome, LostInBetween):
            raise GetTimeoutError
        if isinstance(ref.outcome, BaseException):
            raise ref.outcome
        return ref.outcome

    def kill(self, actor: Any) -> None:
        self.killed.append(actor)

    def nodes(self) -> list[dict[str, Any]]:
        return []


def fine(task: Task) -> TaskResult:
    return TaskResult(task, SampleRow(task.sample_id, task.draw))


class FakeActor:
    """Answers at once; ``run`` and ``start`` say with what."""

    def __init__(self, run: Callable[[Task], Any], start: Any = None, load: Any = "") -> None:
        versions = {**local_versions(), "node": "n1"} if start is None else start
        self.hello = SimpleNamespace(remote=lambda packages: Ref(versions))
        self.open = SimpleNamespace(remote=lambda order: Ref(""))
        self.load = SimpleNamespace(remote=lambda cell: Ref(load))
        self.run = SimpleNamespace(remote=lambda task: Ref(run(task)))
        self.tidy = SimpleNamespace(remote=lambda order_id: Ref(None))


TASKS = [Task("k", name, 0) for name in "abc"]
CELLS: Any = {"k": SimpleNamespace(method="the method")}


def carry_out(
    make: Callable[[], FakeActor], workers: int = 1, **options: Any
) -> tuple[list[SampleRow], FakeRay]:
    rows: list[SampleRow] = []
    ray, chosen = FakeRay(), RayOptions(**options)
    trials = Retries(TASKS, chosen.retries, lambda result: rows.append(result.row))
    pool = RayPool(Cluster(ray, "the cluster"), CELLS, trials, chosen, make, "order")
    try:
        pool.run(workers)
    finally:
        pool.end("0123")
    return sorted(rows, key=lambda row: row.sample_id), ray


def only_b(outcome: Any) -> Callable[[Task], Any]:
    return lambda task: outcome if task.sample_id == "b" else fine(task)


@pytest.mark.parametrize(
    ("outcome", "kind", "text"),
    [
        (Hangs(), "timeout", "no result within 0.05 s"),
        (ActorDiedError("The actor died"), "killed", "the worker process died on node n1 (ActorDiedError)"),
        (ActorDiedError("x: its node has died"), "killed", "the node n1 was lost"),
        (OutOfMemoryError("x"), "memory", "the worker process was killed for memory on node n1"),
        (
            RayTaskError("ray::run\n  File\nKeyError: 3"),
            "method",
            "the worker failed on node n1: KeyError: 3",
        ),
    ],
)
def test_a_trial_that_always_costs_its_worker_becomes_an_error_row(
    outcome: Any, kind: str, text: str
) -> None:
    made: list[FakeActor] = []

    def make() -> FakeActor:
        made.append(FakeActor(only_b(outcome)))
        return made[-1]

    rows, ray = carry_out(make, timeout=0.05, retries=1)
    assert [row.ok for row in rows] == [True, False, True]
    assert (rows[1].error_kind, rows[1].error, rows[1].attempts) == (kind, text, 2)
    # each lost actor was ended, and so was the last one
    assert ray.killed == made
    assert len(made) == 3


def test_a_lost_trial_counts_its_tries() -> None:
    outcomes = iter([ActorDiedError("x"), None])
    run = lambda task: fine(task) if task.sample_id != "b" else next(outcomes) or fine(task)  # noqa: E731
    rows, _ = carry_out(lambda: FakeActor(run), workers=2)
    assert [(row.ok, row.attempts) for row in rows] == [(True, 1), (True, 2), (True, 1)]


def test_a_method_that_is_never_loaded_is_not_waited_for_without_end() -> None:
    rows, _ = carry_out(lambda: FakeActor(fine, load=Hangs()), start_timeout=0.05, retries=0)
    assert {row.error for row in rows} == {"the method was not loaded within 0.05 s on node n1"}


@pytest.mark.parametrize("answer", [Failed("net.pth: empty"), "net.pth: empty"])
def test_what_the_user_must_fix_stops_the_run(answer: Any) -> None:
    load = answer if isinstance(answer, str) else ""
    with pytest.raises(UserError, match=r"^net\.pth: empty$"):
        carry_out(lambda: FakeActor(only_b(answer), load=load))


def test_another_version_on_a_node_stops_the_run() -> None:
    there = {**local_versions(), "node": "n1", "refbench": "0.0.1"}
    with pytest.raises(UserError, match=r"node n1 has refbench 0\.0\.1, this machine has "):
        carry_out(lambda: FakeActor(fine, start=there))


def test_workers_that_die_at_once_are_not_replaced_for_ever() -> None:
    made: list[FakeActor] = []

    def make() -> FakeActor:
        made.append(FakeActor(fine, start=ActorDiedError("x")))
        return made[-1]

    with pytest.raises(
        UserError, match="workers end before their first image: the worker process died while"
    ):
        carry_out(make, retries=1)
    assert len(made) == FALSE_STARTS + 2


def test_a_cluster_without_room_is_named() -> None:
    with pytest.raises(UserError) as caught:
        carry_out(lambda: FakeActor(fine, start=Hangs()), start_timeout=0.05)
    assert str(caught.value).startswith(
        "executor=ray: no worker of 1 CPUs has started on the cluster within 0.05 s"
    )


def test_ctrl_c_keeps_what_is_finished() -> None:
    rows: list[SampleRow] = []
    ray = FakeRay()

    def keep(result: TaskResult) -> None:
        rows.append(result.row)
        if len(rows) == 1:
            raise KeyboardInterrupt

    trials = Retries(TASKS, 2, keep)
    pool = RayPool(Cluster(ray, "x"), CELLS, trials, RayOptions(), lambda: FakeActor(fine), "order")
    with pytest.raises(KeyboardInterrupt):
        pool.run(2)
    # the other worker's trial was finished, too
    assert [row.sample_id for row in rows] == ["a", "b"]


class Lost:
    """A pulse that stops with the second trial."""

    def __init__(self) -> None:
        self.stopped = False

    def check(self, label: str) -> None:
        if self.stopped:
            raise ClusterLost(f"{label} is lost")

    settle = check


@pytest.mark.parametrize("outcome", [ActorDiedError("x: its node has died"), LostInBetween(), Hangs()])
def test_the_loss_of_the_cluster_ends_the_run_and_blames_no_trial(outcome: Any) -> None:
    rows: list[SampleRow] = []
    ray, pulse = FakeRay(), Lost()

    def run(task: Task) -> Any:
        pulse.stopped = task.sample_id == "b"
        return outcome if pulse.stopped else fine(task)

    trials = Retries(TASKS, 2, lambda result: rows.append(result.row))
    cluster = Cluster(ray, "the cluster", cast(Pulse, pulse))
    pool = RayPool(cluster, CELLS, trials, RayOptions(), lambda: FakeActor(run), "order")
    with pytest.raises(ClusterLost, match=r"^the cluster is lost$"):
        pool.run(1)
    pool.end("0123")
    assert [(row.sample_id, row.ok) for row in rows] == [("a", True)]
    # asking a lost cluster for anything would hang, or end this process
    assert not ray.killed
