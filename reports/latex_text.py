"""Data as literal text in LaTeX: nothing that comes from outside is a command."""

from __future__ import annotations

import unicodedata

from refbench.untrusted.escape import printable

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}", "[": "{[}", "]": "{]}",
}  # fmt: skip
_LONGEST = 80


def latex_text(text: str) -> str:
    """Data as literal text: specials escaped, accents that pdfLaTeX knows kept, other letters as U+XXXX."""
    shown = printable(text)
    if len(shown) > _LONGEST:
        shown = shown[: _LONGEST - 3] + "..."
    return "".join(_character(c) for c in shown)


def _character(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character.isascii():
        return character
    plain = unicodedata.normalize("NFKD", character)
    if plain.isascii():
        return "".join(_SPECIAL.get(c, c) for c in plain)
    # accented Latin letters are in the T1 encoding that the document asks for
    return character if 0xC0 <= ord(character) <= 0xFF else f"U+{ord(character):04X}"


def latex_note(text: str) -> str:
    """A note in full: only labels inside tables are cut."""
    return "".join(_character(c) for c in printable(text))
