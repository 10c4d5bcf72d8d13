"""The paper's table as data: methods x datasets (or protocols), literature above, one mark per number."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from refbench.errors import UserError, unknown
from refbench.registry import Registry
from refbench.results.record import CellRecord
from refbench.specs import MetricSpec

from ..literature import LiteratureRow, family, literature, merged
from ..options import PrintOptions
from ..selection import Names
from ..table import comparison_table
from ..table_model import Score, Section, Table
from .citations import Bibliography

MOST_METRICS = 2
"""Columns of a table that was not told which."""
Mark = Literal["", "best", "second"]


@dataclass(frozen=True)
class Value:
    """One number as it is printed."""

    text: str
    """``28.50``; ``-`` for none."""
    mark: Mark = ""
    half: str = ""
    """Half the 95 % interval, where that was asked for."""
    by_eye: bool = False


@dataclass(frozen=True)
class Column:
    """One dataset under one protocol; without a protocol: what only the literature has."""

    key: str
    dataset: str
    """Name in print."""
    dataset_id: str
    protocol: str
    """Id, empty for a column of the literature alone."""
    images: int
    whole: bool
    """The complete dataset: only then do published numbers stand in the same column."""
    cited: bool
    """The dataset of that name or a part of it; the sample that stands in for it is another one."""
    cell: CellRecord | None = None
    """One of the measured cells, for the words of its protocol."""


@dataclass(frozen=True)
class Row:
    """One method."""

    name: str
    cite: tuple[str, ...]
    values: Mapping[tuple[str, str], Value]
    """(key of the column, metric alias) -> number; what is absent is ``-``."""
    literature: LiteratureRow | None = None


@dataclass(frozen=True)
class PaperTable:
    """Everything that stands in the table and its caption."""

    metrics: tuple[MetricSpec, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    """Literature first."""
    cells: tuple[CellRecord, ...]
    """The measured cells behind it."""
    marks: str
    """``significance`` or ``value``."""
    comparison: Table
    """The comparison table whose rule decides the marks."""

    @property
    def marked(self) -> bool:
        """Whether any number has a mark."""
        return any(value.mark for row in self.rows for value in row.values.values())


def paper_table(
    cells: Sequence[CellRecord], options: PrintOptions, names: Names, cites: Bibliography, registry: Registry
) -> PaperTable:
    """Build the table. Raises UserError for a metric, method, dataset or protocol that is not there."""
    chosen = options.selection.of(cells)
    table = comparison_table(chosen)
    metrics = _metrics(table.columns, options.columns)
    digits = _digits(metrics, options.digits)
    columns: list[Column] = []
    values: dict[tuple[str, str, str], Value] = {}
    members: dict[str, CellRecord] = {}
    for section in table.sections:
        column = _column(section, names)
        columns.append(column)
        for label, found in _section_values(table, section, metrics, digits, options).items():
            values.update({(label, column.key, alias): value for alias, value in found.items()})
        for entry in section.entries:
            members.setdefault(entry.cell.method_label, entry.cell)
    order = [cell.method_label for cell in chosen]
    measured = [
        Row(
            names.method(members[label]),
            (cites.method(members[label].method),),
            {(key, alias): v for (own, key, alias), v in values.items() if own == label},
        )
        for label in dict.fromkeys(order)
        if label in members
    ]
    above = _literature(chosen, options, registry)
    columns += _literature_columns(columns, above, names)
    published = [_published(row, columns, metrics, cites) for row in above]
    published = [row for row in published if row.values]
    used = {key for row in (*measured, *published) for key, _ in row.values}
    shown = tuple(column for column in columns if column.key in used)
    return PaperTable(metrics, shown, (*published, *measured), chosen, options.marks, table)


def _literature(
    cells: Sequence[CellRecord], options: PrintOptions, registry: Registry
) -> tuple[LiteratureRow, ...]:
    """The literature's rows above: none, those of the measured methods, or all."""
    if options.published == "none":
        return ()
    datasets = {cell.dataset for cell in cells}
    wanted = {cell.method for cell in cells} if options.published == "own" else set()
    return merged(literature(datasets, wanted, registry))


