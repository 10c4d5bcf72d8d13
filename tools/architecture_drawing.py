"""Draws docs/images/architecture.svg from the table of layers in docs/architecture.md.

python tools/architecture_drawing.py
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
DRAWING = ROOT / "docs" / "images" / "architecture.svg"
ROW = re.compile(r"^\| (\d+) \| (\w+) \| (.+) \|$", re.MULTILINE)
PLUGINS = {"methods", "datasets", "reports", "configs"}
WIDTH, HEIGHT, GAP, LEFT = 104, 26, 10, 56
"""Pixels: of a box, between boxes, and left of the first one."""


def layers(text: str) -> dict[int, list[tuple[str, str]]]:
    """Layer -> (folder, what lives there), as the table says."""
    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for layer, folder, what in ROW.findall(text):
        found[int(layer)].append((folder, re.sub(r"[`*]", "", what)))
    return dict(found)


def drawing(rows: Mapping[int, Sequence[tuple[str, str]]]) -> str:
    """One line of boxes per layer, the highest on top, and the direction of imports at the side."""
    most = max(map(len, rows.values()))
    width = LEFT + most * (WIDTH + GAP) + GAP
    height = len(rows) * (HEIGHT + GAP) + 3 * GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="12" role="img" aria-label="Folders in layers; imports go down only">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="4" refY="4" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#444"/></marker></defs>',
        f'<line x1="16" y1="{2 * GAP}" x2="16" y2="{height - 2 * GAP}" stroke="#444" stroke-width="2" '
        'marker-end="url(#tip)"/>',
        f'<text x="12" y="{height // 2}" transform="rotate(-90 12 {height // 2})" text-anchor="middle" '
        'fill="#444">imports</text>',
    ]
    for line, layer in enumerate(sorted(rows, reverse=True)):
        y = 2 * GAP + line * (HEIGHT + GAP)
        parts.append(f'<text x="{LEFT - 12}" y="{y + 17}" text-anchor="end" fill="#777">{layer}</text>')
        for column, (folder, what) in enumerate(rows[layer]):
            x = LEFT + column * (WIDTH + GAP)
            fill = "#fdeedd" if folder in PLUGINS else "#e8f0fa"
            parts.append(
                f'<g><title>{escape(what)}</title><rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" '
                f'rx="4" fill="{fill}" stroke="#89a"/><text x="{x + WIDTH // 2}" y="{y + 17}" '
                f'text-anchor="middle" fill="#222">{escape(folder)}</text></g>'
            )
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    """Write the drawing."""
    DRAWING.parent.mkdir(exist_ok=True)
    DRAWING.write_text(drawing(layers(PAGE.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
