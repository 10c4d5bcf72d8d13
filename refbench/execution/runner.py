"""Carries out a plan: resume, execute, keep every row, and summarise what was asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Protocol

from refbench.errors import UserError
from refbench.execution.equal_rows import EqualRows
from refbench.execution.executor import Executor
from refbench.execution.preflight import preflight
from refbench.execution.rounds import RETRIES, run_in_rounds
from refbench.identity.keys import RUN_SCHEMA, digest
from refbench.plan.equality import equal_cells
from refbench.plan.job import Task, TaskResult
from refbench.plan.manifests import cell_manifest, suite_controls
from refbench.plan.planner import Cell, Plan
from refbench.results.digests import store_digests
from refbench.results.labels import distinct_labels
from refbench.results.record import CellRecord, cell_record
from refbench.results.scoring import complete_rows, complete_sets
from refbench.settings import RunConfig, Shard
from refbench.store import CellStore, SampleRow, SchemaError, load_run
from refbench.store.provenance import new_session, now
from refbench.store.reader import older_cells


class Progress(Protocol):
    """Receives progress events. Called on the runner's thread only."""

    def start(self, cells: Sequence[Cell], todo: Mapping[str, int], done: Mapping[str, int]) -> None:
        """``todo`` and ``done``: trials per run key. Comes again, after ``stop``, for the failed trials that
        are tried again."""
        ...

    def result(self, cell: Cell, row: SampleRow) -> None:
        """One trial finished and is on disk."""
        ...

    def stop(self) -> None:
        """Nothing more will come (also after an error)."""
        ...


class NoProgress:
    """Shows nothing."""

    def start(self, cells: Sequence[Cell], todo: Mapping[str, int], done: Mapping[str, int]) -> None:
        """Nothing."""

    def result(self, cell: Cell, row: SampleRow) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


@dataclass(frozen=True)
class SuiteOutcome:
    """One suite's finished cells, in the order of its table."""

    name: str
    title: str
    seed: int
    cells: tuple[CellRecord, ...]

    @property
    def dataset_label(self) -> str:
        """The dataset, with how much of it was run."""
        return self.cells[0].dataset_label


@dataclass(frozen=True)
class RunOutcome:
    """What a run left behind."""

    suites: tuple[SuiteOutcome, ...]
    folders: Mapping[str, Path]
    """Run key -> folder of its rows."""
    computed: int
    """Trials carried out now."""
    reused: int
    """Trials found finished."""
    problems: tuple[str, ...] = ()
    """What was found damaged, and what was done about it, a line each."""
    shard: Shard | None = None
    """Which part of the plan was carried out; None: all of it."""
    repeated: int = 0
    """Trials whose rows repeat those of another cell, equal by construction."""

    @property
    def partial(self) -> str:
        """``partial: shard 1/4`` when a cell lacks the rows of other shards, else empty."""
        return next((c.partial for suite in self.suites for c in suite.cells if c.partial), "")

    @property
    def errors(self) -> int:
        """Error rows among the trials asked for."""
        return sum(cell.errors for cell in self.cells())

    def cells(self) -> tuple[CellRecord, ...]:
        """Every cell once: suites of one sweep may share some."""
        return tuple({c.run_key: c for suite in self.suites for c in suite.cells}.values())


def finished_trials(plan: Plan, out: Path) -> dict[str, set[tuple[str, int]]]:
    """Run key -> trials already on disk with ``status=ok``; opens nothing for writing."""
    return {cell.key: CellStore.peek_completed(out, cell.key) for cell in plan.cells()}


