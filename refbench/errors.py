"""Errors that the user can fix: one clear line, exit code 2, no traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Bad input. The message is one line that names the file, the field and the remedy."""


class SampleError(Exception):
    """One sample cannot be read or scored; its row becomes ``status=error`` and the run goes on."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'datsr'?"`` for a close misspelling, otherwise the list of known names."""
    names = sorted(known)
    close = difflib.get_close_matches(name.lower(), [n.lower() for n in names], n=1, cutoff=0.6)
    if close:
        return f"; did you mean {next(n for n in names if n.lower() == close[0])!r}?"
    return f"; known: {', '.join(names)}" if names else "; none are known"


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a name that no registry or table knows, with a suggestion."""
    return UserError(f"no {kind} {name!r}{did_you_mean(name, known)}")
