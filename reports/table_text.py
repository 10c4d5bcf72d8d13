"""The comparison table for people: plain ASCII in a pipe, colour and bold on a terminal.

Brief, it has one line per method; in full, intervals, power and the metrics' signatures as well.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from refbench.specs import MetricSpec
from refbench.untrusted.escape import printable, terminal_text

from .differences import carried_text, deltas, median_text, share_text
from .table_model import Entry, Section, Table
from .table_numbers import difference_text, interval_text, mean_text

GAP = "  "
DEFAULT_WIDTH = 120
LABEL_LIMIT = 36
BRIEF_BLOCKS = 2
"""Rows of columns that a brief table has at most; what is left is named."""

Styled = tuple[str, str]
"""(text, rich style)."""


@dataclass(frozen=True)
class _Field:
    """A column as it is laid out: the texts of both lines of every entry."""

    kind: str
    """``value``, ``delta`` or ``drop``."""
    column: int
    header: str
    full: bool
    """With the interval below each number."""

    def lines(self, entry: Entry, spec: MetricSpec) -> tuple[Styled, Styled]:
        score = entry.scores[self.column]
        if self.kind == "value":
            style = {"best": "bold green", "second": "underline", "": ""}[score.mark]
            return (mean_text(score, spec), style), (interval_text(score, spec) if self.full else "", "dim")
        comparison = score.delta if self.kind == "delta" else score.drop
        mean, interval = difference_text(comparison, spec)
        tone = score.delta_tone if self.kind == "delta" else score.drop_tone
        style = {"gain": "green", "loss": "red", "": ""}[tone]
        return (mean, style), (interval if self.full else "", "dim")


def render(table: Table, *, terminal: bool = False, width: int | None = None, full: bool = False) -> str:
    """Text for people; ASCII in a pipe, colour and bold on a terminal.

    width: most columns (long notes wrap), default the terminal's or 120. full: with intervals, medians,
    power and the metrics' signatures; else one line per method.
    """
    if width is None:
        width = shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns if terminal else DEFAULT_WIDTH
    lines: list[list[Styled]] = []
    if table.title:
        lines += [[(table.title, "bold")], []]
    entries = [entry for section in table.sections for entry in section.entries]
    if not entries:
        return _to_text([*lines, [("no finished cells", "")]], terminal, width)
    blocks = _blocks(table, entries, width, full)
    shown = blocks if full else blocks[:BRIEF_BLOCKS]
    for k, fields in enumerate(shown):
        lines += _block(table, fields, entries, width, whole=k == 0 or full)
        lines.append([])
    if left := [_metric_name(table.columns[f.column]) for block in blocks[len(shown) :] for f in block]:
        lines += _wrapped("", f"table=full has also: {', '.join(dict.fromkeys(left))}", width, "dim")
    if full:
        lines += _differences(table, width)
    for number, note in enumerate(table.notes, start=1):
        lines += _wrapped(f"[{number}] ", note, width, "yellow")
    for line in (*table.footer, *table.provenance) if full else table.brief:
        lines += _wrapped("", line, width, "dim")
    while lines and not lines[-1]:
        lines.pop()
    return _to_text(lines, terminal, width)


def _fields(table: Table, entries: Sequence[Entry], full: bool) -> list[_Field]:
    fields = []
    for k, spec in enumerate(table.columns):
        unit = f" {spec.unit}" if spec.unit else ""
        fields.append(_Field("value", k, f"{spec.title or spec.alias}{unit}", full))
        if any(entry.scores[k].delta is not None for entry in entries):
            fields.append(_Field("delta", k, f"vs {table.baseline}", full))
        if any(entry.scores[k].drop is not None for entry in entries):
            fields.append(_Field("drop", k, "drop", full))
    return fields


def _blocks(table: Table, entries: Sequence[Entry], width: int, full: bool) -> list[list[_Field]]:
    """Which columns stand side by side.

    Every metric's mean is shown, and delta and drop of the first; deltas and drops of the others, and
    columns without any value (their footnote says why), come in as far as the width allows. Means that do
    not fit go into further blocks, of which a brief table has one.
    """
    room = width - _label_width(entries, full) - len(GAP) - _count_width(entries)
    fields = _fields(table, entries, full)
    sizes = {field: len(GAP) + _field_width(table, field, entries) for field in fields}
    empty = {k for k in range(len(table.columns)) if not any(_has_value(e, k) for e in entries)}
    chosen = {f for f in fields if f.column not in empty and (f.kind == "value" or f.column == 0)}
    for field in sorted(fields, key=lambda f: (f.column not in empty, f.kind == "drop", f.column)):
        if field not in chosen and sum(sizes[f] for f in chosen) + sizes[field] <= room:
            chosen.add(field)
    shown = [field for field in fields if field in chosen]
    # what only a few rows have (matching, where the truth is known) would be dashes in the others
    rare = [] if full else [f for f in shown if f.column not in empty and _is_rare(entries, f.column)]
    blocks: list[list[_Field]] = []
    for group in ([f for f in shown if f not in rare], rare):
        blocks.append([])
        for field in group:
            if blocks[-1] and sum(sizes[f] for f in blocks[-1]) + sizes[field] > room:
                blocks.append([])
            blocks[-1].append(field)
    return [block for block in blocks if block]


def _is_rare(entries: Sequence[Entry], column: int) -> bool:
    return sum(_has_value(entry, column) for entry in entries) < len(entries) / 2


def _has_value(entry: Entry, column: int) -> bool:
    summary = entry.scores[column].summary
    return summary is not None and summary.mean is not None


def _field_width(table: Table, field: _Field, entries: Sequence[Entry]) -> int:
    texts = [field.header]
    for entry in entries:
        texts += [text for text, _ in field.lines(entry, table.columns[field.column])]
    return max(cell_len(text) for text in texts)


def _label(entry: Entry) -> str:
    return _cut(entry.cell.method_label)


def _cut(text: str) -> str:
    label = printable(text)
    return label if len(label) <= LABEL_LIMIT else label[: LABEL_LIMIT - 3] + "..."


def _remark(entry: Entry, full: bool) -> Styled:
    """The line under a method's name: errors, which matter most; in full also which is the baseline."""
    errors = entry.cell.errors
    if errors:
        shown = ", ".join(printable(i) for i in entry.cell.failed[:2]) + (
            ", ..." if len(entry.cell.failed) > 2 else ""
        )
        text = f"{errors} error{'s' if errors > 1 else ''}" + (f": {shown}" if shown else "")
        return (text if len(text) <= LABEL_LIMIT else text[: LABEL_LIMIT - 3] + "..."), "bold red"
    return ("baseline", "dim") if entry.cell.baseline and full else ("", "")


