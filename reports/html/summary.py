"""The page's first screen: what was asked, on what, who is best by how much, and what cannot be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from refbench.results.provenance import provenance_of
from refbench.results.record import CellRecord
from refbench.specs import MetricSpec

from ..report import Report
from ..table_model import Entry, Section, Table
from ..table_numbers import difference_text

_SHOWN = 6


def summary(report: Report) -> dict[str, Any]:
    """Plain texts for the template: ``facts`` as (word, text), ``verdicts``, ``warnings``."""
    cells = report.cells
    facts = [
        ("Methods", _listed(list(dict.fromkeys(c.method_label for c in cells)))),
        ("Images", _listed(list(dict.fromkeys(f"{c.dataset_label} ({c.n})" for c in cells if c.n)))),
        ("Protocols", _protocols(report)),
        ("Asked for", _listed(list(dict.fromkeys(c.suite for c in cells if c.suite)))),
        ("Measured", _dates(cells)),
        ("Audit", _audits(cells)),
        ("Evidence", _evidence(cells)),
    ]  # fmt: skip
    return {
        "facts": [(name, text) for name, text in facts if text],
        "verdicts": _verdicts(report),
        "warnings": _warnings(report),
    }


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _protocols(report: Report) -> str:
    """What was done to the references, in words: cards as they are, changes by family, types and numbers."""
    plain: list[str] = []
    changed: dict[str, list[str]] = {}
    counted = {"type": 0, "number": 0, "other": 0}
    for group, table in report.tables:
        own = [s for s in table.sections if not s.control or group.kind == "protocols"] or table.sections
        if group.kind == "protocols":
            plain += [section.protocol for section in own]
        elif group.kind in counted:
            counted[group.kind] += len({section.protocol for section in own})
        else:
            family, _, reference = group.kind.partition(", ")
            of = "LR" if family.startswith("lr-") else _reference(reference)
            changed.setdefault(of, []).append(family.partition("@")[0])
    parts = [_listed(list(dict.fromkeys(plain)))] if plain else []
    parts += [f"changes of {of}: {', '.join(dict.fromkeys(names))}" for of, names in changed.items()]
    names = {"type": "types of reference", "number": "numbers of references", "other": "other protocols"}
    parts += [f"{count} {names[kind]}" for kind, count in counted.items() if count]
    return "; ".join(parts)


def _reference(of: str) -> str:
    """What was changed: the part of a group's kind behind the family."""
    oracle = of.removeprefix("ref=hr")
    return f"HR as the reference {oracle}" if oracle != of else of.removeprefix("ref=") or "the reference"


def _dates(cells: Sequence[CellRecord]) -> str:
    times = sorted(str(s["started"])[:10] for c in cells for s in c.manifest.sessions if s.get("started"))
    if not times:
        return ""
    return times[0] if times[0] == times[-1] else f"{times[0]} to {times[-1]}"


def _audits(cells: Sequence[CellRecord]) -> str:
    """What audits say of the cells: ``all 12 cells: self-reported``, ``8 cells: re-scored; 4 cells: ...``."""
    found = Counter(provenance_of(cell).audit for cell in cells)
    if len(found) == 1 and len(cells) > 1:
        return f"all {len(cells)} results: {next(iter(found))}"
    return "; ".join(f"{n} {'result' if n == 1 else 'results'}: {said}" for said, n in found.items())


def _evidence(cells: Sequence[CellRecord]) -> str:
    """How far the numbers can be checked from what is on disk."""
    rows = [row for cell in cells for row in cell.rows if row.ok]
    if not rows:
        return ""
    digests = sum(row.sr_sha256 is not None for row in rows)
    images = sum(row.image is not None for row in rows)
    return (
        f"{_share(digests, len(rows))} rows record digests of their images; "
        f"{_share(images, len(rows))} SR images are kept, so that scores can be computed again"
    )


def _share(part: int, whole: int) -> str:
    return f"all {whole}" if part == whole else f"{part} of {whole}"


def _verdicts(report: Report) -> list[dict[str, Any]]:
    """One sentence per dataset and undistorted protocol: who is best, by how much, and is it certain."""
    found = []
    for group, table in report.tables:
        if group.kind != "protocols":
            continue
        column = next(
            (k for k, s in enumerate(table.columns) if s.signature == report.metric.signature), None
        )
        if column is None:
            continue
        for section in table.sections:
            text = _verdict(table, section, column)
            if text:
                found.append({"where": f"{section.dataset_label}, {section.protocol}", **text})
    return found


def _verdict(table: Table, section: Section, column: int) -> dict[str, Any]:
    spec = table.columns[column]
    known = [(m, entry) for entry in section.entries if (m := _mean(entry, column)) is not None]
    if not known:
        return {}
    known.sort(key=lambda item: item[0], reverse=spec.higher_is_better)
    mean, best = known[0]
    score = best.scores[column]
    name = spec.title or spec.alias
    text = f"{name} {_number(mean, spec)}"
    if score.delta is not None:
        text += (
            ", " + " ".join(filter(None, difference_text(score.delta, spec))) + f" against {table.baseline}"
        )
    method = best.cell.method_label
    if len(known) == 1:
        said = {"claim": "was measured alone", "text": text, "why": "nothing to compare with"}
        return {"method": method, "certain": False, **said}
    lead = _lead(known, spec)
    certain = score.mark == "best"
    # the word "best" is for a lead that the table's own test supports
    highest = f"has the {'highest' if spec.higher_is_better else 'lowest'} mean"
    return {
        "method": method,
        "claim": "is best" if certain else highest,
        "text": f"{text}; {lead}",
        "certain": certain,
        "why": "significant" if certain else "the lead is not shown to be significant",
    }


def _lead(known: Sequence[tuple[float, Entry]], spec: MetricSpec) -> str:
    """``0.42 dB ahead of X``; before it methods with the same printed mean: ``level with Y; ...``."""
    mean, shown = known[0][0], f".{spec.decimals}f"
    level = [e.cell.method_label for m, e in known[1:] if f"{m:{shown}}" == f"{mean:{shown}}"]
    parts = [f"level with {_listed(level)}"] if level else []
    if len(known) > len(level) + 1:
        other, entry = known[len(level) + 1]
        parts.append(f"{_number(abs(mean - other), spec)} ahead of {entry.cell.method_label}")
    return "; ".join(parts)


def _mean(entry: Entry, column: int) -> float | None:
    found = entry.scores[column].summary
    return None if found is None else found.mean


def _number(value: float, spec: MetricSpec) -> str:
    return f"{value:.{spec.decimals}f}{f' {spec.unit}' if spec.unit else ''}"


def _warnings(report: Report) -> list[str]:
    """What must not be read out of the numbers, each once."""
    found = [note for _, table in report.tables for note in table.notes if "not ranked" in note]
    errors = sum(cell.errors for cell in report.cells)
    if errors:
        found.append(f"{errors} {'image has' if errors == 1 else 'images have'} an error instead of a score")
    found += [f"{c.dataset_label}: {c.partial}" for c in report.cells if c.partial]
    if any(c.parts is not None and c.parts.reference.name == "hr" for c in report.cells):
        found.append("some protocols give HR itself as the reference (oracle): an upper bound, not a result")
    return list(dict.fromkeys(found))
