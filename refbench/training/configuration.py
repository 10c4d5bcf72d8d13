"""Which configuration of a net is trained: a named one, with single fields changed for an ablation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from refbench.errors import UserError, did_you_mean, unknown

T = TypeVar("T")


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, (list, tuple)) else value


def choose(named: Mapping[str, T], name: str, changes: Mapping[str, Any]) -> T:
    """``named[name]`` with the fields in ``changes`` replaced. UserError on unknown names, fields, values."""
    if name not in named:
        raise unknown("configuration (train.weights)", name, named)
    config = named[name]
    fields = {f.name for f in dataclasses.fields(config)}  # type: ignore[arg-type]
    for field in changes:
        if field not in fields:
            raise UserError(f"no key train.net.{field}{did_you_mean(field, fields)}")
    try:
        changed: T = dataclasses.replace(config, **{k: _frozen(v) for k, v in changes.items()})  # type: ignore[type-var]
    except (TypeError, ValueError) as error:
        raise UserError(f"train.net: {error}") from error
    return changed
