"""Failed trials are tried again, at the end, a bounded number of times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from refbench.execution.executor import OnResult
from refbench.execution.rounds import FEW, run_in_rounds, worth_another_try
from refbench.plan.job import CellJob, Task, TaskResult
from refbench.store import SampleRow


class Moody:
    """Fails a trial as often as ``fails`` says; each try counts as ``attempts``."""

    def __init__(self, fails: Mapping[str, int], attempts: int = 1) -> None:
        self._left, self._attempts = dict(fails), attempts
        self.rounds: list[list[str]] = []

    def run(self, cells: Mapping[str, CellJob], tasks: Sequence[Task], on_result: OnResult) -> None:
        self.rounds.append([task.sample_id for task in tasks])
        # results may come in any order
        for task in reversed(tasks):
            left = self._left.get(task.sample_id, 0)
            self._left[task.sample_id] = left - 1
            status = "error" if left > 0 else "ok"
            row = SampleRow(task.sample_id, 0, status, error="x" * (left > 0), attempts=self._attempts)
            on_result(TaskResult(task, row))


def carry_out(
    executor: Moody, names: str, retries: int
) -> tuple[dict[str, tuple[str, int]], list[list[str]]]:
    rows: dict[str, tuple[str, int]] = {}
    again: list[list[str]] = []

    def keep(result: TaskResult) -> None:
        rows[result.row.sample_id] = (result.row.status, result.row.attempts)

    tasks = [Task("cell", name, 0) for name in names]
    run_in_rounds(executor, {}, tasks, retries, keep, lambda ts: again.append([t.sample_id for t in ts]))
    return rows, again


def test_failed_trials_follow_all_others_in_their_order() -> None:
    executor = Moody({"b": 1, "d": 2, "e": 9})
    rows, again = carry_out(executor, "abcde", 2)
    assert executor.rounds == [list("abcde"), list("bde"), list("de")]
    assert again == executor.rounds[1:]
    assert rows == {"a": ("ok", 1), "b": ("ok", 2), "c": ("ok", 1), "d": ("ok", 3), "e": ("error", 3)}


@pytest.mark.parametrize(("retries", "attempts", "rounds"), [(0, 1, 1), (1, 1, 2), (2, 3, 1), (2, 2, 2)])
def test_tries_that_the_executor_made_count(retries: int, attempts: int, rounds: int) -> None:
    executor = Moody({"a": 99}, attempts)
    rows, _ = carry_out(executor, "ab", retries)
    assert len(executor.rounds) == rounds
    assert rows["a"] == ("error", attempts * rounds)


def test_nothing_to_do_starts_nothing() -> None:
    executor = Moody({})
    assert carry_out(executor, "", 2) == ({}, [])
    assert executor.rounds == []


def test_a_cell_that_fails_as_a_whole_is_not_repeated() -> None:
    tasks = [Task(cell, str(i), 0) for cell in ("bad", "good") for i in range(40)]
    failed = {t for t in tasks if t.cell == "bad" and int(t.sample_id) < 21} | {tasks[77], tasks[50]}
    assert worth_another_try(tasks, failed) == [tasks[50], tasks[77]]
    # exactly half, and a few, are single images
    assert worth_another_try(tasks[:40], set(tasks[:20])) == tasks[:20]
    assert worth_another_try(tasks[:FEW], set(tasks[:FEW])) == tasks[:FEW]