def carry_out(
    plan: Plan,
    config: RunConfig,
    executor: Executor,
    progress: Progress,
    on_trace: Callable[[Cell, str], None] | None = None,
) -> RunOutcome:
    """Run what is missing, then summarise exactly the trials that the plan asks for.

    ``on_trace`` gets the traceback of each method's first error.

    ``config``: the settings of the sweep's first run; out, threads and the like are the same in all.
    Raises UserError for what the user can fix; every finished row is on disk before it leaves.
    """
    cells = plan.cells()
    by_key = {cell.key: cell for cell in cells}
    controls = suite_controls(plan)
    session = new_session(device=cells[0].job.method.device, threads=config.threads)
    if plan.shard is not None:
        session |= {"shard": str(plan.shard), "study": digest(sorted(by_key))[:20]}
    with ExitStack() as stack:
        stores = {
            cell.key: stack.enter_context(
                CellStore.open(config.out, cell.key, cell_manifest(cell, controls[cell.key], session))
            )
            for cell in cells
        }
        asked = {cell.key: plan.trials(cell) for cell in cells}
        done = {cell.key: complete_rows(cell, stores[cell.key], asked[cell.key]) for cell in cells}
        tasks = plan.tasks(done)
        preflight(cells, tasks)
        todo: dict[str, int] = dict.fromkeys(by_key, 0)
        for task in tasks:
            todo[task.cell] += 1
        # in a shard the rows to repeat may be another shard's
        equal = equal_cells(cells) if plan.shard is None else {}
        repeats = [task for task in tasks if task.cell in equal]
        computed = [task for task in tasks if task.cell not in equal]

        told: set[str] = set()

        def keep(result: TaskResult) -> None:
            store, row = stores[result.task.cell], result.row
            cell = by_key[result.task.cell]
            if result.trace and on_trace is not None and cell.method_label not in told:
                told.add(cell.method_label)
                on_trace(cell, result.trace)
            if result.png is not None:
                row = replace(row, image=store.write_image(row.sample_id, row.draw, result.png))
            try:
                store.append(row)
            except SchemaError as error:
                # a plugin put something into the row that no row can hold
                row = SampleRow(
                    row.sample_id, row.draw, "error", str(error), error_kind="method", attempts=row.attempts
                )
                store.append(row)
            ended = datetime.now(UTC)
            kept[result.task.cell] += 1
            begun = ended - timedelta(seconds=row.seconds.get("total", 0.0))
            times.setdefault(result.task.cell, [begun, ended])[1] = ended
            left[result.task.cell] -= 1
            if not left[result.task.cell]:
                # a study has more cells than a process may have open files
                store.close()
            progress.result(by_key[result.task.cell], row)

        def begin_again(failed: Sequence[Task]) -> None:
            count = Counter(task.cell for task in failed)
            left.update(count)
            progress.stop()
            progress.start(
                [by_key[key] for key in count], count, {key: len(asked[key]) - n for key, n in count.items()}
            )

        def run(some: Sequence[Task]) -> None:
            run_in_rounds(
                executor, {c.key: c.job for c in cells}, some, retries_of(config), keep, begin_again
            )

        left, kept = dict(todo), dict.fromkeys(by_key, 0)
        times: dict[str, list[datetime]] = {}
        progress.start(cells, todo, {key: len(trials) - todo[key] for key, trials in asked.items()})
        try:
            run(computed)
            if repeats:
                rest = repeat_rows(repeats, EqualRows(equal, by_key), stores, keep)
                computed += rest
                if rest:
                    run(rest)
        except BaseException:
            # the user must learn what stopped the run, not that it could not be noted
            with suppress(UserError):
                close_session(stores, session, kept, times)
            raise
        finally:
            progress.stop()
        close_session(stores, session, kept, times)
        older = older_cells(config.out, RUN_SCHEMA) if tasks else 0
        problems = tuple(
            f"{store.folder.name}/{line}"
            for store in stores.values()
            for line in (*store.repairs, *(f"{p}; the image was computed again" for p in store.problems))
        )
        if older:
            problems = (
                f"{config.out}: results of run schema 1 (an earlier refbench), {older}, were not reused: "
                f"keys cover code differently since schema {RUN_SCHEMA}; `refbench report` still shows them",
                *problems,
            )

        records: list[CellRecord] = []
        for suite in plan.suites:
            for cell in suite.cells:
                store = stores[cell.key]
                if plan.shard is None:
                    complete_sets(cell, store)
                record = cell_record(
                    load_run(store.folder),
                    cell.trials(),
                    hold=False,
                    signatures=[spec.signature for spec in cell.job.metrics],
                    suite=suite.name,
                )
                store.write_summary({**record.summary_document(), "finished": now()})
                records.append(record)
        # after the last change of any cell: a cell may be part of several suites
        stored = {key: store_digests(store.folder) for key, store in stores.items()}
        records = [replace(r, digest=d.digest if (d := stored[r.run_key]) else "") for r in records]
        labelled = iter(distinct_labels(records))
        suites = [
            SuiteOutcome(suite.name, suite.title, suite.seed, tuple(islice(labelled, len(suite.cells))))
            for suite in plan.suites
        ]
        folders = {key: store.folder for key, store in stores.items()}
    total = sum(map(len, asked.values()))
    repeated = len(tasks) - len(computed)
    return RunOutcome(
        tuple(suites), folders, len(computed), total - len(tasks), problems, plan.shard, repeated
    )


def repeat_rows(
    tasks: Sequence[Task],
    rows: EqualRows,
    stores: Mapping[str, CellStore],
    keep: Callable[[TaskResult], None],
) -> list[Task]:
    """Keep the rows that repeat another cell's; returns the trials that have to be computed after all."""
    rest = []
    for task in tasks:
        made = rows.make(task, stores)
        if made is None:
            rest.append(task)
        else:
            keep(made)
    return rest


def retries_of(config: RunConfig) -> int:
    """How often a failed trial is tried again."""
    asked = config.executor.params.get("retries")
    return RETRIES if asked is None else int(asked)


def close_session(
    stores: Mapping[str, CellStore],
    session: Mapping[str, object],
    kept: Mapping[str, int],
    times: Mapping[str, Sequence[datetime]],
) -> None:
    """Note in the manifests how many rows this run wrote, and when it began and ended the cell (``first``):
    the session is that of all cells. Raises UserError."""
    for key, store in stores.items():
        if kept[key]:
            first, last = (time.isoformat(timespec="milliseconds") for time in times[key])
            store.finish_session(str(session["id"]), {"first": first, "finished": last, "rows": kept[key]})
