"""Names of files, samples and methods come from outside: made safe before they are shown."""

from __future__ import annotations


def printable(text: str) -> str:
    """Without control characters: they could steer a terminal, and XML does not allow them."""
    return "".join(c if c.isprintable() else "?" for c in text)


def markdown_text(text: str) -> str:
    """As literal text in Markdown, also inside a table cell."""
    cleaned = printable(text)
    for character in "\\|*_`[]<>":
        cleaned = cleaned.replace(character, "\\" + character)
    return cleaned
