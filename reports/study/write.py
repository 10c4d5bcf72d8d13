"""Writes a study: a page for those who are asked, its images under blind names, and the key for who asks."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from refbench.errors import UserError
from refbench.registry import Registry
from refbench.results.record import CellRecord
from refbench.results.scoring import kept_image
from refbench.results.trials import TrialImages
from refbench.store import SampleRow
from refbench.types import Image
from refbench.untrusted.escape import printable
from refbench.untrusted.files import read_object

from ..files import put
from ..pictures import encode
from ..template import asset, environment, own_markup
from .plan import Pair, blind_name, plan_pairs
from .settings import StudySettings

PAGE, IMAGES, KEY = "study/study.html", "study/images", "study_key.json"
SCHEMA = 1


def write_study(
    cells: Sequence[CellRecord],
    folder: Path,
    settings: StudySettings,
    data_root: str | None = None,
    note: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Write ``study/`` (to hand out) and ``study_key.json`` (to keep) into ``folder``; returns page and key.

    The page knows images by random names only; which is whose stands in the key. Raises UserError where fewer
    than two methods kept images of one sample under one protocol.
    """
    chosen = _one_protocol(cells, settings.protocol)
    images = TrialImages(Registry.discover(), data_root)
    rows = {label: (cell, _rows(cell)) for label, cell in _labels(chosen).items()}
    samples: dict[str, list[str]] = {}
    for label, (_, own) in rows.items():
        for sample in own:
            samples.setdefault(sample, []).append(label)
    pairs = plan_pairs(
        {s: labels for s, labels in samples.items() if len(labels) > 1}, settings.pairs, settings.seed
    )
    if not pairs:
        raise UserError(
            "study: fewer than two methods kept SR images of one sample and protocol; run with images=png"
        )
    shows = {"hr": settings.hr, "refs": settings.refs}
    secret = _secret(folder, pairs, shows)
    written: dict[str, str] = {}

    def shown(label: str, sample: str) -> str:
        cell, own = rows[label]
        name = f"{blind_name(secret, label, sample)}.webp"
        if name not in written:
            picture = images.sr(cell, own[sample])
            if picture is None:
                raise UserError(f"study: the SR image of {sample} by {label} cannot be read")
            put(folder, f"{IMAGES}/{name}", encode(picture))
            written[name] = label
        return name

    questions = [
        {"left": shown(pair.left, pair.sample), "right": shown(pair.right, pair.sample)} for pair in pairs
    ]
    if settings.hr or settings.refs:
        _originals(pairs, questions, rows, images, folder, secret, settings)
    for problem in images.problems:
        note(f"study: {problem}")
    # with the original above it, a pair is another question
    identity = blind_name(secret, str(shows), *(f"{p.sample}\0{p.left}\0{p.right}" for p in pairs))
    key = {
        "schema": SCHEMA,
        "study": identity,
        "secret": secret,
        "dataset": chosen[0].dataset_label,
        "protocol": chosen[0].protocol,
        "seed": settings.seed,
        "shown": shows,
        "runs": {label: cell.run_key for label, (cell, _) in rows.items()},
        "pairs": _plain(pairs),
    }
    text = json.dumps(key, indent=1) + "\n"
    return [put(folder, PAGE, _page(identity, questions)), put(folder, KEY, text)]


def _labels(cells: Sequence[CellRecord]) -> dict[str, CellRecord]:
    """Method labels, told apart by run key where two methods call themselves the same."""
    found: dict[str, CellRecord] = {}
    for cell in cells:
        label = cell.method_label
        found[f"{label} {cell.run_key[:8]}" if label in found else label] = cell
    return found


def _secret(folder: Path, pairs: Sequence[Pair], shows: Mapping[str, bool]) -> str:
    """What names images: of the study that is in ``folder`` when it asks the same, so that answers to it stay
    answers to it."""
    try:
        there = read_object(folder / KEY)
    except (OSError, ValueError):
        there = None
    same = there is not None and there.get("pairs") == _plain(pairs) and there.get("shown") == shows
    if there is not None and same and isinstance(there.get("secret"), str):
        return str(there["secret"])
    return secrets.token_hex(16)


def _plain(pairs: Sequence[Pair]) -> list[dict[str, str]]:
    return [{"sample": p.sample, "left": p.left, "right": p.right} for p in pairs]


def _one_protocol(cells: Sequence[CellRecord], protocol: str) -> list[CellRecord]:
    """The cells of one dataset and protocol; the one with most methods that keep images."""
    groups: dict[tuple[str, str, int], list[CellRecord]] = {}
    for cell in cells:
        if not protocol or cell.protocol == protocol:
            groups.setdefault((cell.dataset_label, cell.protocol, cell.seed), []).append(cell)
    if not groups:
        known = ", ".join(sorted({cell.protocol for cell in cells}))
        raise UserError(f"study.protocol={protocol}: not among these runs; there are: {known}")
    # an undistorted protocol comes first in the order of cells
    return max(groups.values(), key=lambda own: sum(bool(_rows(cell)) for cell in own))


def _rows(cell: CellRecord) -> dict[str, SampleRow]:
    return {
        row.sample_id: row
        for row in cell.rows
        if row.ok and row.draw == 0 and kept_image(cell.path, row) is not None
    }


def _originals(
    pairs: Sequence[Pair],
    questions: list[dict[str, Any]],
    rows: dict[str, tuple[CellRecord, dict[str, SampleRow]]],
    images: TrialImages,
    folder: Path,
    secret: str,
    settings: StudySettings,
) -> None:
    """HR and references of each question's sample, read from the dataset. UserError where it is not there."""
    known: dict[str, dict[str, Any]] = {}
    for pair, question in zip(pairs, questions, strict=True):
        if pair.sample not in known:
            cell, own = rows[pair.left]
            trial = images.trial(cell, own[pair.sample])
            if trial is None:
                why = "; ".join(images.problems) or "its dataset cannot be opened"
                raise UserError(
                    f"study: {printable(pair.sample)}: no HR and references ({why}); give data.root="
                )
            facts: dict[str, Any] = {}
            if settings.hr:
                if trial.target is None:
                    raise UserError(f"study.hr=shown: {printable(pair.sample)} has no HR; leave it hidden")
                facts["hr"] = _put(folder, secret, "hr", pair.sample, trial.target)
            if settings.refs:
                facts["refs"] = [
                    _put(folder, secret, f"ref {k}", pair.sample, image) for k, image in enumerate(trial.refs)
                ]
            known[pair.sample] = facts
        question.update(known[pair.sample])


def _put(folder: Path, secret: str, kind: str, sample: str, image: Image) -> str:
    name = f"{blind_name(secret, kind, sample)}.webp"
    put(folder, f"{IMAGES}/{name}", encode(image))
    return name


def _page(identity: str, questions: Sequence[dict[str, Any]]) -> str:
    return (
        environment()
        .from_string(asset("study.html.j2", "refbench.reports.study"))
        .render(
            style=own_markup(
                asset("style.css") + asset("print.css") + asset("study.css", "refbench.reports.study")
            ),
            theme=own_markup(asset("table.js")),
            script=own_markup(asset("study.js", "refbench.reports.study")),
            data={"study": identity, "schema": SCHEMA, "questions": list(questions)},
        )
    )
