"""Blanks secrets in text that is kept or shown: manifests, rows, logs, error lines, the tracking mirror.

It knows a secret by its place: the user part of an address, and the value behind a name such as ``token`` or
``password``. A secret in another place is not recognised; environment variables are never recorded, so
that is where a program's keys belong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

BLANK = "***"
_WORD = r"(?:token|secret|passw(?:or)?d|credential|api[_-]?key|access[_-]?key)"
_VALUE = r"(?:\"[^\"]*\"|'[^']*'|[^\s\"',;&}]+)"

SECRET_NAME = re.compile(_WORD, re.IGNORECASE)
_USER_PART = re.compile(r"(\w\w:/{1,2})[^/\s]+(?=@)")
"""Up to the last ``@`` before the path: a password may hold one. A path in the place of an address has lost
its second slash."""
_WHOLE = re.compile(rf"\s*[\w.-]*{_WORD}[\w-]*=", re.IGNORECASE)
"""A setting of such a name: everything behind the first ``=`` is its value, blanks included."""
_ASSIGNED = re.compile(
    rf"(?P<name>[\w.-]*{_WORD}[\w-]*)(?P<equals>=|[\"']\s*:\s*)(?P<value>{_VALUE})", re.IGNORECASE
)
"""``TOKEN=x``, ``--api-key=x``, ``?token=x&`` and ``{"token": "x"}`` within a text."""
_OPTION = re.compile(
    rf"(?P<name>(?<!\S)--?[\w-]*{_WORD}[\w-]*)(?P<equals>\s+)(?P<value>(?!-){_VALUE})", re.IGNORECASE
)
"""``--token x``."""
_HEADER = re.compile(
    r"(?P<name>\b(?:bearer|basic))(?P<equals>\s+)(?P<value>(?=\S*\d)[\w.~+/=-]{8,})", re.IGNORECASE
)
"""``Authorization: Bearer x``; prose such as "basic authentication" has no digit."""


def without_credentials(text: str) -> str:
    """``https://user:key@host`` -> ``https://***@host``, ``--token x`` -> ``--token ***`` and the like."""
    text = _USER_PART.sub(rf"\1{BLANK}", text)
    whole = _WHOLE.match(text)
    if whole is not None:
        return f"{whole.group()}{BLANK}"
    for pattern in (_ASSIGNED, _OPTION, _HEADER):
        text = pattern.sub(rf"\g<name>\g<equals>{BLANK}", text)
    return text


def clean_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration as plain JSON data without credentials, for ``Manifest.config``."""
    return {str(key): _clean(str(key), value) for key, value in config.items()}


def _clean(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return clean_config(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean(name, item) for item in value]
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    return BLANK if SECRET_NAME.search(name) else without_credentials(str(value))
