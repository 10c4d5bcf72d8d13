"""Which entry of one column is best, and only where that is significant.

The family of tests is one column: the best mean against each of the others, Holm-corrected. Entries that
were not measured on exactly the same trials are not ranked at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from refbench.stats.cluster import cluster_means, mean_of
from refbench.stats.holm import holm
from refbench.stats.paired import ALPHA, Comparison, Trials, compare, foresee_comparisons, smallest_p


@dataclass(frozen=True)
class Ranking:
    """Marks for one column."""

    best: str | None = None
    """Name of the entry that beats every other one significantly, else None."""
    second: str | None = None
    """Name of the runner-up that beats every other one but the best significantly, else None."""
    reason: str | None = None
    """Why nothing is marked, when nothing can be: different samples, too few images."""
    adjusted_p: Mapping[str, float] = field(default_factory=dict)
    """Holm-adjusted p of the top mean against each other entry."""


def rank(column: Mapping[str, Trials], *, higher_is_better: bool, alpha: float = ALPHA) -> Ranking:
    """Rank the entries of one column: name -> its trials under one dataset, protocol and signature."""
    entries = {name: trials for name, trials in column.items() if trials}
    if len(entries) < 2:
        return Ranking()
    reason = different_trials(entries)
    if reason is not None:
        return Ranking(reason=reason)
    images = len({sample for sample, _ in next(iter(entries.values()))})
    comparisons = len(entries) - 1
    least = smallest_p(images)
    if least * comparisons > alpha:
        return Ranking(reason=too_few(images, comparisons, least, alpha))
    order = sorted(entries, key=lambda name: (_mean(entries[name]), name), reverse=higher_is_better)
    best, rest = order[0], order[1:]
    adjusted = _against(entries, best, rest)
    if max(adjusted.values()) > alpha:
        return Ranking(adjusted_p=adjusted)
    second, others = rest[0], rest[1:]
    if not others or max(_against(entries, second, others).values()) > alpha:
        return Ranking(best=best, adjusted_p=adjusted)
    return Ranking(best=best, second=second, adjusted_p=adjusted)


def significant(family: Mapping[str, Comparison]) -> frozenset[str]:
    """Names of the comparisons whose Holm-adjusted p over the ``family`` is at most 0.05.

    The rule for every difference that a table, a page or a paper colours or calls significant.
    """
    names = list(family)
    adjusted = holm([family[name].p for name in names])
    return frozenset(name for name, p in zip(names, adjusted, strict=True) if p <= ALPHA)


def different_trials(entries: Mapping[str, Trials]) -> str | None:
    """A sentence when the entries were not measured on the same trials, else None."""
    everything = set().union(*(trials.keys() for trials in entries.values()))
    for name, trials in entries.items():
        missing = sorted(everything - trials.keys())
        if missing:
            samples = sorted({sample for sample, _ in missing})
            shown = ", ".join(samples[:3]) + (", ..." if len(samples) > 3 else "")
            trials_text = "1 trial" if len(missing) == 1 else f"{len(missing)} trials"
            return f"not ranked: sample sets differ ({name} has no value for {trials_text}: {shown})"
    return None


def too_few(images: int, comparisons: int, least: float, alpha: float) -> str:
    """The sentence for a column in which no result could be significant."""
    times = f" x {comparisons} comparisons" if comparisons > 1 else ""
    plural = "image" if images == 1 else "images"
    return (
        f"not ranked: with {images} {plural} the smallest attainable p is {least:.3g}{times}, above {alpha:g}"
    )


def _mean(trials: Trials) -> float:
    _, means = cluster_means(list(trials.values()), [sample for sample, _ in trials])
    return mean_of(means)


def _against(entries: Mapping[str, Trials], top: str, others: list[str]) -> dict[str, float]:
    foresee_comparisons((entries[top], entries[other]) for other in others)
    adjusted = holm([compare(entries[top], entries[other]).p for other in others])
    return dict(zip(others, adjusted, strict=True))
