"""Settings of the commands other than ``run``: a flat table of declared keys."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Protocol

from refbench.config.keys import Key, raw_kind
from refbench.config.method import WEIGHTS, method_choice, option_key
from refbench.config.override import Override, split_overrides, unknown_key
from refbench.config.values import check, looks_like_path, read_raw
from refbench.errors import UserError
from refbench.isolation.outside import method_outside
from refbench.registry import Registry


class ValueGrammar(Protocol):
    """Reads parsed values (see refbench.config.load)."""

    def value(self, override: Override) -> object: ...

    def choices(self, override: Override) -> list[str]: ...


def read_command(
    command: str,
    keys: Sequence[Key],
    overrides: Sequence[str],
    registry: Registry | None,
    grammar: ValueGrammar,
    groups: Sequence[str] = (),
    sweeps: bool = False,
) -> list[dict[str, Any]]:
    """See :func:`refbench.config.load_commands`."""
    given = split_overrides(overrides, command)
    if not sweeps:
        return [_read(command, keys, given, registry, grammar, groups)]
    table = {k.name: k for k in keys}
    axes: list[list[Override]] = []
    for override in given:
        key = table.get(override.key) or Key(override.key, raw_kind(override.key) or "value", "")
        whole = key.raw or (key.kind == "locator" and looks_like_path(override.text))
        texts = [override.text] if whole else grammar.choices(override)
        axes.append([Override(override.key, text) for text in texts])
    return [_read(command, keys, each, registry, grammar, groups) for each in itertools.product(*axes)]


def _read(
    command: str,
    keys: Sequence[Key],
    given: Sequence[Override],
    registry: Registry | None,
    grammar: ValueGrammar,
    groups: Sequence[str],
) -> dict[str, Any]:
    table = {k.name: k for k in keys}
    loads_method = "method" in table and table["method"].kind == "locator"
    values: dict[str, Any] = {name: key.default for name, key in table.items()}
    options: list[Override] = []
    for override in given:
        if override.key in table:
            values[override.key] = read_single(table[override.key], override, grammar)
        elif override.key.startswith("method.") and loads_method:
            options.append(override)
        elif override.key.partition(".")[0] in groups and "." in override.key:
            name = override.key
            values[name] = read_single(Key(name, raw_kind(name) or "value", ""), override, grammar)
        else:
            raise unknown_key(command, override.key, table)
    for key in table.values():
        if key.required and values[key.name] is None:
            raise UserError(f"{command}: {key.name}= is missing ({key.help})")
    if not loads_method:
        return values
    locator = values["method"]
    if locator is None:
        if options:
            raise UserError(f"{command}: {options[0].key}= needs method=")
        return values
    spec = method_outside(registry or Registry.discover(), locator)
    params = {
        o.key.removeprefix("method."): read_single(option_key(o.key, [spec]), o, grammar) for o in options
    }
    values["method"] = method_choice(spec, locator, values.pop(WEIGHTS, None), params)
    return values


def read_single(key: Key, override: Override, grammar: ValueGrammar) -> object:
    """One checked value; UserError when the text asks for a sweep."""
    if key.raw:
        return read_raw(key, override.text)
    if key.kind == "locator" and looks_like_path(override.text):
        return override.text
    return check(key, grammar.value(override))
