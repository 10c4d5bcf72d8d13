"""Data classes as the schema of what is read: types, ranges and missing fields, said in one line.

A file's layout is a frozen data class with a sentence under each field; :func:`read` checks a line or a file
against it, and :func:`json_schema` is the same layout for other programs (docs/schemas).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar, get_args, get_type_hints

from annotated_types import Ge, Le

from refbench.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import ErrorDetails

T = TypeVar("T")

LARGEST = 2**53
"""The largest whole number that tables and other programs hold exactly."""
Count = Annotated[int, Ge(0), Le(LARGEST)]
"""A whole number from 0 that every program holds exactly."""
Whole = Annotated[int, Ge(1), Le(LARGEST)]
"""A whole number from 1."""
Size = tuple[Count, Count]
"""(height, width) in pixels."""


class SchemaError(ValueError):
    """Text or values that do not fit a layout; the message says which field and why, in one line."""


_ADAPTERS: dict[tuple[type[Any], bool], TypeAdapter[Any]] = {}


def _adapter(layout: type[T], closed: bool = False) -> TypeAdapter[T]:
    """closed: unknown fields are refused, in the layouts within this one as well."""
    if (layout, closed) not in _ADAPTERS:
        from pydantic import ConfigDict, TypeAdapter

        layout.__pydantic_config__ = ConfigDict(  # type: ignore[attr-defined]
            strict=True,
            allow_inf_nan=False,
            use_attribute_docstrings=True,
            revalidate_instances="always",
            # a later minor version may add fields to what programs write; people misspell
            extra="forbid" if closed else "ignore",
        )
        _ADAPTERS[layout, closed] = TypeAdapter(layout)
    return _ADAPTERS[layout, closed]


def read(layout: type[T], text: str | bytes) -> T:
    """JSON text as an instance of a data class. Raises SchemaError, whatever the bytes are."""
    from pydantic import ValidationError

    try:
        return _adapter(layout).validate_json(text)
    except ValidationError as error:
        raise SchemaError(_one_line(error.errors(include_url=False), text)) from None


def fitted(layout: type[T], data: object) -> T:
    """Decoded JSON as an instance of a data class, for files whose kind or version is looked at first. Raises
    SchemaError as :func:`read` does."""
    return read(layout, json.dumps(data))


def written(layout: type[T], data: Mapping[str, Any], where: str) -> T:
    """What a person wrote (decoded YAML) as an instance of a data class; a field left empty is left out.

    Raises UserError, one line: ``where``, the field (entries of a list are counted from 1) and the remedy.
    """
    from pydantic import ValidationError

    given = {name: value for name, value in data.items() if value is not None}
    try:
        text = json.dumps(given, allow_nan=False, default=_not_plain)
    except (ValueError, TypeError) as error:
        raise UserError(f"{where}: {error}") from None
    try:
        return _adapter(layout, closed=True).validate_json(text)
    except ValidationError as error:
        raise UserError(f"{where}: {_one_line(error.errors(include_url=False), text, layout)}") from None


def _not_plain(value: object) -> NoReturn:
    raise ValueError(f"{value} is read as a {type(value).__name__}, not as text; put it in quotes")


def checked(layout: type[T], value: T) -> T:
    """An instance whose values fit its own annotations, as a file must hold them. Raises SchemaError."""
    from pydantic import ValidationError

    try:
        return _adapter(layout).validate_python(value)
    except ValidationError as error:
        raise SchemaError(_one_line(error.errors(include_url=False), "")) from None


def json_schema(layout: type[Any], closed: bool = False) -> dict[str, Any]:
    """The layout as a JSON Schema (2020-12), with a sentence under each field. closed: of :func:`written`."""
    made = _adapter(layout, closed).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def no_constant(name: str) -> NoReturn:
    """For ``json.loads(parse_constant=...)``: NaN and Infinity are not JSON, and cannot be written back."""
    raise ValueError(f"{name} is not a JSON number")


def parse_object(line: str | bytes) -> dict[str, Any]:
    """Decode one JSON object of any layout. Raises SchemaError for anything else."""
    try:
        data = json.loads(line, parse_constant=no_constant)
    # deep nesting raises RecursionError; bad UTF-8 and over-long integers raise ValueError
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"not JSON ({error})") from None
    if not isinstance(data, dict):
        raise SchemaError("not a JSON object")
    return data


_WORDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing_size": "a count",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "none_required": "null",
    "dict_type": "an object",
    "mapping_type": "an object",
    "dataclass_type": "an object",
    "dataclass_exact_type": "an object",
    "tuple_type": "a list",
    "list_type": "a list",
}
"""Kind of a complaint -> what the value should have been."""


def _one_line(errors: list[ErrorDetails], text: str | bytes, written_as: type[Any] | None = None) -> str:
    """``written_as``: the layout of a file that a person wrote, who is told what was probably meant."""
    if errors[0]["type"] == "json_invalid":
        return f"not JSON ({_reason_of(text) or errors[0]['msg']})"
    # of a choice of types, each complains: those that got furthest had the right idea
    paths = [_in_data(error, text) for error in errors]
    path = max(paths, key=len)
    error = errors[paths.index(path)]
    first = 0 if written_as is None else 1
    kind, where, shown = error["type"], place(path, first), _short(error["input"])
    if not where:
        return "not a JSON object"
    if kind in ("missing", "missing_argument"):
        return f"no field {where!r}" if written_as is None else f"field {where!r} is missing"
    if kind == "unexpected_keyword_argument" and written_as is not None:
        inside = place(path[:-1], first)
        known = _fields_at(written_as, path[:-1])
        return f"{inside}{': ' if inside else ''}no field {path[-1]!r}{did_you_mean(str(path[-1]), known)}"
    if kind == "literal_error":
        return f"{where}: {shown} is not {error['ctx']['expected']}"
    if kind == "greater_than_equal":
        least = error["ctx"]["ge"]
        return f"{where}: {shown} is not {f'a whole number from {least}' if least else 'a count'}"
    if kind == "less_than_equal":
        return f"{where}: too large"
    if kind in ("too_short", "string_too_short"):
        return f"{where}: it is empty"
    if kind in _WORDS:
        kinds = [e["type"] for e, at in zip(errors, paths, strict=True) if at == path]
        wanted = " or ".join(dict.fromkeys(_WORDS[k] for k in kinds if k in _WORDS))
        if written_as is not None:
            wanted = wanted.replace("an object", "a mapping")
            wanted += "; put it in quotes" * (wanted == "text" and isinstance(error["input"], int | float))
        return f"{where}: {shown} is not {wanted}"
    said = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return f"{where}: {shown}: {said[:1].lower()}{said[1:]}"


def _fields_at(layout: type[Any], path: Sequence[int | str]) -> list[str]:
    """Names of the fields of a layout, or of the layout that ``path`` leads to within it."""
    for name in path:
        if isinstance(name, str):
            layout = _inner(get_type_hints(layout)[name]) or layout
    return [field.name for field in fields(layout)]


def _inner(hint: Any) -> type[Any] | None:
    """The data class in an annotation such as ``tuple[EntryFile, ...] | None``."""
    if isinstance(hint, type) and is_dataclass(hint):
        return hint
    return next(filter(None, map(_inner, get_args(hint))), None)


def _in_data(error: ErrorDetails, text: str | bytes) -> tuple[int | str, ...]:
    """Where an error is, without the names of types that pydantic puts between for a choice of types."""
    if not text:
        return error["loc"]
    at: Any = json.loads(text)
    path: list[int | str] = []
    for i, part in enumerate(error["loc"]):
        # every part is a key or an index of the data, a missing last field, or the name of a type
        missing = i == len(error["loc"]) - 1 and error["type"].startswith("missing")
        there = part in at if isinstance(at, dict) else isinstance(at, list) and part in range(len(at))
        if there or missing or isinstance(part, int):
            path.append(part)
        if there:
            at = at[part]
    return tuple(path)


def place(path: Sequence[int | str], first: int = 0) -> str:
    """``cells[0].images.004`` of ``("cells", 0, "images", "004")``; lists counted from ``first``."""
    text = ""
    for part in path:
        text += f"[{part + first}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _reason_of(text: str | bytes) -> str:
    """Why Python's reader refuses it too, which names constants that are not JSON."""
    try:
        json.loads(text, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        return str(error)
    return ""


def _short(value: object) -> str:
    if isinstance(value, Mapping) and len(value) > 3:
        return "an object"
    shown = repr(value)
    return shown if len(shown) <= 40 else shown[:37] + "..."
