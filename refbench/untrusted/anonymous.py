"""Texts without absolute paths: what an identity is compared by, and what leaves in a blind submission."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PATH = "(path)"
_WHOLE = re.compile(r"\s*(?:file:)?(?:/|~[\w.-]*/|[A-Za-z]:[\\/]|\\\\)")
"""A text that is a path: blanks may be part of it."""
_INSIDE = re.compile(
    r"(?<![\w.:/\\)\]}>])(?:file://)?(?:~[\w.-]*)?/[^\s'\",;|()\[\]{}<>]*[^\s'\",;|()\[\]{}<>.:]"
    r"|(?<![\w])[A-Za-z]:\\[^\s'\",;|]+"
)
"""An absolute path within a text."""


def pathless(value: Any) -> Any:
    """JSON data with every absolute path in its texts (keys included) replaced by ``(path)``.

    >>> pathless({"cmd": "python /home/kim/net.py --x4", "dir": "/data/my images", "ref": "sub/a.png"})
    {'cmd': 'python (path) --x4', 'dir': '(path)', 'ref': 'sub/a.png'}
    """
    if isinstance(value, str):
        return pathless_text(value)
    if isinstance(value, Mapping):
        return {pathless_text(str(key)): pathless(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [pathless(item) for item in value]
    return value


def pathless_text(text: str) -> str:
    """One text of :func:`pathless`."""
    if "/" not in text and "\\" not in text:
        return text
    if _WHOLE.match(text):
        return PATH
    return _INSIDE.sub(PATH, text)
