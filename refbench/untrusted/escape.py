"""Names of files, samples and methods come from outside: made safe before they are shown."""

from __future__ import annotations

import re

_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""What steers a terminal or reorders a line: C0 and C1 controls without tab and line end, marks and overrides
of writing direction, line separators, and halves of characters, which no stream can encode."""
_FORMULA = ("=", "+", "-", "@", "\t", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The last four are the full-width forms, which spreadsheets of East Asian locales take for the others."""


def printable(text: str) -> str:
    """Without control characters: they could steer a terminal, and XML does not allow them."""
    return "".join(c if c.isprintable() else "?" for c in text)


def terminal_text(text: str) -> str:
    """For a terminal or a log: lines and tabs are kept, everything that steers is a question mark."""
    return _CONTROL.sub("?", text)


def json_text(text: str) -> str:
    """JSON whose control characters, direction marks and half characters are written as ``\\uXXXX``.

    The same values to whoever parses it; harmless to whoever looks at it on a terminal.
    """
    return _CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def spreadsheet_text(text: str) -> str:
    """A name as a cell of a CSV file: one that a spreadsheet would run as a formula gets a leading ``'``.

    Numbers stay as they are, also negative ones. Control characters become question marks: a carriage return
    would end the line.
    """
    text = terminal_text(text)
    if not text.startswith(_FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def markdown_text(text: str) -> str:
    """As literal text in Markdown, also inside a table cell."""
    cleaned = printable(text)
    for character in "\\|*_`[]<>":
        cleaned = cleaned.replace(character, "\\" + character)
    return cleaned
