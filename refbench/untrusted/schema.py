"""Data classes as the schema of what is read: types, ranges and missing fields, said in one line.

A file's layout is a frozen data class with a sentence under each field; :func:`read` checks a line or a file
against it, and :func:`json_schema` is the same layout for other programs (docs/schemas).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

from annotated_types import Ge, Le

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import ErrorDetails

T = TypeVar("T")

LARGEST = 2**53
"""The largest whole number that tables and other programs hold exactly."""
Count = Annotated[int, Ge(0), Le(LARGEST)]
"""A whole number from 0 that every program holds exactly."""
Size = tuple[Count, Count]
"""(height, width) in pixels."""


class SchemaError(ValueError):
    """Text or values that do not fit a layout; the message says which field and why, in one line."""


_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(layout: type[T]) -> TypeAdapter[T]:
    if layout in _ADAPTERS:
        return _ADAPTERS[layout]
    from pydantic import ConfigDict, TypeAdapter

    # unknown fields are ignored: a later minor version may add some
    config = ConfigDict(
        strict=True, allow_inf_nan=False, use_attribute_docstrings=True, revalidate_instances="always"
    )
    layout.__pydantic_config__ = config  # type: ignore[attr-defined]
    _ADAPTERS[layout] = TypeAdapter(layout)
    return _ADAPTERS[layout]


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


def checked(layout: type[T], value: T) -> T:
    """An instance whose values fit its own annotations, as a file must hold them. Raises SchemaError."""
    from pydantic import ValidationError

    try:
        return _adapter(layout).validate_python(value)
    except ValidationError as error:
        raise SchemaError(_one_line(error.errors(include_url=False), "")) from None


def json_schema(layout: type[Any]) -> dict[str, Any]:
    """The layout as a JSON Schema (2020-12), with the sentence under each field."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_adapter(layout).json_schema()}


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


def _one_line(errors: list[ErrorDetails], text: str | bytes) -> str:
    if errors[0]["type"] == "json_invalid":
        return f"not JSON ({_reason_of(text) or errors[0]['msg']})"
    # of a choice of types, each complains: the one that got furthest had the right idea
    paths = [_in_data(error, text) for error in errors]
    path = max(paths, key=len)
    error = errors[paths.index(path)]
    kind, where, shown = error["type"], place(path), _short(error["input"])
    if not where:
        return "not a JSON object"
    if kind in ("missing", "missing_argument"):
        return f"no field {where!r}"
    if kind == "literal_error":
        return f"{where}: {shown} is not {error['ctx']['expected']}"
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"{where}: {shown} is not a count" if kind == "greater_than_equal" else f"{where}: too large"
    if kind in _WORDS:
        return f"{where}: {shown} is not {_WORDS[kind]}"
    said = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return f"{where}: {shown}: {said[:1].lower()}{said[1:]}"


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


def place(path: tuple[int | str, ...]) -> str:
    """``cells[0].images.004`` of ``("cells", 0, "images", "004")``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
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
