"""Builds the comparison table from finished cells: ``render(comparison_table(cells))``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from refbench.identity.keys import canonical_json
from refbench.results.drops import Drops, trials_of
from refbench.results.provenance import brief as brief_provenance
from refbench.results.provenance import lines as provenance_lines
from refbench.results.record import CellRecord
from refbench.specs import MetricSpec
from refbench.stats.paired import Comparison, Trials, compare, foresee_comparisons
from refbench.stats.ranking import Ranking, rank, significant

from .call_notes import call_notes
from .look_alikes import look_alikes
from .table_model import Entry, Score, Section, Table, Tone
from .table_notes import Footnotes, Unranked, brief_footer, footer

__all__ = ["Table", "comparison_table"]


def comparison_table(cells: Sequence[CellRecord], *, title: str = "", drops: Drops | None = None) -> Table:
    """The table of ``cells``: one section per dataset, protocol and seed, one column per metric signature.

    Methods are compared and ranked within a section only, and there only on identical trials. drops: of a
    larger set of cells that these are a part of; default those among ``cells``.
    """
    columns = _columns(cells)
    notes = Footnotes()
    groups: dict[str, list[CellRecord]] = {}
    for cell in cells:
        groups.setdefault(_group_key(cell), []).append(cell)
    baseline = next((cell.method_label for cell in cells if cell.baseline), None)
    unranked = Unranked()
    drops = Drops(cells) if drops is None else drops
    sections = tuple(_section(group, drops, columns, notes, unranked) for group in groups.values())
    unranked.note(notes, len(sections))
    for sentence in (*look_alikes(sections), *call_notes(sections)):
        notes.number(sentence)
    return Table(
        title,
        columns,
        sections,
        baseline,
        notes.texts(),
        footer(columns, sections, baseline),
        provenance_lines(cells),
        (*brief_footer(columns, sections, baseline), *brief_provenance(cells)),
    )


def _group_key(cell: CellRecord) -> str:
    # not the label: a part of a set stands next to the whole of it, each with its number of images
    return canonical_json([cell.dataset, cell.partial, cell.protocol, dict(cell.compare_key)])


def _columns(cells: Sequence[CellRecord]) -> tuple[MetricSpec, ...]:
    """One spec per signature, in order of first appearance; two signatures never share a column."""
    columns: dict[str, MetricSpec] = {}
    for cell in cells:
        for metric in cell.metrics.values():
            columns.setdefault(metric.signature, metric.spec)
    return tuple(columns.values())


def _section(
    group: Sequence[CellRecord],
    drops: Drops,
    columns: Sequence[MetricSpec],
    notes: Footnotes,
    unranked: Unranked,
) -> Section:
    first = group[0]
    labels = _labels(group)
    baseline = next((cell for cell in group if cell.baseline), None)
    partial = next((cell.partial for cell in group if cell.partial), "")
    scores: dict[str, list[Score]] = {label: [] for label in labels}
    for spec in columns:
        trials = {label: trials_of(cell, spec.signature) for label, cell in labels.items()}
        ranking = _ranking(trials, spec, partial)
        if ranking.reason is not None and any(trials.values()):
            unranked.add(ranking.reason, f"{first.dataset_label}, {first.protocol}", spec.title or spec.alias)
        drops.foresee(group, spec)
        if baseline is not None:
            against = trials_of(baseline, spec.signature)
            foresee_comparisons([(own, against) for own in trials.values()], spec.bounds)
        column = {
            label: _score(cell, baseline, drops, spec, label, ranking, notes)
            for label, cell in labels.items()
        }
        for label, score in _toned(column, spec, not partial, ranking.reason is None).items():
            scores[label].append(score)
    return Section(
        dataset_label=first.dataset_label,
        protocol=first.protocol,
        seed=first.compare_key.get("seed"),
        compare_key=first.compare_key,
        control=first.protocol in drops.protocols,
        entries=tuple(Entry(cell, tuple(scores[label])) for label, cell in labels.items()),
    )


def _all_zero(comparison: Comparison) -> bool:
    """Every image's difference is zero, but for the rounding of a mean over draws."""
    return abs(comparison.difference.mean or 0.0) < 1e-9 and (comparison.deviation or 0.0) < 1e-9


def _toned(column: Mapping[str, Score], spec: MetricSpec, told: bool, ranked: bool) -> Mapping[str, Score]:
    """The column with a tone on each significant difference; the family is all of its deltas, or drops.

    told: the run is complete; else nothing has a tone. A delta has none either where
    the methods are not ranked (``ranked``), so that no colour says what the footnote denies.
    """
    deltas = {label: score.delta for label, score in column.items() if score.delta is not None}
    drops = {label: score.drop for label, score in column.items() if score.drop is not None}
    certain = significant(deltas) if told and ranked else frozenset()
    lost = significant(drops) if told else frozenset()
    return {
        label: replace(
            score,
            delta_tone=_tone(deltas[label], spec.higher_is_better) if label in certain else "",
            drop_tone=_tone(drops[label], False) if label in lost else "",
        )
        for label, score in column.items()
    }


def _tone(comparison: Comparison, higher_is_better: bool) -> Tone:
    mean = comparison.difference.mean
    return "gain" if mean is not None and (mean > 0.0) == higher_is_better else "loss"


def _ranking(trials: Mapping[str, Trials], spec: MetricSpec, partial: str) -> Ranking:
    if partial:
        return Ranking(reason=f"not ranked: {partial}")
    return rank(trials, higher_is_better=spec.higher_is_better)


def _labels(group: Sequence[CellRecord]) -> Mapping[str, CellRecord]:
    """Method labels, told apart by run key where two cells of one section share one."""
    labels: dict[str, CellRecord] = {}
    for cell in group:
        label = cell.method_label
        labels[f"{label} {cell.run_key[:8]}" if label in labels else label] = cell
    return labels


def _score(
    cell: CellRecord,
    baseline: CellRecord | None,
    drops: Drops,
    spec: MetricSpec,
    label: str,
    ranking: Ranking,
    notes: Footnotes,
) -> Score:
    summary = next((s for s in cell.metrics.values() if s.signature == spec.signature), None)
    if summary is None:
        return Score(None)
    own = trials_of(cell, spec.signature)
    note = notes.absent(spec.title or spec.alias, summary.reason) if summary.reason else None
    delta: Comparison | None = None
    if baseline is not None and baseline is not cell:
        other = trials_of(baseline, spec.signature)
        delta = compare(own, other, spec.bounds) if own.keys() & other.keys() else None
    drop = drops.of(cell, spec.signature)
    if cell.baseline and drop is not None and _all_zero(drop):
        # a method without references loses nothing, whatever is done to them
        drop = None
    mark: Literal["", "best", "second"] = (
        "best" if ranking.best == label else "second" if ranking.second == label else ""
    )
    return Score(summary, mark, delta, drop, note=note)
