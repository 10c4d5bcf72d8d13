"""``refbench check``: has anything of a committed baseline got worse?"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refbench.cli.amounts import count
from refbench.cli.parser import add_words
from refbench.config.keys import OUT, Key, required
from refbench.config.load import load_commands
from refbench.config.override import is_override
from refbench.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from refbench.cli.output import Output
    from refbench.gate import Baseline, GateResult, Limits
    from refbench.gate.stored import GateInput
    from refbench.results.record import CellRecord

LATEST = "latest"
HELP = """Compare a run with a baseline file, image by image; the exit code is the verdict.

  refbench check baseline=baselines/x.json                   the newest results in results/
  refbench check baseline=baselines/x.json run=results/0a1b  this run, or results folders
  refbench check baseline=baselines/x.json --update          write the baseline file from them
  refbench check --perf baseline=old.json run=new.json       two pytest-benchmark files

Exit code: 0 nothing got worse, 1 regressed, 2 bad input, 3 something could not be compared.
tolerance.<metric>= sets the mean loss that is tolerated: tolerance.psnr_y=0.05
image.<metric>= sets what a single image may lose: image.psnr_y=0.5"""
KEYS = (
    required(Key("baseline", "path", "the baseline file, made with --update")),
    Key("run", "paths", "latest (of each method and protocol in out=), or results or runs", (LATEST,)),
    OUT,
    Key(
        "mode", "choice", "paired: a loss counts when it is also significant; strict: always",
        "paired", ("paired", "strict"),
    ),
    Key("perf.ratio", "number", "--perf: how many times as costly is still fine", 1.5),
    Key("junit", "path", "also write JUnit XML to this file"),
    Key("markdown", "path", "also write a summary for a pull request to this file"),
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``[RUN ...] [--update] [--perf] [--common] baseline=FILE [KEY=VALUE ...]``."""
    add_words(parser, "RUN|KEY=VALUE", "results or run folders, and settings")
    parser.add_argument("--update", action="store_true", help="write the baseline file from the run")
    parser.add_argument(
        "--common", action="store_true", help="compare only the images that both have, by their content"
    )
    parser.add_argument("--perf", action="store_true", help="also compare costs, as ratios")


