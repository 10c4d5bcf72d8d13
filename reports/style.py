"""How figures look in print: widths of a venue's columns, size and family of the letters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from refbench.errors import unknown


@dataclass(frozen=True)
class FigureStyle:
    """Sizes in inches and points."""

    column: float
    """Width of one column."""
    text: float
    """Width of the text block: of a figure over both columns."""
    points: float
    """Size of the letters."""
    serif: bool

    def settings(self) -> Any:
        """matplotlib settings. STIX is the Times that matplotlib ships, so that no font has to be there."""
        return {
            "font.size": self.points,
            "font.family": "STIXGeneral" if self.serif else "DejaVu Sans",
            "axes.linewidth": 0.6,
            "svg.fonttype": "none",
            "pdf.fonttype": 42,
            # names of methods are data: `$` is not a formula
            "text.parse_math": False,
        }


STYLES = {
    # the author kits: CVPR 2 x 3.25 in in 6.875 in, letters of captions 9 pt; NeurIPS 5.5 in, 10 pt
    "cvpr": FigureStyle(3.25, 6.875, 8.0, True),
    "neurips": FigureStyle(2.7, 5.5, 8.0, True),
    "page": FigureStyle(4.6, 6.4, 8.0, False),
}


def figure_style(name: str, serif: bool | None = None) -> FigureStyle:
    """The style called ``name``; ``serif`` replaces its letters. Raises UserError."""
    if name not in STYLES:
        raise unknown("figure.style", name, STYLES)
    found = STYLES[name]
    if serif is None or serif == found.serif:
        return found
    return FigureStyle(found.column, found.text, found.points, serif)
