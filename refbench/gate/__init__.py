"""The gate of ``refbench check``: a run against a committed baseline, image by image. Pure functions.

baseline   the baseline file: small, sorted, rounded, made to be reviewed
match      which cell of the run stands for which cell of the baseline, or the field that differs
check      verdicts per metric and the exit code
formats    text, JSON, JUnit XML and Markdown
"""

from refbench.gate.baseline import Baseline, baseline_of, load_baseline, write_baseline
from refbench.gate.check import check
from refbench.gate.formats import document, junit, markdown, text
from refbench.gate.tolerance import Limits, limits_from
from refbench.gate.verdict import CellVerdict, GateResult, MetricVerdict

__all__ = [
    "Baseline",
    "CellVerdict",
    "GateResult",
    "Limits",
    "MetricVerdict",
    "baseline_of",
    "check",
    "document",
    "junit",
    "limits_from",
    "load_baseline",
    "markdown",
    "text",
    "write_baseline",
]
