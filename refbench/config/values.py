"""Reading and checking the value of one setting. Every failure is one line that names the key."""

from __future__ import annotations

import re
from pathlib import Path

from refbench.config.keys import Key
from refbench.errors import UserError

_SIZE = re.compile(r"\d+(\.\d+)?\s*([KMGT]i?)?B", re.IGNORECASE)
_FILE_LIKE = re.compile(r"[/\\]|^~|\.(py|ya?ml|pth|pt|ckpt|safetensors)(:\w+)?(,|$)")


def looks_like_path(text: str) -> bool:
    """Whether a name-or-path value is a path: it has a slash, a leading ``~`` or a known suffix."""
    return _FILE_LIKE.search(text) is not None


def split_words(text: str) -> tuple[str, ...]:
    """``[a,b]`` or ``a,b`` as words, blanks around them dropped; ``[]`` and empty text give none."""
    inner = text.strip()
    if inner.startswith("[") and inner.endswith("]"):
        inner = inner[1:-1]
    return tuple(_unquote(w.strip()) for w in inner.split(",") if w.strip())


def expand(text: str) -> str:
    """``~`` and ``~user`` at the front become the home folder."""
    return str(Path(text).expanduser()) if text.startswith("~") else text


def read_raw(key: Key, text: str) -> object:
    """The value of a raw key from what stands after its first ``=``."""
    if key.kind == "words":
        return split_words(text)
    if not text.strip():
        raise UserError(f"{key.name}= is empty; leave the key out or give {_article(key)}")
    if "\0" in text:
        raise UserError(f"{key.name}= holds a NUL character, which no file name can")
    if text == "null":
        if key.default is not None or key.required:
            raise UserError(f"{key.name}=null: give {_article(key)}, or leave the key out")
        return None
    if key.kind == "paths":
        return tuple(expand(part) for part in text.split(",") if part)
    if key.kind == "path":
        return expand(text)
    if key.kind == "size" and not _SIZE.fullmatch(text.strip()):
        raise UserError(f"{key.name}={text}: give a size such as 4GB or 800MB")
    return text


def check(key: Key, value: object) -> object:
    """The value of a parsed key, its type and range checked against the key's kind."""
    if value is None and not key.required and (key.default is None or key.kind == "name"):
        return None
    if key.kind == "bool":
        return _check_type(key, value, isinstance(value, bool), "true or false")
    if key.kind == "int":
        whole = isinstance(value, int) and not isinstance(value, bool)
        _check_type(key, value, whole, "a whole number")
        if key.minimum is not None and isinstance(value, int) and value < key.minimum:
            raise UserError(f"{key.name}={value}: give a whole number from {key.minimum}")
        return value
    if key.kind == "number":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return _check_type(key, value, number, "a number")
    if key.kind == "choice":
        # `none` reaches us as text, `null` as None; both are spelt by people
        text = "none" if value is None else str(value)
        if text not in key.choices:
            raise UserError(f"{key.name}={text}: it can be {', '.join(key.choices)}")
        return text
    if key.kind == "value":
        return value
    if isinstance(value, list | tuple | dict):
        raise UserError(f"{key.name}= takes one name, not a list")
    return value if value is None else str(value)


def _check_type(key: Key, value: object, fits: bool, wanted: str) -> object:
    if not fits:
        shown = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        raise UserError(f"{key.name}={shown}: give {wanted}")
    return value


def _article(key: Key) -> str:
    return {"path": "a path", "paths": "one or more paths", "size": "a size such as 4GB"}.get(
        key.kind, "a text"
    )


def _unquote(word: str) -> str:
    return word[1:-1] if len(word) >= 2 and word[0] == word[-1] and word[0] in "'\"" else word
