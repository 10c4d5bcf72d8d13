"""What returned answers amount to: a Bradley-Terry table with intervals clustered by image."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refbench.errors import UserError
from refbench.stats.bradley_terry import Choice, Strength, bradley_terry, preference
from refbench.untrusted.escape import markdown_text
from refbench.untrusted.files import read_object

from ..files import put
from ..flat_csv import write
from .write import KEY

CHOICES = ("left", "right", "tie")


@dataclass(frozen=True)
class StudyResult:
    """A study that was answered."""

    dataset: str
    protocol: str
    raters: int
    answers: int
    ties: int
    images: int
    shown: tuple[str, ...]
    """What raters saw above each pair: ``hr``, ``refs``."""
    strengths: tuple[Strength, ...]


def write_results(
    folder: Path, files: Sequence[Path], note: Callable[[str], None] = lambda line: None
) -> list[Path]:
    """Write ``study_results.{md,csv,json}`` next to the key in ``folder``; returns them. Raises UserError."""
    result = read_results(folder, files)
    text = markdown(result)
    for line in text.splitlines():
        note(line)
    rows = [_row(s, result.strengths) for s in result.strengths]
    facts: Mapping[str, Any] = {
        "dataset": result.dataset,
        "protocol": result.protocol,
        "raters": result.raters,
        "answers": result.answers,
        "ties": result.ties,
        "images": result.images,
        "shown": list(result.shown),
        "methods": rows,
    }
    return [
        put(folder, "study_results.md", text),
        put(folder, "study_results.csv", write(tuple(rows[0]), rows)),
        put(folder, "study_results.json", json.dumps(facts, indent=1, allow_nan=False) + "\n"),
    ]


def read_results(folder: Path, files: Sequence[Path]) -> StudyResult:
    """The strengths from the key in ``folder`` and the files that were handed back. Raises UserError."""
    key = _object(folder / KEY, "the key of the study; write one with report format=study")
    try:
        pairs = [(str(p["sample"]), str(p["left"]), str(p["right"])) for p in key["pairs"]]
        study = str(key["study"])
    except (KeyError, TypeError):
        raise UserError(
            f"{folder / KEY}: is not the key of a study; write one with report format=study"
        ) from None
    choices: list[Choice] = []
    seen: dict[str, Path] = {}
    for file in files:
        found = _object(file, "a file of answers, as the page of the study saves it")
        if found.get("study") != study:
            raise UserError(f"{file}: answers another study than {folder / KEY}; name that one's report.dir=")
        answers = found.get("answers")
        if not isinstance(answers, list):
            raise UserError(f"{file}: has no list of answers; save it again from the page")
        text = json.dumps([found.get("rater"), answers])
        if text in seen:
            raise UserError(f"{file}: says the same as {seen[text]}; leave one of them out")
        seen[text] = file
        choices += [_choice(file, answer, pairs) for answer in answers if answer is not None]
    shown = key.get("shown")
    try:
        strengths = bradley_terry(choices)
    except ValueError as error:
        raise UserError(f"study.answers: {error}; ask for more answers") from None
    return StudyResult(
        dataset=str(key.get("dataset", "")),
        protocol=str(key.get("protocol", "")),
        raters=len(files),
        answers=len(choices),
        ties=sum(choice.preferred is None for choice in choices),
        images=len({choice.image for choice in choices}),
        shown=tuple(
            name for name in ("hr", "refs") if isinstance(shown, Mapping) and shown.get(name) is True
        ),
        strengths=strengths,
    )


def _object(file: Path, what: str) -> dict[str, Any]:
    try:
        found = read_object(file)
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: is not {what} ({error})") from None
    if found is None:
        raise UserError(f"{file}: not there; needed is {what}")
    return found


def _choice(file: Path, answer: Any, pairs: Sequence[tuple[str, str, str]]) -> Choice:
    number = answer.get("question") if isinstance(answer, Mapping) else None
    if type(number) is not int or not 0 <= number < len(pairs) or answer.get("choice") not in CHOICES:
        raise UserError(
            f"{file}: answer {str(answer)[:80]} is not one of this study's; save it again from the page"
        )
    sample, left, right = pairs[number]
    return Choice(sample, left, right, {"left": left, "right": right, "tie": None}[answer["choice"]])


def _row(strength: Strength, strengths: Sequence[Strength]) -> dict[str, Any]:
    scores = {s.name: s.score for s in strengths}
    others = [preference(scores, strength.name, name) for name in scores if name != strength.name]
    return {
        "method": strength.name,
        "score": strength.score,
        "lo": strength.lo,
        "hi": strength.hi,
        "preferred": sum(others) / len(others) if others else None,
        "won": strength.won,
        "compared": strength.compared,
    }


def markdown(result: StudyResult) -> str:
    """The table with what it means."""
    lines = [
        f"# Study on {markdown_text(result.dataset)}, {markdown_text(result.protocol)}",
        "",
        "| method | Bradley-Terry score | 95 % interval | preferred | won | compared |",
        "|---|---|---|---|---|---|",
    ]
    for strength in result.strengths:
        row = _row(strength, result.strengths)
        interval = "-" if strength.lo is None else f"[{strength.lo:+.2f}, {strength.hi:+.2f}]"
        lines.append(
            f"| {markdown_text(strength.name)} | {strength.score:+.2f} | {interval} | "
            f"{100 * (row['preferred'] or 0.0):.0f} % | {strength.won:g} | {strength.compared} |"
        )
    above = " and ".join({"hr": "the original", "refs": "the references"}[name] for name in result.shown)
    lines += [
        "",
        f"Raters saw {above or 'neither the original nor the references'}.",
        "",
        f"{result.raters} files, {result.answers} answers on {result.images} images, {result.ties} without a "
        "difference (counted half for each). Score: natural logarithm of the strength, mean zero over "
        "methods; a difference d of two scores means that the better one is preferred with probability "
        "1 / (1 + exp(-d)). Interval: over images, of which all answers move together. Preferred: mean "
        "fitted probability against the others.",
    ]
    return "\n".join(lines) + "\n"
