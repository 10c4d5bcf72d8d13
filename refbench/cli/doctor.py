"""``refbench doctor``: is everything here that runs need, and what would missing parts enable?"""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
from collections import Counter
from pathlib import Path

from refbench.cli.diagnosis.finding import Finding
from refbench.cli.output import Output
from refbench.cli.parser import add_words
from refbench.config.keys import DEVICE, OUT, TRACKING_URI, WEIGHTS_ROOT
from refbench.config.load import load_command

HELP = """Look at this installation and say what is here, what is missing, and what is broken.

  refbench doctor                   versions, device, weights, disk, MLflow database of ./results
  refbench doctor out=DIR --json    the same for another results folder, as one JSON document

Exit code 1 when something is broken. What is merely optional and missing is not a failure."""
KEYS = (OUT, DEVICE, WEIGHTS_ROOT, TRACKING_URI)
MARKS = {"ok": "ok", "missing": "-", "problem": "PROBLEM"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``KEY=VALUE ...``."""
    add_words(parser)


def run(args: argparse.Namespace) -> int:
    """Print the findings by section; 1 when one of them is a problem."""
    values = load_command("doctor", KEYS, args.words)
    found = examine(Path(values["out"]), values["device"], values["weights.root"], values["tracking.uri"])
    problems = [finding for part in found.values() for finding in part if finding.state == "problem"]
    args.output.emit(
        {
            "ok": not problems,
            **{part: [finding.document for finding in findings] for part, findings in found.items()},
        }
    )
    if not args.json:
        for part, findings in found.items():
            _show(args.output, part, findings)
        args.output.line()
        args.output.line(_verdict(problems))
    return 1 if problems else 0


def examine(
    out: Path, device: str = "auto", weights_root: str | None = None, uri: str | None = None
) -> dict[str, list[Finding]]:
    """Findings by section. Nothing is changed, fetched or made."""
    from refbench.cli.diagnosis import files, mirror, software
    from refbench.registry import Registry

    registry = Registry.discover()
    return {
        "versions": software.versions(),
        "device": software.device(device),
        "extras": software.extras(),
        "plugins": software.plugins(registry),
        "backbones": files.backbones(registry),
        "weights": files.checkpoints(registry, weights_root),
        "folders": files.folders(out),
        "tracking": mirror.mirror(out, uri),
    }


def _show(output: Output, part: str, findings: list[Finding]) -> None:
    if not findings:
        return
    output.line(f"{part}:")
    width = max(len(finding.name) for finding in findings)
    remedies = Counter(finding.remedy for finding in findings)
    for finding in findings:
        mark = f"  {MARKS[finding.state]:<7}  "
        _line(output, f"{mark}{finding.name:<{width}}  ", finding.text, len(mark))
        if finding.remedy and remedies[finding.remedy] == 1:
            _line(output, " " * len(mark), f"-> {finding.remedy}", len(mark))
    for remedy, count in remedies.items():
        if remedy and count > 1:
            _line(output, "  ", f"-> {remedy}", 5)


def _line(output: Output, head: str, text: str, indent: int) -> None:
    """Head and text in one line, or below each other where a terminal is too narrow; a file gets one line."""
    room = shutil.get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else 0
    if not room or len(head) + len(text) <= room:
        output.line(f"{head}{text}")
        return
    if head.strip():
        output.line(head.rstrip())
    margin = " " * indent
    for line in textwrap.wrap(text, room, initial_indent=margin, subsequent_indent=margin,
                              break_long_words=False, break_on_hyphens=False):  # fmt: skip
        output.line(line)


def _verdict(problems: list[Finding]) -> str:
    if not problems:
        return "no problems; '-' marks what is optional and missing"
    return f"{len(problems)} problem{'s' if len(problems) > 1 else ''}: {', '.join(p.name for p in problems)}"