def _label_width(entries: Sequence[Entry], full: bool) -> int:
    return max(cell_len(text) for e in entries for text in (_label(e), _remark(e, full)[0], "method"))


def _count(entry: Entry) -> str:
    """``12``, with draws ``12 x 5``; uneven draws (after errors) as trials ``(59)``."""
    n, ok = entry.cell.n, entry.cell.trials - entry.cell.errors
    if ok == n:
        return str(n)
    return f"{n} x {ok // n}" if n and ok % n == 0 else f"{n} ({ok})"


def _count_width(entries: Sequence[Entry]) -> int:
    return max(len(_count(entry)) for entry in entries)


def _block(
    table: Table, fields: Sequence[_Field], entries: Sequence[Entry], width: int, whole: bool
) -> list[list[Styled]]:
    """Columns side by side. whole: with methods that have none of these values; else one line names them."""
    full = fields[0].full
    label_width, count_width = _label_width(entries, full), _count_width(entries)
    widths = [_field_width(table, field, entries) for field in fields]
    head: list[Styled] = [("method".ljust(label_width), "bold"), (GAP, ""), ("n".rjust(count_width), "bold")]
    for field, size in zip(fields, widths, strict=True):
        head += [(GAP, ""), (field.header.ljust(size), "bold" if field.kind == "value" else "")]
    total = label_width + len(GAP) + count_width + sum(len(GAP) + size for size in widths)
    lines = [head, [("-" * total, "dim")]]
    several_seeds = len({str(section.seed) for section in table.sections}) > 1
    for k, section in enumerate(table.sections):
        if k and full:
            lines.append([])
        own = [e for e in section.entries if whole or any(_has_value(e, f.column) for f in fields)]
        if not own:
            continue
        lines += _heading_lines(table, section, several_seeds, width)
        for entry in own:
            remark, style = _remark(entry, full)
            first: list[Styled] = [
                (_pad(_label(entry), label_width), "bold" if not entry.cell.baseline else "")
            ]
            second: list[Styled] = [(_pad(remark, label_width), style)]
            first += [(GAP, ""), (_count(entry).rjust(count_width), "")]
            second += [(GAP + " " * count_width, "")]
            for field, size in zip(fields, widths, strict=True):
                upper, lower = field.lines(entry, table.columns[field.column])
                first += [(GAP, ""), upper, (" " * (size - cell_len(upper[0])), "")]
                second += [(GAP, ""), lower, (" " * (size - cell_len(lower[0])), "")]
            lines += [first, second] if any(text.strip() for text, _ in second) else [first]
    without = {_label(e): _reasons(e, fields) for e in entries} if not whole else {}
    for entry in entries:
        if any(_has_value(entry, f.column) for f in fields):
            without.pop(_label(entry), None)
    if without:
        notes = sorted({number for numbers in without.values() for number in numbers})
        marks = "".join(f" [{number}]" for number in notes)
        lines += _wrapped("", f"none of these: {', '.join(without)}{marks}", width, "dim")
    return lines


