"""Blanks secrets in text that is kept or shown: manifests, rows, logs, error lines, the tracking mirror.

Addresses are taken apart and kept without their user part. The value behind a name such as ``token`` or
``password`` is blanked, and so is every value of an environment variable of such a name, wherever it turns
up: names of variables may be recorded, their values never. A secret in another place is not recognised; the
environment is where a program's keys belong.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

BLANK = "***"
_WORD = (
    r"(?:token|secret|passw(?:or)?d|passphrase|pwd|credential|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|x-(?:amz|goog|ms)-signature)"
)
_VALUE = r"(?:\"[^\"]*\"|'[^']*'|[^\s\"',;&}]+)"

SECRET_NAME = re.compile(rf"{_WORD}|^(?:sig|authorization)$", re.IGNORECASE)
_ADDRESS = re.compile(r"(?P<key>\bur[il]=)?(?P<scheme>\w[\w+.-]*\w:/{1,2})(?P<rest>\S*)")
"""A path instead of an address has lost its second slash."""
_SPACED = re.compile(r"(?P<scheme>\w\w:/{1,2})[^/\s@:]+:(?!\d*[/\s])[^@\n]*\s[^@\n]*@")
"""A password with blanks: behind the colon there is no port."""
_SCHEME = re.compile(r"[A-Za-z][\w+.-]+")
_WEB = re.compile(r"https?:|ftps?:", re.IGNORECASE)
_WHOLE = re.compile(rf"\s*[\w.-]*{_WORD}[\w-]*=", re.IGNORECASE)
"""A setting of such a name: everything behind the first ``=`` is its value, blanks included."""
_ASSIGNED = re.compile(
    rf"(?P<name>[\w.-]*{_WORD}[\w-]*|(?<![\w-])sig)(?P<equals>=|[\"']\s*:\s*)(?P<value>{_VALUE})",
    re.IGNORECASE,
)
"""``TOKEN=x``, ``--api-key=x``, ``?token=x&`` and ``{"token": "x"}`` within a text."""
_OPTION = re.compile(
    rf"(?P<name>(?<!\S)--?[\w-]*{_WORD}[\w-]*)(?P<equals>\s+)(?P<value>(?!-){_VALUE})", re.IGNORECASE
)
"""``--token x``."""
_LINE = re.compile(
    r"(?P<name>[\w.-]*(?:passw(?:or)?d|passphrase|pwd|secret|(?:api|access|private)[_-]?key|authorization))"
    r"(?P<equals>:[^\S\n]+|:(?=[^\s/]))(?P<value>[^\s\"',;}][^\n\"',;}]*)",
    re.IGNORECASE,
)
"""``password: x``, ``x-api-key: x``, ``Authorization: token x``: a header or a line of YAML."""
_HEADER = re.compile(
    r"(?P<name>\b(?:bearer|basic))(?P<equals>\s+)(?P<value>(?=\S*\d)[\w.~+/=-]{8,})", re.IGNORECASE
)
"""``Bearer x`` alone; prose such as "basic authentication" has no digit."""
_SHORTEST = 6
"""Characters of a variable's value that is looked for: shorter ones are parts of ordinary words."""


def without_credentials(text: str, address: str = "") -> str:
    """``https://user:key@host`` -> ``https://***@host``, ``--token x`` -> ``--token ***`` and the like.

    ``address``: one whose user part is blanked wherever its pieces turn up, as in the error of a parser that
    took it apart at the wrong place.
    """
    for value in (*_pieces(address), *_environment_values()):
        text = text.replace(value, BLANK)
    text = _SPACED.sub(rf"\g<scheme>{BLANK}@", text)
    text = _ADDRESS.sub(_without_user, text)
    whole = _WHOLE.match(text)
    if whole is not None:
        return f"{whole.group()}{BLANK}"
    for pattern in (_ASSIGNED, _OPTION, _LINE, _HEADER):
        text = pattern.sub(rf"\g<name>\g<equals>{BLANK}", text)
    return text


def _without_user(found: re.Match[str]) -> str:
    key, scheme, rest = found["key"] or "", found["scheme"], found["rest"]
    end = _user_end(scheme, rest, whole=bool(key))
    return f"{key}{scheme}{BLANK}{rest[end:]}" if end else found.group()


def _user_end(scheme: str, rest: str, whole: bool) -> int:
    """Where the ``@`` behind the user part of an address is; 0 when it has none.

    ``whole``: nothing but an address stands there. A password may hold ``@`` and, against the rules, ``/``:
    there the part before the first slash ends in no port, or the address is not one of the web, whose paths
    may hold an ``@``.
    """
    authority = rest.partition("/")[0]
    if "@" not in rest:
        return 0
    port = authority.rpartition(":")[2] if ":" in authority else ""
    web = _WEB.match(scheme) is not None
    if whole or (":" in authority and (not web or ("@" not in authority and not port.isdigit()))):
        return rest.rindex("@")
    return authority.rfind("@") if "@" in authority else 0


def _pieces(address: str) -> Iterator[str]:
    """The password of an address, and what is left of it where it is cut at a slash or a blank."""
    scheme, _, rest = address.partition("://")
    end = _user_end(f"{scheme}:", rest, whole=True) if _SCHEME.fullmatch(scheme) else 0
    password = rest[:end].partition(":")[2]
    if password:
        yield password
        yield from (piece for piece in re.split(r"[/?#@\s]", password) if len(piece) >= 3)


def _environment_values() -> Iterator[str]:
    for name, value in os.environ.items():
        if SECRET_NAME.search(name) and name != "PWD" and len(value) >= _SHORTEST and "/" not in value[:1]:
            yield value
        else:
            yield from (piece for piece in _pieces(value) if len(piece) >= _SHORTEST)


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
    if SECRET_NAME.search(name):
        return BLANK
    text = str(value)
    scheme, found, rest = text.partition("://")
    end = _user_end(f"{scheme}:", rest, whole=name.endswith(("uri", "url"))) if found else 0
    return without_credentials(f"{scheme}://{BLANK}{rest[end:]}" if end else text)
