"""What protocols are made of: transforms of the reference, degradations of LR, reference policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from refbench.cli.listing.row import Details, Listing, Row
from refbench.errors import unknown
from refbench.registry import BUILT_IN

if TYPE_CHECKING:
    from refbench.protocols.plugins import Plugin

COLUMNS = ("name", "levels", "title", "source")


def part_rows(kind: str) -> Listing:
    """Shipped ones and those of installed packages; one that cannot be loaded says why."""
    shipped, plugins, read = _kind(kind)
    rows = [_row(name, BUILT_IN, read(name)) for name in shipped]
    for plugin in plugins:
        if plugin.error:
            document = {"name": plugin.name, "source": plugin.source, "error": plugin.error}
            rows.append(Row((plugin.name, "-", f"broken: {plugin.error}", plugin.source), document))
        else:
            rows.append(_row(plugin.name, plugin.source, read(plugin.name)))
    return Listing(COLUMNS, tuple(rows))


def part_names(kind: str) -> list[str]:
    """Names of the usable ones."""
    shipped, plugins, _ = _kind(kind)
    return [*shipped, *(plugin.name for plugin in plugins if not plugin.error)]


def part_details(kind: str, name: str) -> Details:
    """One of them, with its levels. UserError with a suggestion when it is not known."""
    shipped, plugins, read = _kind(kind)
    sources = {**{p.name: p.source for p in plugins}, **dict.fromkeys(shipped, BUILT_IN)}
    if name not in sources:
        raise unknown(kind[:-1], name, sources)
    facts = read(name)
    levels = [(level, ", ".join(f"{k}={v:g}" for k, v in p.items())) for level, p in facts["levels"].items()]
    tables = [("levels", ("level", "parameters"), levels)] if levels else []
    shown = [("source", sources[name]), ("draws differ", "yes" if facts["random"] else "no")]
    return Details(f"{facts['id']}: {facts['title']}", {**facts, "source": sources[name]}, shown, tables)


def _row(name: str, source: str, facts: Mapping[str, Any]) -> Row:
    levels = " ".join(facts["levels"]) or "-"
    cells = (str(facts["id"]), levels, str(facts["title"]), source)
    return Row(cells, {**facts, "name": name, "source": source})


def _kind(kind: str) -> tuple[tuple[str, ...], tuple[Plugin, ...], Callable[[str], dict[str, Any]]]:
    """(shipped names, plugins, reader of one) of a kind."""
    if kind == "references":
        from refbench.protocols.reference import POLICIES, policy_plugins

        return tuple(POLICIES), policy_plugins(), _policy
    if kind == "degradations":
        from refbench.protocols.degradations import FAMILIES, degradation_plugins

        return tuple(FAMILIES), degradation_plugins(), _degradation
    from refbench.protocols.transforms import FAMILIES as TRANSFORMS
    from refbench.protocols.transforms import transform_plugins

    return tuple(TRANSFORMS), transform_plugins(), _transform


def _transform(name: str) -> dict[str, Any]:
    from refbench.protocols.transforms import load_transform

    family = load_transform(name)
    return {
        "id": family.id, "levels": family.levels, "random": family.random, "title": _first_line(family.apply)
    }  # fmt: skip


def _degradation(name: str) -> dict[str, Any]:
    from refbench.protocols.degradations import load_degradation

    family = load_degradation(name)
    return {
        "id": family.id, "levels": family.levels, "random": family.random, "title": _first_line(family.apply)
    }  # fmt: skip


def _policy(name: str) -> dict[str, Any]:
    from refbench.protocols.plugins import load_plugin
    from refbench.protocols.reference import POLICIES, RANDOM, Policy

    if name in POLICIES:
        return {"id": name, "levels": {}, "random": name in RANDOM, "title": POLICIES[name]}
    policy, content = load_plugin("references", name, Policy)
    own = f"{name}@{policy.version}#{content}"
    return {"id": own, "levels": {}, "random": policy.random, "title": policy.title}


def _first_line(function: Callable[..., Any]) -> str:
    """What the docstring's first sentence says."""
    text = " ".join((function.__doc__ or "-").split())
    return text.partition(". ")[0].rstrip(".")
