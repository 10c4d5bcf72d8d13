"""``refbench audit``: check results that somebody else made."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from refbench.cli.amounts import count
from refbench.cli.parser import add_words
from refbench.cli.table import print_table
from refbench.config.audit_keys import KEYS
from refbench.config.load import load_command
from refbench.config.override import is_override
from refbench.untrusted.escape import printable

if TYPE_CHECKING:
    from refbench.auditing.audit import AuditResult
    from refbench.cli.output import Output

HELP = """Check results that somebody else made; nothing is written into them.

  refbench audit theirs.zip                                 files against each other, images, metrics
  refbench audit results/theirs data.root=/data/cufed5      the dataset is here
  refbench audit theirs.zip rerun=5 weights.root=/weights   five images per result are computed again

Exit codes: 0 what was checked holds, 1 something is contradicted, 2 usage, 3 nothing could be checked (or
computed again, where rerun= asks for it)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``[RUN ...] [KEY=VALUE ...]``."""
    add_words(parser, "RUN|KEY=VALUE", "bundles, results or run folders (default: out=), and settings")


def run(args: argparse.Namespace) -> int:
    """Audit and print; the exit code is the verdict."""
    values = load_command("audit", KEYS, [w for w in args.words if is_override(w)])
    places = [Path(w).expanduser() for w in args.words if not is_override(w)] or [Path(values["out"])]
    from refbench.api.commands import audit_with

    result = audit_with(places, values)
    show(result, args.output)
    if values["markdown"]:
        from refbench.auditing.markdown import markdown
        from refbench.files.disk import write_atomic

        path = Path(values["markdown"])
        write_atomic(path, markdown(result).encode("utf-8", "replace"))
        args.output.line(f"wrote {path}")
    return result.exit_code


def show(result: AuditResult, output: Output) -> None:
    """A line per cell, then what contradicts it and what could not be checked."""
    from refbench.auditing.findings import SHOWN

    output.emit(result.json())
    rows = []
    for cell in result.cells:
        label = cell.labels()
        names = [label["method_label"], label["dataset_label"], label["protocol"]]
        rows.append([*names, cell.digest[:12], cell.verdict])
    print_table(output, ("method", "dataset", "protocol", "digest", "verdict"), rows)
    for cell in result.cells:
        label = cell.labels()
        for found in cell.contradictions[:SHOWN]:
            output.line(f"{label['method_label']}, {label['protocol']}: {cell.folder.name}/{found.line()}")
        if (more := len(cell.contradictions) - SHOWN) > 0:
            output.line(f"{label['method_label']}, {label['protocol']}: {more} more with --json or markdown=")
    for found in result.tables.contradictions[:SHOWN]:
        output.line(found.line())
    if (more := len(result.tables.contradictions) - SHOWN) > 0:
        output.line(f"tables: {more} more with --json or markdown=")
    if result.tables.checked:
        output.line(f"tables derived again: {', '.join(map(printable, result.tables.checked))}")
    for note in result.tables.notes:
        output.note(f"note: {printable(note)}")
    notes: dict[str, int] = {}
    for cell in result.cells:
        for note in cell.notes:
            notes[note] = notes.get(note, 0) + 1
    for note, number in notes.items():
        output.note(f"note: {note}" + (f" ({number} of {len(result.cells)} results)" if number > 1 else ""))
    tolerances = {k: v for cell in result.cells for k, v in cell.tolerances.items()}
    if tolerances:
        output.line("tolerance: " + "; ".join(f"{name} {text}" for name, text in tolerances.items()))
    words = {0: "holds", 1: "contradicted", 3: "nothing could be checked"}
    output.line(f"{count(len(result.cells), 'result')}: {words[result.exit_code]}")
