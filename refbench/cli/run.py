"""``refbench run``: score methods on suites, print the comparison table, say where everything is."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from refbench.cli.parser import add_sweep_flags
from refbench.cli.tracked import show_tracked

if TYPE_CHECKING:
    from collections.abc import Callable

    from refbench.api import RunResult
    from refbench.cli.output import Output
    from refbench.plan.planner import Cell
    from refbench.settings import RunConfig

HELP = "score methods on suites under a named protocol and print the comparison table"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``refbench run``."""
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="method=datsr suite=cufed5_jitter ..."
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="what would be computed, what is already there, and an estimate of time and disk space",
    )
    add_sweep_flags(parser)
    parser.add_argument("--published", action="store_true", help="published numbers next to measured ones")
    parser.add_argument("--plain", action="store_true", help="plain progress lines instead of a live display")


def run(args: argparse.Namespace) -> int:
    """Exit code: 0, or 1 when some trials ended as error rows."""
    from refbench.config.load import load_run
    from refbench.registry import Registry

    registry = Registry.discover()
    configs = load_run(args.overrides, registry)
    if args.cfg:
        return show_settings(configs, args.output)

    from refbench.api.commands import carry_out_configs, plan_configs
    from refbench.cli.display import make_progress
    from refbench.cli.interrupt import two_steps

    first = configs[0]
    if args.dry_run:
        from refbench.cli.plan import show_plan

        plan = plan_configs(configs, registry)
        for note in plan.notes:
            args.output.note(note)
        return show_plan(plan, first, args.output)
    with two_steps(args.output.note):
        result = carry_out_configs(
            configs, registry, make_progress(args.plain), args.output.note, show_trace(args.output)
        )
    report(result, first, args.output, published=args.published)
    return 1 if result.errors else 0


TRACE_LINES = 12


def show_trace(output: Output) -> Callable[[Cell, str], None]:
    """Tells the author of a method where it failed; the last lines, or all of them with ``--traceback``."""

    def show(cell: Cell, trace: str) -> None:
        # that it is a traceback is seen; the word is for crashes of refbench
        lines = trace.removeprefix("Traceback (most recent call last):\n").rstrip().splitlines()
        left = 0 if output.traceback else max(0, len(lines) - TRACE_LINES)
        output.note(f"{cell.method_label} failed here (its further errors are shown in one line each):")
        if left:
            output.note(f"  ... {left} lines more with --traceback")
        for line in lines[left:]:
            output.note(f"  {line}")

    return show


def show_settings(configs: list[RunConfig], output: Output) -> int:
    """``--cfg``: the words that ask for each run, without credentials, for logs of CI are read by many."""
    import shlex

    from refbench.untrusted.redact import without_credentials

    runs = [[without_credentials(word) for word in config.words] for config in configs]
    output.emit({"settings": [dict(word.split("=", 1) for word in words) for words in runs]})
    for words in runs:
        output.line("refbench run " + " \\\n  ".join(shlex.quote(word) for word in words))
    return 0


def report(
    result: RunResult,
    config: RunConfig,
    output: Output,
    *,
    published: bool = False,
) -> None:
    """The end of a run: tables and whereabouts for people, one document for programs."""
    from refbench.cli.amounts import count
    from refbench.cli.failures import show_failures
    from refbench.cli.published import print_published, published_document, published_side_by_side
    from refbench.reports.table_text import render
    from refbench.results.digests import joint_digest
    from refbench.results.drops import Drops, cells_document
    from refbench.results.provenance import commands

    outcome, tracked = result.outcome, list(result.tracked)
    cells = outcome.cells()
    others = published_side_by_side(cells) if published else ()
    output.emit(
        {
            "cells": cells_document(cells, Drops(cells)) if output.json else [],
            "computed": outcome.computed,
            "reused": outcome.reused,
            "repeated": outcome.repeated,
            "errors": outcome.errors,
            "digest": joint_digest(cell.digest for cell in cells),
            "commands": commands(cells),
            "results": str(config.out),
            "tracking": tracked,
            **({"shard": str(outcome.shard)} if outcome.shard else {}),
            **(published_document(others) if published else {}),
        }
    )
    for table in result.tables():
        output.line(render(table, terminal=output.terminal, full=config.table == "full"), styled=True)
        output.line()
    if published:
        print_published(output, cells)
        output.line()
    folders = sorted({str(path) for path in outcome.folders.values()})
    rest = len(folders) - 1
    more = f" and {rest} more {'folder' if rest == 1 else 'folders'}" if rest else ""
    output.line(f"rows    {folders[0]}/samples.jsonl{more}")
    if digest := joint_digest(cell.digest for cell in cells):
        output.line(f"digest  {digest}")
    show_tracked(tracked, output)
    for problem in outcome.problems:
        output.note(f"warning: {problem}")
    show_failures(cells, output)
    part = f"shard {outcome.shard}: " if outcome.shard else ""
    repeated = f"{outcome.repeated} equal by construction, " if outcome.repeated else ""
    done = f"{count(outcome.computed, 'image')} computed, {outcome.reused} reused"
    output.line(f"{part}{done}, {repeated}{count(outcome.errors, 'error')}")
    if outcome.partial:
        output.line(f"{outcome.partial}; `refbench merge` joins the results folders of all shards")
    if config.images == "png":
        show_images(result, output)


def show_images(result: RunResult, output: Output) -> None:
    """Where the SR images of each method are; the last thing that a person sees."""
    several = len({dataset for dataset, _ in result.places}) > 1
    lines = [
        (f"{method}, {dataset}" if several else method, str(folder))
        for (dataset, method), folder in result.places.items()
    ]
    width = max((len(name) for name, _ in lines), default=0)
    for k, (name, folder) in enumerate(lines):
        output.line(f"{'images ' if k == 0 else '       '} {name:<{width}}  {folder}")
