"""Parts of protocols that installed packages bring: transforms, reference policies, degradations, cards.

They are found through entry points, as methods, datasets and metrics are: ``refbench.transforms``,
``refbench.references``, ``refbench.degradations`` and ``refbench.cards``. A shipped name cannot be taken.
What a package's part does is its code, so that 8 hex digits of it (the import closure without comments, as of
a method) stand in the part's id, in every key, and two versions of the code are never compared as one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Literal, TypeVar

from refbench.errors import UserError
from refbench.identity.code_digest import code_digest
from refbench.registry import ENTRY_POINT, describe
from refbench.specs import MethodSpec

Group = Literal["transforms", "references", "degradations", "cards"]
GROUPS: tuple[Group, ...] = ("transforms", "references", "degradations", "cards")
DIGITS = 8
Part = TypeVar("Part")


@dataclass(frozen=True)
class Plugin:
    """One part that an installed package announces."""

    name: str
    source: str
    """``<distribution> <version> (entry point)``."""
    error: str = ""
    """Why it cannot be used; empty where it can."""


def plugin_names(group: Group, shipped: Iterable[str]) -> tuple[str, ...]:
    """Names that installed packages announce and that are not taken, without importing anything."""
    taken = set(shipped)
    return tuple(dict.fromkeys(point.name for point in _points(group) if point.name not in taken))


def load_plugin(group: Group, name: str, wanted: type[Part]) -> tuple[Part, str]:
    """(the part, digits of its code). Raises UserError naming the package where it cannot be loaded."""
    point = next(point for point in _points(group) if point.name == name)
    try:
        found, content = _loaded(point)
    except UserError as error:
        raise UserError(f"{group} plugin {name!r} from {_source(point)} is broken: {error}") from error
    if not isinstance(found, wanted):
        raise UserError(
            f"{group} plugin {name!r} from {_source(point)} is broken: gives a {type(found).__name__}, not a "
            f"{wanted.__name__}"
        )
    own = getattr(found, "name", name) if not isinstance(found, dict) else found.get("name")
    if own != name:
        raise UserError(f"{group} plugin {name!r} from {_source(point)} is broken: it calls itself {own!r}")
    return found, content


def plugins(group: Group, shipped: Iterable[str], wanted: type[object]) -> tuple[Plugin, ...]:
    """Every part that is announced, those that cannot be used with the reason."""
    taken, found = set(shipped), []
    for point in _points(group):
        error = ""
        if point.name in taken:
            error = "the name is taken"
        else:
            try:
                load_plugin(group, point.name, wanted)
            except UserError as reason:
                error = str(reason)
        taken.add(point.name)
        found.append(Plugin(point.name, _source(point), error))
    return tuple(found)


@lru_cache(maxsize=64)
def _loaded(point: EntryPoint) -> tuple[object, str]:
    try:
        found = point.load()
    except (Exception, SystemExit) as error:
        raise UserError(describe(error)) from error
    # as of a method whose class it were: its module's import closure
    code = code_digest(MethodSpec(name=point.name, target=f"{point.module}:{point.attr}"))
    return found, code[:DIGITS]


def _points(group: Group) -> tuple[EntryPoint, ...]:
    return _announced(group, tuple(sys.path))


@lru_cache(maxsize=16)
def _announced(group: Group, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Once per process and import path: the metadata of every installed package is read for it."""
    return tuple(sorted(entry_points(group=f"refbench.{group}"), key=lambda point: point.name))


def _source(point: EntryPoint) -> str:
    dist = point.dist
    return f"{dist.name} {dist.version} {ENTRY_POINT}" if dist is not None else ENTRY_POINT
