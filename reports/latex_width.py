"""How wide a LaTeX table will be, and the letters and column kinds with which it fits: nothing is scaled."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

SIZES = (("small", 9.0, 4.0), ("footnotesize", 8.0, 3.0), ("scriptsize", 7.0, 2.0))
"""Command, points of its letters, points of ``\\tabcolsep``."""
OPTICAL = {9.0: 1.03, 8.0: 1.06, 7.0: 1.14}
"""Computer Modern's small letters are relatively wider."""
_EM = {
    **dict.fromkeys("ijl.,:;|!'`", 0.29), **dict.fromkeys("frtsI()[]-/", 0.4), " ": 0.34,
    **dict.fromkeys("mwMW@%", 0.92), **dict.fromkeys("+=<>~^#&", 0.78),
}  # fmt: skip
"""Width of a letter in units of its size, in Computer Modern, which is wider than Times."""
LEAST = 60.0
"""Points of the narrowest column whose text is broken into lines."""
_SMALL = re.compile(r"\{\\scriptsize ((?:[^{}]|\{[^{}]*\})*)\}")
_NAMED = re.compile(r"\\text(?:backslash|less|greater|bar|ascii\w+|quote\w+)\{\}")
_ESCAPED = re.compile(r"\\[^A-Za-z]|\{[\[\]]\}")
_COMMANDS = re.compile(r"\\[A-Za-z]+|[{}$]")


@dataclass(frozen=True)
class Fit:
    """How a table is set."""

    size: str
    """``small``, ``footnotesize``, ``scriptsize``."""
    separation: float
    """``\\tabcolsep`` in points."""
    columns: tuple[str, ...]
    """Column kinds: ``l``, ``r``, or ``p{...}`` for text in lines."""
    needed: float
    """Points; more than there is room for where numbers alone are too wide."""

    @property
    def setting(self) -> str:
        """The commands before the tabular."""
        return rf"\{self.size}\setlength{{\tabcolsep}}{{{self.separation:g}pt}}"


def points_of(tex: str, points: float) -> float:
    """Width of what a cell prints in letters of ``points``; intervals are always set in scriptsize."""
    small = sum(_ems(found) for found in _SMALL.findall(tex))
    least = SIZES[-1][1]
    return _ems(_SMALL.sub("", tex)) * points * OPTICAL[points] + small * least * OPTICAL[least]


def _ems(tex: str) -> float:
    named = _NAMED.sub("#", tex)
    plain = _COMMANDS.sub("", _ESCAPED.sub("0", named))
    return sum(_EM.get(c, 0.75 if c.isupper() else 0.54) for c in plain)


def fit(kinds: str, rows: Sequence[Sequence[str]], room: float) -> Fit:
    """The largest letters with which the columns fit into ``room`` points; below the smallest, text columns
    are broken into lines, the widest ones first. kinds: one ``l`` or ``r`` per column."""
    for size, points, separation in SIZES:
        gaps = 2 * separation * (len(kinds) - 1)
        wide = [max((points_of(row[k], points) for row in rows), default=0.0) for k in range(len(kinds))]
        if sum(wide) + gaps <= room:
            return Fit(size, separation, tuple(kinds), sum(wide) + gaps)
    columns = list(kinds)
    for k in sorted((k for k, kind in enumerate(kinds) if kind == "l"), key=lambda k: -wide[k]):
        excess = sum(wide) + gaps - room
        if excess <= 0 or wide[k] <= LEAST:
            break
        wide[k] = max(LEAST, wide[k] - excess)
        columns[k] = rf">{{\raggedright\arraybackslash}}p{{{wide[k]:.0f}pt}}"
    return Fit(size, separation, tuple(columns), sum(wide) + gaps)
