"""``refbench report``: tables, curves and a page to look at, from finished runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refbench.cli.parser import add_words
from refbench.config.load import load_command
from refbench.config.override import is_override
from refbench.config.report_keys import KEYS
from refbench.errors import UserError

if TYPE_CHECKING:
    from refbench.cli.output import Output

HELP = """Report finished runs: comparison tables, robustness and reference curves, costs, a page to look at.

  refbench report                                            everything in results/
  refbench report results/0a1b2c3d results/4e5f6a7b          two runs
  refbench report format=html,latex,figures report.dir=paper
  refbench report theirs.zip audits=audit.json               a bundle, and what an audit of it found
  refbench report tracking.uri=http://127.0.0.1:5000         the suites on an MLflow server

Methods are ranked only on the same samples, protocol and metric signature; the report says why otherwise."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``[RUN ...] [--published] [KEY=VALUE ...]``."""
    add_words(parser, "RUN|KEY=VALUE", "results or run folders (default: out=), and settings")
    parser.add_argument("--published", action="store_true", help="published numbers next to measured ones")


def run(args: argparse.Namespace) -> int:
    """Print the tables and write the files; exit code 0."""
    values = load_command("report", KEYS, [w for w in args.words if is_override(w)])
    named = [Path(w).expanduser() for w in args.words if not is_override(w)]
    formats = tuple(dict.fromkeys(values["format"]))
    uri, out = values["tracking.uri"], Path(values["out"])
    for name in ("tracking.run", "experiment"):
        if values[name] and not uri:
            raise UserError(f"{name}= needs tracking.uri=, the server to fetch runs from")
    if args.published and values["published"] == "none":
        values["published"] = "own"
    from refbench.api.commands import report_folder, report_with
    from refbench.reports.write import check_formats

    check_formats(formats)
    places = named or ([] if uri else [out])
    folder = Path(values["report.dir"]) if values["report.dir"] else report_folder([*places, out][0])
    if uri:
        places += fetched(values, folder / "rows", args.output)
    found = report_with(places, folder, {**values, "format": formats}, args.output.note)
    show(found.report, found.files, args.output, values["published"], full=values["table"] == "full")
    return 0


def fetched(values: dict[str, Any], into: Path, output: Output) -> list[Path]:
    """Run folders from the tracking server, downloaded next to the report."""
    from refbench.tracking.fetch import fetch_runs
    from refbench.tracking.mlflow_mirror import EXPERIMENT

    experiment = values["experiment"] or EXPERIMENT
    found = fetch_runs(values["tracking.uri"], experiment, into, values["tracking.run"])
    output.note(f"{len(found)} runs fetched and verified, in {into}")
    return found


def show(
    report: Any, written: Sequence[Path], output: Output, asked: str = "none", *, full: bool = False
) -> None:
    """Tables for people, one document for programs, then what was written.

    asked: ``published=``.
    """
    from refbench.cli.published import print_published
    from refbench.reports.table_text import render

    if output.json:
        from refbench.reports.document import json_document

        output.emit({**json_document(report), "files": [str(path) for path in written]})
    for _, table in report.tables:
        output.line(render(table, terminal=output.terminal, full=full), styled=True)
        output.line()
    if asked != "none":
        print_published(output, report.stored.cells, asked)
        output.line()
    for problem in report.stored.problems:
        output.note(f"left out: {problem}")
    for path in written:
        output.line(f"wrote {path}")
