"""``python tools/bundled_table.py CSV``: the bundled nets side by side, from what ``refbench report`` wrote.

Prints a Markdown table: PSNR-Y over bicubic in dB, a row per reference (kind, number, jitter), a column per
method. CSV is ``scores_*.csv`` of ``refbench report RESULTS format=csv``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pandas as pd
from doc_tables import table as markdown

METHODS = ("edvr_ref", "ttsr", "c2_matching", "mrefsr", "datsr")
CONTROL, BASELINE = "canonical@1", "bicubic"
COUNTED = tuple(
    (f"{n} {order}", f"ref={n}{order}")
    for order, numbers in (("best", range(2, 6)), ("worst", range(1, 6)), ("random", (1, 3)))
    for n in numbers
)
ROWS = (
    ("L1, the best", ""), ("L2", "ref=L2"), ("L3", "ref=L3"), ("L4", "ref=L4"),
    ("L5, another photo", "ref=L5"), ("LR itself", "ref=lr"), ("another group's", "ref=other"),
    ("a texture photo", "ref=foreign"), ("noise", "ref=noise"),
    ("L1, shuffled", "ref=shuffled"), ("grey", "ref=constant"),
    ("HR (oracle: leaks HR)", "ref=hr(oracle: leaks HR)"),
    ("L1, jitter x0.5", "jitter@1[level=x0.5]"), ("L1, jitter x1", "jitter@1[level=x1]"),
    ("L1, jitter x2", "jitter@1[level=x2]"), *COUNTED,
)  # fmt: skip
"""What a row is called, and its protocol after ``canonical@1+``."""


def table(scores: pd.DataFrame, metric: str = "psnr_y") -> str:
    """The table; a method without a protocol has ``-``. Raises KeyError where bicubic has no control."""
    chosen = scores[scores["metric"] == metric]
    # the options in a label, as how several references are used, differ between protocols only
    names = chosen["method"].str.split().str[0]
    mean = {(m, p): v for m, p, v in zip(names, chosen["protocol"], chosen["mean"], strict=True)}
    base = mean[BASELINE, CONTROL]
    rows = []
    for title, rest in ROWS:
        own = [mean.get((m, f"{CONTROL}+{rest}" if rest else CONTROL)) for m in METHODS]
        rows.append([title, *("" if value is None else f"{value - base:+.2f}" for value in own)])
    return markdown(("reference", *(f"`{m}`" for m in METHODS)), rows, numbers=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    (path,) = sys.argv[1:] if argv is None else argv
    print(table(pd.read_csv(path)), end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
