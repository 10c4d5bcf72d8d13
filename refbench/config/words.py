"""Python keyword arguments as the ``key=value`` words that commands read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from os import PathLike, fspath

from refbench.config.keys import RAW, Key, raw_kind
from refbench.errors import UserError

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@/+\-]*")


def words(settings: Mapping[str, object], keys: Mapping[str, Key]) -> list[str]:
    """``{"limit": 2, "data": {"root": "x"}}`` as ``["limit=2", "data.root=x"]``.

    A name may hold its dots as ``__`` (``data__root``) or as a mapping. A list is a list; for keys that can
    be swept over, the caller joins it (:func:`sweep`). Raises UserError for a value that no word can hold.
    """
    found: list[str] = []
    for name, value in settings.items():
        key = name.replace("__", ".")
        if isinstance(value, Mapping):
            found += words({f"{key}.{part}": v for part, v in value.items()}, keys)
        else:
            found.append(f"{key}={_text(key, value, keys)}")
    return found


def sweep(value: object, key: str, keys: Mapping[str, Key]) -> str:
    """One value, or a list of values as a sweep: ``bicubic,datsr``."""
    values = value if isinstance(value, list | tuple) else [value]
    return ",".join(_text(key, v, keys) for v in values)


def _text(name: str, value: object, keys: Mapping[str, Key]) -> str:
    declared = keys.get(name)
    kind = declared.kind if declared is not None else raw_kind(name)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        inside = ",".join(_text(name, v, keys) for v in value)
        return inside if kind == "paths" else f"[{inside}]"
    if not isinstance(value, str | PathLike):
        raise UserError(f"{name}: a {type(value).__name__} is not a setting; give text, a number or a list")
    text = fspath(value)
    if kind in RAW or kind == "locator" or _PLAIN.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