def _reasons(entry: Entry, fields: Sequence[_Field]) -> set[int]:
    """The footnotes that say why an entry has no values in these columns."""
    found = (entry.scores[field.column].note for field in fields)
    return {note for note in found if note is not None}


def _metric_name(spec: MetricSpec) -> str:
    return spec.title or spec.alias


def _heading_lines(table: Table, section: Section, with_seed: bool, width: int) -> list[list[Styled]]:
    """The heading in one line; without the dataset where it is too long and the title says it, too."""
    heading = _heading(section, with_seed)
    if cell_len(heading) <= width:
        return [[(heading, "bold cyan")]]
    lead = printable(f"{section.dataset_label}, ")
    if len({s.dataset_label for s in table.sections}) == 1 and section.dataset_label in table.title:
        heading = heading.removeprefix(lead)
    return _wrapped("", heading, width, "bold cyan")


def _differences(table: Table, width: int) -> list[list[Styled]]:
    """Next to the first metric's differences to the baseline: a line per method, and what they hide."""
    column = next((k for k in range(len(table.columns)) if any(deltas(table, k))), None)
    if column is None:
        return []
    spec = table.columns[column]
    found = list(deltas(table, column))
    title = f"{spec.title or spec.alias} vs {table.baseline}"
    rows = [(_cut(title), f"mean{f' {spec.unit}' if spec.unit else ''}", "median", "better on")]
    rows += [
        (
            _label(entry),
            difference_text(delta, spec)[0],
            median_text(delta, spec),
            share_text(delta.better(spec.higher_is_better)),
        )
        for _, entry, _, delta in found
    ]
    sizes = [max(cell_len(row[k]) for row in rows) for k in range(4)]
    head, *texts = (GAP.join(_pad(text, size) for text, size in zip(row, sizes, strict=True)) for row in rows)
    lines: list[list[Styled]] = [[(head, "bold")]]
    several_seeds = len({str(section.seed) for section in table.sections}) > 1
    above: Section | None = None
    for text, (section, _, _, delta) in zip(texts, found, strict=True):
        if section is not above and len(table.sections) > 1:
            lines += _heading_lines(table, section, several_seeds, width)
        above = section
        lines.append([(text, "")])
        if carried := carried_text(delta):
            lines.append([(f"{GAP}{carried}", "yellow")])
    return [*lines, []]


def _heading(section: Section, with_seed: bool) -> str:
    seed = f", seed {section.seed}" if with_seed else ""
    control = "  (control)" if section.control else ""
    return printable(f"{section.dataset_label}, {section.protocol}{seed}{control}")


def _pad(text: str, size: int) -> str:
    return text + " " * (size - cell_len(text))


def _wrapped(lead: str, text: str, width: int, style: str) -> list[list[Styled]]:
    wrapped = textwrap.wrap(
        lead + printable(text),
        max(width, 40),
        subsequent_indent=" " * max(len(lead), 2),
        break_on_hyphens=False,
    )
    return [[(line, style)] for line in wrapped]


def _to_text(lines: Sequence[Sequence[Styled]], terminal: bool, width: int) -> str:
    lines = [[(terminal_text(text), style) for text, style in line] for line in lines]
    if not terminal:
        return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)
    buffer = StringIO()
    console = Console(file=buffer, force_terminal=True, width=max(width, 40), highlight=False, soft_wrap=True)
    for line in lines:
        text = Text()
        for part, style in line:
            text.append(part, style=style)
        text.rstrip()
        console.print(text, soft_wrap=True)
    return buffer.getvalue().rstrip("\n")
