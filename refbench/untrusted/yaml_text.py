"""YAML from users: plain data only, of bounded size, with one line that names file and place otherwise."""

from __future__ import annotations

import re

import yaml

from refbench.errors import UserError

LONGEST = 256 * 1024
"""Characters; the longest suite that ships has a thousand."""
MOST_NODES = 20_000
"""Values, each alias counted with all that it stands for."""
DEEPEST = 64
_BRACKET = re.compile(r"[\[\]{}]")
_INDICATORS = re.compile(rf"(?:[-?:]\s){{{DEEPEST}}}")
"""``- - - -``: a list in a list in a list, on one line."""


def safe_yaml(text: str, where: str) -> object:
    """The value of one YAML document: mappings, lists, texts, numbers, truth values, dates, null.

    UserError, one line naming ``where`` and the line: no YAML, a tag that asks for a Python object (nothing
    is made of it), text over :data:`LONGEST`, aliases that multiply to more than :data:`MOST_NODES` values or
    contain themselves, deep nesting, a key given twice, a number or date that is not one.
    """
    if len(text) > LONGEST:
        raise UserError(f"{where}: over {LONGEST // 1024} KB; it is not a settings file")
    if _depth(text) > DEEPEST or _INDICATORS.search(text):
        # the parser's time grows with the square of the depth
        raise UserError(f"{where}: nested too deeply, or contains itself")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            return None
        if _weight(node, {}) > MOST_NODES:
            raise UserError(f"{where}: aliases multiply to over {MOST_NODES} values; write them out")
        # plain data of what was just looked at: SafeLoader knows no other types
        return yaml.load(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UserError(f"{where}{line}: not valid YAML: {' '.join(str(problem).split())[:200]}") from error
    except RecursionError:
        raise UserError(f"{where}: nested too deeply, or contains itself") from None
    except (ValueError, OverflowError, TypeError) as error:
        raise UserError(f"{where}: not valid YAML: {' '.join(str(error).split())[:200]}") from error


def _check_keys(node: yaml.MappingNode) -> None:
    """Raises ValueError for a key given twice: YAML forbids it, the parser keeps the last one silently."""
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        line = key.start_mark.line + 1
        first = lines.get((key.tag, key.value))
        lines[key.tag, key.value] = line
        if first is not None:
            raise ValueError(f"{key.value!r} is given twice, on lines {first} and {line}; keep one")


def _depth(text: str) -> int:
    """Brackets open at once, those within quotes included."""
    deepest = depth = 0
    for found in _BRACKET.finditer(text):
        depth = depth + 1 if found.group() in "[{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest


def _weight(node: yaml.Node, known: dict[int, int]) -> int:
    """Values that ``node`` stands for. Raises RecursionError for one that contains itself."""
    if id(node) in known:
        weight = known[id(node)]
        if weight < 0:
            raise RecursionError
        return weight
    known[id(node)] = -1
    weight = 1
    if isinstance(node, yaml.MappingNode):
        _check_keys(node)
    if isinstance(node, yaml.SequenceNode):
        weight += sum(_weight(child, known) for child in node.value)
    elif isinstance(node, yaml.MappingNode):
        weight += sum(_weight(key, known) + _weight(value, known) for key, value in node.value)
    known[id(node)] = weight
    return weight
