"""Times and amounts of data as people say them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """A time as people say it.

    >>> [duration(x) for x in (0.4, 59, 61, 3600, 100_000)]
    ['1 s', '59 s', '1 min 1 s', '1 h', '27 h 47 min']
    """
    whole = max(1, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    parts = [(hours, "h"), (minutes, "min")] if hours else [(minutes, "min"), (rest, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def data_size(count: float) -> str:
    """A number of bytes as people say it.

    >>> [data_size(x) for x in (900, 52_345, 7.4e6, 5.4e10)]
    ['1 kB', '52 kB', '7.4 MB', '54.0 GB']
    """
    if count < 1e6:
        return f"{max(1, round(count / 1e3))} kB"
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"


def count(number: int, word: str) -> str:
    """A number of things.

    >>> [count(0, "image"), count(1, "image"), count(2, "image")]
    ['0 images', '1 image', '2 images']
    """
    return f"{number} {word}{'' if number == 1 else 's'}"