def _split_limits(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """(other words, limits of metrics whose name has parameters): ``tolerance.psnr_y:crop=2=0.05`` has its
    value after the last ``=``, where every other setting has it after the first."""
    others: list[str] = []
    limits: dict[str, str] = {}
    for word in words:
        key, equals, value = word.rpartition("=")
        if key.startswith(("tolerance.", "image.")) and ":" in key and equals:
            limits[key] = value
        else:
            others.append(word)
    return others, limits


def run(args: argparse.Namespace) -> int:
    """The gate's exit code: 0, 1 or 3."""
    given, limited = _split_limits(args.words)
    words = [w for w in given if is_override(w)]
    values = load_commands("check", KEYS, words, False, ("tolerance", "image"))[0] | limited
    named = tuple(w for w in given if not is_override(w))
    if named and any(w.startswith("run=") for w in words):
        raise UserError(f"check: {named[0]!r} and run= both name the run; leave one out")
    places = named or tuple(values["run"])
    from refbench.gate import limits_from
    from refbench.gate.benchmarks import is_benchmark_file

    tolerance, image = (
        {k.removeprefix(p): v for k, v in values.items() if k.startswith(p)} for p in ("tolerance.", "image.")
    )
    limits = limits_from(tolerance, image=image, mode=values["mode"], perf_ratio=values["perf.ratio"])
    path = Path(values["baseline"])
    if is_benchmark_file(path):
        return _benchmarks(path, places, values, limits, args)
    if args.update:
        return _update(path, _input(places, values, args.output), args.output)
    # before the run is read: a missing baseline is the likelier mistake, and the cheaper one to find
    from refbench.gate import check, load_baseline

    baseline = load_baseline(path)
    _known_metrics("tolerance", tolerance, baseline)
    _known_metrics("image", image, baseline)
    found = _input(places, values, args.output)
    result = check(baseline, found.cells, limits, perf=args.perf, common=args.common)
    return _show(result, path, values, args.output, found.cells)


def _input(places: tuple[str, ...], values: Mapping[str, Any], output: Output) -> GateInput:
    from refbench.gate.latest import latest
    from refbench.gate.stored import load_input

    if places == (LATEST,):
        newest = latest(Path(values["out"]))
        for remark in newest.passed_over:
            output.note(f"note: {remark}")
        folders = list(newest.folders)
    else:
        folders = [Path(place).expanduser() for place in places]
        for folder in folders:
            if folder.is_file():
                raise UserError(f"run={folder}: is a file; name a results or run folder")
    found = load_input(folders)
    for problem in found.problems:
        output.note(f"warning: {problem}")
    return found


def _update(path: Path, found: GateInput, output: Output) -> int:
    from refbench.gate import baseline_of, check, document, load_baseline, text, write_baseline

    made = baseline_of(found.cells, found.provenance)
    before = None
    if path.exists():
        try:
            before = check(load_baseline(path), found.cells)
        except UserError as error:
            output.note(f"note: replaced without a comparison: {error}")
    write_baseline(path, made)
    images = sum(len({sample for trials in c.values.values() for sample, _ in trials}) for c in made.cells)
    if before is not None:
        output.line("against the baseline that was there:")
        output.line(text(before))
    for cell in made.cells:
        output.line(f"{cell.name}: {', '.join(cell.signatures)}")
    output.line(f"wrote {path}: {count(len(made.cells), 'result')}, {count(images, 'image')}; commit it")
    output.emit(
        {
            "baseline": str(path),
            "cells": [cell.name for cell in made.cells],
            "images": images,
            "before": document(before) if before is not None else None,
        }
    )
    return 0


def _benchmarks(
    path: Path, places: tuple[str, ...], values: Mapping[str, Any], limits: Limits, args: argparse.Namespace
) -> int:
    from refbench.gate.benchmarks import check_benchmarks, load_benchmarks

    if args.update:
        raise UserError(f"check: baseline={path} is a pytest-benchmark file; copy the new one over it")
    if not args.perf:
        raise UserError(f"check: baseline={path} is a pytest-benchmark file; add --perf")
    if places == (LATEST,) or len(places) != 1:
        raise UserError(f"check: baseline={path} is a pytest-benchmark file; name the new one with run=FILE")
    result = check_benchmarks(load_benchmarks(path), load_benchmarks(Path(places[0]).expanduser()), limits)
    return _show(result, path, values, args.output)


def _known_metrics(key: str, given: Mapping[str, object], baseline: Baseline) -> None:
    known = {alias for cell in baseline.cells for alias in cell.signatures}
    for alias in given:
        if alias not in known:
            raise UserError(f"{key}.{alias}: the baseline has no such metric{did_you_mean(alias, known)}")


def _show(
    result: GateResult,
    path: Path,
    values: Mapping[str, Any],
    output: Output,
    cells: Sequence[CellRecord] = (),
) -> int:
    """Text or JSON, and the files that were asked for; ``cells``: whose images may be shown."""
    from refbench.gate import document, junit, markdown, text

    output.line(text(result))
    if values["junit"] is not None:
        _write(Path(values["junit"]), junit(result))
        output.note(f"wrote {values['junit']}")
    if values["markdown"] is not None:
        summary = Path(values["markdown"])
        _write(summary, markdown(result, _crops(result, cells, summary, output)))
        output.note(f"wrote {summary}")
    output.emit({"baseline": str(path), **document(result)})
    return result.exit_code


def _crops(result: GateResult, cells: Sequence[CellRecord], summary: Path, output: Output) -> str:
    """The summary's pictures: a picture that cannot be made must not cost the verdict."""
    if result.verdict != "regressed" or not cells:
        return ""
    from refbench.cli.crops import crops

    try:
        return crops(result, cells, summary)
    except (UserError, OSError) as error:
        output.note(f"note: no crops in {summary}: {error}")
        return ""


def _write(path: Path, content: str) -> None:
    try:
        from refbench.files.disk import write_atomic

        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content.encode())
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
