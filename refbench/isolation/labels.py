"""What tables call a method that is somebody's program: two of them must not look like one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from refbench.errors import UserError

LONGEST = 40
_GIVEN = re.compile(rf"[A-Za-z0-9][A-Za-z0-9 _.+-]{{0,{LONGEST - 1}}}")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.+-]+")


def given_label(params: Mapping[str, object]) -> str | None:
    """``method.name``, checked; None when it is not given. UserError for what no table can show."""
    name = params.get("name")
    if name is None:
        return None
    if not _GIVEN.fullmatch(str(name)):
        raise UserError(
            f"method.name={str(name)!r}: give up to {LONGEST} letters, digits, blanks and _ . + -, "
            "a letter or digit first"
        )
    return str(name)


def safe_label(text: str) -> str:
    """A label made of a program's or class's name: other characters become ``-``."""
    return _UNSAFE.sub("-", text).strip("-.")[:LONGEST] or "unnamed"
