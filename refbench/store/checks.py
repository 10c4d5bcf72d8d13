"""Type checks for values that come from a line of JSON, which anybody may have edited."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from sys import intern
from typing import Any, NoReturn

LARGEST = 2**53
"""The largest whole number that tables and other programs hold exactly."""


class RowError(ValueError):
    """A line that is not a row; the message says which field and why."""


def parse_object(line: str | bytes) -> dict[str, Any]:
    """Decode one JSON object. Raises RowError for anything else, whatever the bytes are."""
    try:
        data = json.loads(line, parse_constant=no_constant)
    # deep nesting raises RecursionError; bad UTF-8 and over-long integers raise ValueError
    except (ValueError, RecursionError) as error:
        raise RowError(f"not JSON ({error})") from None
    if not isinstance(data, dict):
        raise RowError("not a JSON object")
    return data


def no_constant(name: str) -> NoReturn:
    """For ``json.loads(parse_constant=...)``: NaN and Infinity are not JSON, and cannot be written back."""
    raise ValueError(f"{name} is not a JSON number")


def finite_metrics(
    metrics: Mapping[str, float | None], special: Mapping[str, str]
) -> tuple[dict[str, float | None], dict[str, str]]:
    """Move non-finite values out of ``metrics``: they become None there and text in ``special``."""
    values: dict[str, float | None] = {}
    names: dict[str, str] = {}
    for signature, value in metrics.items():
        if value is not None and not isfinite(value):
            values[signature] = None
            names[signature] = str(float(value))
        else:
            values[signature] = None if value is None else float(value)
            if value is None and signature in special:
                names[signature] = special[signature]
    return values, names


def text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise RowError(f"{where}: {_short(value)} is not text")
    return value


def text_or_none(value: object, where: str) -> str | None:
    return None if value is None else text(value, where)


def count(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise RowError(f"{where}: {_short(value)} is not a count")
    if value > LARGEST:
        raise RowError(f"{where}: number too large")
    return value


def number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise RowError(f"{where}: {_short(value)} is not a number")
    try:
        result = float(value)
    except OverflowError:
        raise RowError(f"{where}: number too large") from None
    if not isfinite(result):
        raise RowError(f"{where}: {result} is not a finite number")
    return result


def number_or_none(value: object, where: str) -> float | None:
    return None if value is None else number(value, where)


def mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise RowError(f"{where}: {_short(value)} is not an object")
    return value


# The mappings below are read hundreds of thousands of times: plain floats take the short way, and keys,
# which are the same few in every row, are interned so that rows in memory share them.


def numbers(value: object, where: str) -> dict[str, float]:
    return {
        intern(k): v if type(v) is float and isfinite(v) else number(v, f"{where}.{k}")
        for k, v in mapping(value, where).items()
    }


def numbers_or_none(value: object, where: str) -> dict[str, float | None]:
    return {
        intern(k): v if v is None or (type(v) is float and isfinite(v)) else number(v, f"{where}.{k}")
        for k, v in mapping(value, where).items()
    }


def texts(value: object, where: str) -> dict[str, str]:
    return {intern(k): text(v, where) for k, v in mapping(value, where).items()}


def notes(value: object, where: str) -> dict[str, str | float | int | bool | None]:
    plain = (str, bool, int, type(None))
    return {
        intern(k): v if isinstance(v, plain) else number(v, where) for k, v in mapping(value, where).items()
    }


def stages(value: object, where: str) -> dict[str, dict[str, float | None]]:
    return {intern(k): numbers_or_none(v, f"{where}.{k}") for k, v in mapping(value, where).items()}


def _sequence(value: object, where: str) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise RowError(f"{where}: {_short(value)} is not a list")
    return value


def text_list(value: object, where: str) -> tuple[str, ...]:
    return tuple(text(v, where) for v in _sequence(value, where))


def counts_or_none(value: object, where: str) -> tuple[int, ...] | None:
    return None if value is None else tuple(count(v, where) for v in _sequence(value, where))


def size(value: object, where: str) -> tuple[int, int]:
    pair = _sequence(value, where)
    if len(pair) != 2:
        raise RowError(f"{where}: {_short(value)} is not (height, width)")
    return count(pair[0], where), count(pair[1], where)


def size_or_none(value: object, where: str) -> tuple[int, int] | None:
    return None if value is None else size(value, where)


def sizes(value: object, where: str) -> tuple[tuple[int, int], ...]:
    return tuple(size(v, where) for v in _sequence(value, where))


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else shown[:37] + "..."
