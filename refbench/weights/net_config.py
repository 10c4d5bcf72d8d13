"""Net configurations as JSON: what a checkpoint carries about its own architecture."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, TypeVar

from refbench.errors import UserError

T = TypeVar("T")


def config_to_json(config: Any) -> str:
    """Canonical JSON of a configuration dataclass (sorted keys, no spaces)."""
    return json.dumps(dataclasses.asdict(config), sort_keys=True, separators=(",", ":"))


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value


def config_from_json(cls: type[T], text: str, source: str) -> T:
    """Read a ``cls`` (a dataclass) back; absent fields take their defaults.

    ``source`` names the file in the UserError for JSON that does not fit ``cls``.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{source}: its config is not JSON ({error}); export the checkpoint again") from None
    known = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    if not isinstance(data, dict) or set(data) - known:
        odd = sorted(set(data) - known)[0] if isinstance(data, dict) else type(data).__name__
        raise UserError(
            f"{source}: config field {odd!r} is unknown to {cls.__name__}; is it another net's checkpoint?"
        )
    try:
        return cls(**{name: _frozen(value) for name, value in data.items()})
    except (TypeError, ValueError) as error:
        raise UserError(f"{source}: its config does not fit {cls.__name__}: {error}") from None
