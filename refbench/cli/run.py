"""``refbench run``: score methods on suites, print the comparison table, say where everything is."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refbench.plan import Plan
    from refbench.runner import RunOutcome
    from refbench.settings import RunConfig
    from refbench.tracking.types import TrackingResult

HELP = "score methods on suites under a named protocol and print the comparison table"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``refbench run``."""
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="method=datsr suite=cufed5_jitter ..."
    )
    parser.add_argument("-m", "--multirun", action="store_true", help="sweep over comma-separated values")
    parser.add_argument("--dry-run", action="store_true", help="show cells, trials and what is already done")
    parser.add_argument("--cfg", action="store_true", help="print the settings and stop")
    parser.add_argument("--plain", action="store_true", help="plain progress lines instead of a live display")


def run(args: argparse.Namespace) -> int:
    """Exit code: 0, or 1 when some trials ended as error rows."""
    from refbench.config import load_run
    from refbench.registry import Registry

    registry = Registry.discover()
    configs = load_run(args.overrides, args.multirun, registry)
    if args.cfg:
        return show_settings(configs, args.json)

    from refbench.cli.display import make_progress
    from refbench.execution.device import resolve_device
    from refbench.execution.executor import make_executor
    from refbench.plan import Planner
    from refbench.runner import carry_out, finished_trials

    first = configs[0]
    plan = Planner(registry).plan(configs, device=resolve_device(first.device) if not args.dry_run else "cpu")
    if args.dry_run:
        return show_plan(plan, finished_trials(plan, first.out), args.json)
    set_threads(first.threads)
    executor = make_executor(first.executor.name, first.executor.params)
    outcome = carry_out(plan, first, executor, make_progress(args.plain))
    tables = suite_tables(outcome)
    tracked = publish(outcome, first, tables)
    report(outcome, first, tables, tracked, args.json)
    return 1 if outcome.errors else 0


def set_threads(threads: int | None) -> None:
    """Bound torch's CPU threads where asked."""
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


def show_settings(configs: list[RunConfig], as_json: bool) -> int:
    """``--cfg``."""
    from refbench.summaries import plain

    documents = [plain(config) for config in configs]
    if as_json:
        print(json.dumps({"settings": documents}, indent=1))
    else:
        import yaml

        print(yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True), end="")
    return 0


def show_plan(plan: Plan, done: dict[str, set[tuple[str, int]]], as_json: bool) -> int:
    """``--dry-run``: every cell with its trials, and how many forward passes are left."""
    rows: list[dict[str, Any]] = []
    for cell in plan.cells():
        asked = set(cell.trials())
        finished = len(asked & done[cell.key])
        rows.append(
            {
                "method": cell.method,
                "weights": cell.weights,
                "dataset": cell.dataset,
                "dataset_label": cell.dataset_label,
                "protocol": cell.protocol.id,
                "seed": cell.job.seed,
                "n": len(cell.ids),
                "trials": len(asked),
                "done": finished,
                "run_key": cell.key,
            }
        )
    todo = sum(r["trials"] - r["done"] for r in rows)
    if as_json:
        print(json.dumps({"cells": rows, "trials": sum(r["trials"] for r in rows), "todo": todo}, indent=1))
        return 0
    width = max(len(c.method_label) for c in plan.cells())
    span = max(len(c.protocol.id) for c in plan.cells())
    for cell, row in zip(plan.cells(), rows, strict=True):
        print(
            f"{cell.method_label:<{width}}  {cell.dataset_label}  {cell.protocol.id:<{span}}  "
            f"{row['n']} images  {row['trials']} trials  {row['done']} done"
        )
    total = sum(r["trials"] for r in rows)
    print(f"{len(rows)} cells, {total} trials (forward passes), {total - todo} done, {todo} to run")
    return 0


def suite_tables(outcome: RunOutcome) -> list[Any]:
    """One comparison table per suite."""
    from refbench.reports.table import comparison_table

    return [comparison_table(suite.summaries, title=suite_title(suite)) for suite in outcome.suites]


def suite_title(suite: Any) -> str:
    """``cufed5_jitter on cufed5-sample``."""
    return f"{suite.name} on {suite.dataset_label}"


def publish(outcome: RunOutcome, config: RunConfig, tables: list[Any]) -> list[TrackingResult]:
    """Mirror the run to MLflow; a failing mirror is a warning, never a failed run."""
    if config.tracking == "none":
        return []
    from refbench.tracking.publish import publish_run

    return publish_run(outcome, config, [table.markdown() for table in tables])


def report(
    outcome: RunOutcome,
    config: RunConfig,
    tables: list[Any],
    tracked: list[TrackingResult],
    as_json: bool,
) -> None:
    """The end of a run: tables and whereabouts on stdout, or one JSON document there."""
    if as_json:
        unique = {s.run_key: s for suite in outcome.suites for s in suite.summaries}
        document = {
            "cells": [summary.json() for summary in unique.values()],
            "computed": outcome.computed,
            "reused": outcome.reused,
            "errors": outcome.errors,
            "results": str(config.out),
            "tracking": [t.json() for t in tracked],
        }
        print(json.dumps(document, indent=1))
        return
    for table in tables:
        table.print()
        print()
    folders = sorted({str(path) for path in outcome.folders.values()})
    print(
        f"rows    {folders[0]}/samples.jsonl" + (f" and {len(folders) - 1} more" if len(folders) > 1 else "")
    )
    if config.images == "png":
        print(f"images  {folders[0]}/images" + (f" and {len(folders) - 1} more" if len(folders) > 1 else ""))
    for result in tracked:
        if result.warning:
            print(f"warning: MLflow: {result.warning}", file=sys.stderr)
        else:
            print(f"MLflow  {result.uri} run {result.run_id}; look at it with: {result.ui_command}")
    print(f"{outcome.computed} trials computed, {outcome.reused} reused, {outcome.errors} errors")
