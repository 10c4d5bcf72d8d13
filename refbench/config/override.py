"""``key=value`` words as people type them, and what to say when a key is not known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from refbench.errors import UserError, did_you_mean

_KEY = re.compile(r"[A-Za-z_][\w.\-]*")
_FORMER = {"baseline_method": "against"}
"""Earlier names of keys, which scripts may still have: they mean the same."""
_NEAR = {"baseline": "against"}
"""The name of the printed row, which `check` has as a key of its own."""


@dataclass(frozen=True)
class Override:
    """One setting, split at its first ``=``; the value is not looked at."""

    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.key}={self.text}"


def is_override(word: str) -> bool:
    """Whether a command line word is a setting (and not a file name or a flag)."""
    key, equals, _ = word.partition("=")
    return bool(equals) and _KEY.fullmatch(key.lstrip("+~")) is not None


def split_overrides(words: Sequence[str], command: str) -> list[Override]:
    """Settings in the order given. UserError for a word without ``=``, a prefix, or a key given twice."""
    seen: dict[str, Override] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals:
            raise UserError(f"{command} takes key=value settings; {word!r} has no '='")
        if key[:1] in ("+", "~"):
            raise UserError(f"{word}: the keys are fixed; write {key.lstrip('+~')}=VALUE without {key[0]!r}")
        if _KEY.fullmatch(key) is None:
            raise UserError(f"{word!r} is not a key=value setting")
        key = _FORMER.get(key, key)
        if key in seen:
            raise UserError(f"{key}= is given twice: {seen[key].text!r} and {text!r}")
        seen[key] = Override(key, text)
    return list(seen.values())


def unknown_key(command: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a key that the command does not have."""
    names = list(known)
    if (today := _NEAR.get(name)) in names:
        return UserError(f"{command} has no key {name!r}; the method to compare with is {today}=")
    # `k=2` for method.k, `root=` for data.root: the last part is right, the group is missing
    same_end = [n for n in names if "." in n and n.rpartition(".")[2] == name.rpartition(".")[2]]
    close = f"; did you mean {same_end[0]!r}?" if same_end else did_you_mean(name, names)
    if close.startswith("; known"):
        close = f"; `refbench {command} --help` lists the keys"
    return UserError(f"{command} has no key {name!r}{close}")
