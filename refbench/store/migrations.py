"""Reading rows of older schemas.

``MIGRATIONS[n]`` turns a decoded row of schema n into one of schema n + 1. Rows on disk are never
rewritten: they are migrated each time they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from refbench.untrusted.schema import SchemaError

ROW_SCHEMA = 1

Migration: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]

MIGRATIONS: Mapping[int, Migration] = MappingProxyType({})
"""Empty while schema 1 is the first and only one."""


def migrate(
    data: Mapping[str, Any],
    migrations: Mapping[int, Migration] = MIGRATIONS,
    current: int = ROW_SCHEMA,
) -> dict[str, Any]:
    """``data`` in the current schema. Raises SchemaError for newer schemas and for gaps in the table."""
    schema = data.get("schema", 1)
    if type(schema) is not int or schema < 0:
        raise SchemaError(f"schema: {schema!r} is not a count")
    row = dict(data)
    if schema > current:
        raise SchemaError(f"schema {schema} is newer than this refbench reads ({current}); upgrade refbench")
    while schema < current:
        step = migrations.get(schema)
        if step is None:
            raise SchemaError(f"schema {schema}: no migration to {schema + 1}")
        row = step(row)
        schema += 1
        row["schema"] = schema
    return row