def _literature_columns(
    columns: Sequence[Column], rows: Sequence[LiteratureRow], names: Names
) -> list[Column]:
    """A column of their own for the numbers on datasets of which no measured column is the whole."""
    whole = {column.dataset_id for column in columns if column.whole}
    datasets = dict.fromkeys(dataset for row in rows for dataset, _ in row.values)
    return [
        Column(dataset, names.label(dataset, dataset), dataset, "", 0, True, True)
        for dataset in datasets
        if dataset not in whole
    ]


def _published(
    row: LiteratureRow, columns: Sequence[Column], metrics: Sequence[MetricSpec], cites: Bibliography
) -> Row:
    values = {}
    for column in columns:
        if not column.whole or (column.cell is not None and not _plain(column.cell)):
            continue
        for spec in metrics:
            number = row.values.get((column.dataset_id, family(spec) or ""))
            if number is not None:
                values[column.key, spec.alias] = Value(number.text, by_eye=number.by_eye)
    return Row(row.label, (cites.literature(row.first),), values, row)


def _plain(cell: CellRecord) -> bool:
    """Whether nothing was done to the reference: published numbers stand in no column of a distorted one."""
    return cell.parts is not None and cell.parts.transform is None and not cell.parts.reference.id


def _metrics(columns: Sequence[MetricSpec], wanted: Sequence[str]) -> tuple[MetricSpec, ...]:
    known = {spec.alias: spec for spec in columns}
    if not wanted:
        return tuple(columns)[:MOST_METRICS]
    for alias in wanted:
        if alias not in known:
            raise unknown("metric in these runs", alias, known)
    return tuple(known[alias] for alias in wanted)


def _digits(metrics: Sequence[MetricSpec], wanted: Sequence[str]) -> Mapping[str, int]:
    """Alias -> decimals. Raises UserError."""
    if not wanted:
        return {spec.alias: spec.decimals for spec in metrics}
    if not all(re.fullmatch(r"[0-9]", word) for word in wanted) or len(wanted) not in (1, len(metrics)):
        raise UserError(
            f"digits={','.join(wanted)}: give one number from 0 to 9, or one for each of the "
            f"{len(metrics)} metrics"
        )
    numbers = [int(word) for word in wanted] * (len(metrics) if len(wanted) == 1 else 1)
    return {spec.alias: count for spec, count in zip(metrics, numbers, strict=True)}


def _column(section: Section, names: Names) -> Column:
    cell = section.entries[0].cell
    images = max(entry.cell.n for entry in section.entries)
    return Column(
        f"{section.dataset_label} {section.protocol} {section.seed}",
        names.dataset(cell),
        cell.dataset,
        section.protocol,
        images,
        cell.dataset_label == cell.dataset,
        cell.dataset_label.partition(" [")[0] == cell.dataset,
        cell,
    )


def _section_values(
    table: Table,
    section: Section,
    metrics: Sequence[MetricSpec],
    digits: Mapping[str, int],
    options: PrintOptions,
) -> dict[str, dict[str, Value]]:
    """Label -> metric alias -> number of one section."""
    found: dict[str, dict[str, Value]] = {entry.cell.method_label: {} for entry in section.entries}
    for spec in metrics:
        k = table.columns.index(spec)
        scores = {entry.cell.method_label: entry.scores[k] for entry in section.entries}
        by_value = _by_value(scores, spec) if options.marks == "value" else None
        for label, score in scores.items():
            if score.summary is None or score.summary.mean is None:
                continue
            mark = score.mark if by_value is None else by_value.get(label, "")
            text = f"{score.summary.mean:.{digits[spec.alias]}f}"
            half = _half(score, digits[spec.alias]) if options.interval == "pm" else ""
            found[label][spec.alias] = Value(text, mark, half)
    return found


def _half(score: Score, digits: int) -> str:
    summary = score.summary
    if summary is None or summary.lo is None or summary.hi is None:
        return ""
    return f"{(summary.hi - summary.lo) / 2:.{digits}f}"


def _by_value(scores: Mapping[str, Score], spec: MetricSpec) -> dict[str, Mark]:
    means = {
        label: score.summary.mean
        for label, score in scores.items()
        if score.summary is not None and score.summary.mean is not None
    }
    ranks = sorted(set(means.values()), reverse=spec.higher_is_better)
    if len(ranks) < 2:
        return {}
    marks: dict[float, Mark] = {ranks[0]: "best", ranks[1]: "second"}
    return {label: marks.get(mean, "") for label, mean in means.items()}
