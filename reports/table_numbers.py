"""How numbers of a comparison table are written."""

from __future__ import annotations

from refbench.specs import MetricSpec
from refbench.stats.paired import Comparison

from .table_model import Score


def mean_text(score: Score, spec: MetricSpec) -> str:
    """``26.54`` with its mark (``*`` best, ``'`` second) and footnote, ``absent`` where no value is."""
    if score.summary is None:
        text = "-"
    elif score.summary.mean is None:
        text = "absent"
    else:
        text = f"{score.summary.mean:.{spec.decimals}f}" + {"best": "*", "second": "'", "": ""}[score.mark]
    return text if score.note is None else f"{text} [{score.note}]"


def interval_text(score: Score, spec: MetricSpec) -> str:
    """``[23.9, 28.1]``, one decimal less than the mean; empty where there is no interval."""
    if score.summary is None or score.summary.lo is None or score.summary.hi is None:
        return ""
    digits = max(0, spec.decimals - 1)
    return f"[{score.summary.lo:.{digits}f}, {score.summary.hi:.{digits}f}]"


def difference_text(comparison: Comparison | None, spec: MetricSpec) -> tuple[str, str]:
    """(``+1.23``, ``[+0.98, +1.49]``), empty texts where there is nothing to compare."""
    if comparison is None or comparison.difference.mean is None:
        return "", ""
    difference = comparison.difference
    interval = ""
    if difference.lo is not None and difference.hi is not None:
        interval = f"[{_signed(difference.lo, spec)}, {_signed(difference.hi, spec)}]"
    assert difference.mean is not None
    return _signed(difference.mean, spec), interval


def _signed(value: float, spec: MetricSpec) -> str:
    text = f"{value:+.{spec.decimals}f}"
    # "-0.00" would read as a loss
    return text.replace("-", "+") if float(text) == 0.0 else text
