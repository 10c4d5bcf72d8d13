"""Builds nested frozen dataclasses from plain mappings, with errors that name the field."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from refbench.errors import UserError, did_you_mean

T = TypeVar("T")


def build(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """``cls(**values)`` with nested dataclasses and checked scalar types. ``where`` prefixes error texts."""
    hints = get_type_hints(cls)
    known = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    arguments: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise UserError(f"no key {where}.{name}{did_you_mean(str(name), known)}")
        arguments[name] = convert(hints[name], value, f"{where}.{name}")
    return cls(**arguments)


def convert(hint: Any, value: Any, where: str) -> Any:
    """``value`` as the annotated type: dataclass, tuple, optional, or int/float/bool/str."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise UserError(f"{where}: expected a group of keys, got {value!r}")
        return build(hint, value, where)
    origin = get_origin(hint)
    if origin is Mapping:
        if not isinstance(value, Mapping):
            raise UserError(f"{where}: expected a group of keys, got {value!r}")
        return dict(value)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        return convert(next(a for a in get_args(hint) if a is not type(None)), value, where)
    if origin is tuple:
        if isinstance(value, str) or not hasattr(value, "__iter__"):
            raise UserError(f"{where}: expected a list, got {value!r}")
        inner = get_args(hint)
        each = inner[:1] * len(list(value)) if inner[-1] is Ellipsis else inner
        return tuple(convert(h, v, f"{where}[{i}]") for i, (h, v) in enumerate(zip(each, value, strict=True)))
    return _scalar(hint, value, where)


def _scalar(hint: Any, value: Any, where: str) -> Any:
    if hint is bool:
        if isinstance(value, bool):
            return value
        raise UserError(f"{where}: expected true or false, got {value!r}")
    if hint is str:
        return str(value)
    if hint in (int, float) and not isinstance(value, bool):
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if number == number and (hint is float or number.is_integer()):
            return hint(number)
    if hint is Any:
        return value
    raise UserError(f"{where}: expected {getattr(hint, '__name__', hint)}, got {value!r}")


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes`` laid over it; groups are merged key by key, everything else is replaced."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[key] = merged(old, value) if both and isinstance(old, Mapping) else value
    return result
