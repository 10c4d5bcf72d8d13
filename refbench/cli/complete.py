"""``refbench __complete WORD...``: candidates for the last word, one per line. For completion scripts."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from refbench.cli.commands import COMMANDS, keys_of, load
from refbench.cli.completion import SCRIPTS
from refbench.cli.parser import Parser
from refbench.config.keys import Key
from refbench.config.method import shown
from refbench.config.suite import config_names
from refbench.errors import UserError
from refbench.registry import KINDS, Registry
from refbench.specs import MethodSpec

HELP = "Candidates for shell completion."
PARTS = ("transforms", "degradations", "references")
LIST_KINDS = ("methods", "datasets", "suites", "metrics", "protocols", *PARTS)
TAKES_FILES = ("upscale", "score", "report", "check", "audit", "export", "merge")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing: the words come as they are."""


def run(args: argparse.Namespace) -> int:
    """Print the candidates; nothing when there are none or something is wrong."""
    try:
        found = candidates(args.words)
    except (UserError, OSError):
        return 0
    for word in found:
        args.output.line(word)
    return 0


def candidates(words: Sequence[str]) -> list[str]:
    """Whole words that the last of ``words`` could become, in a useful order."""
    current = words[-1] if words else ""
    if len(words) < 2:
        return _starting(current, [*COMMANDS, "--help", "--version"])
    command, typed = words[0], list(words[1:-1])
    if command not in COMMANDS:
        return []
    if command == "completion":
        return _starting(current, SCRIPTS)
    module = load(command)
    if current.startswith("-"):
        parser = Parser("refbench")
        module.add_arguments(parser)
        flags = [o for action in parser._actions for o in action.option_strings if o.startswith("--")]
        return _starting(current, [*flags, "--json"])
    keys = {k.name: k for k in keys_of(command, module)}
    registry = Registry.discover()
    name, equals, text = current.partition("=")
    if equals:
        return [f"{name}={value}" for value in _values(name, text, keys, typed, registry)]
    found: list[str] = []
    if command == "list":
        found += _list_words(current, typed, registry)
    taken = {word.partition("=")[0] for word in typed}
    names = [*keys, *_options(keys, typed, registry)]
    found += _starting(current, [f"{n}=" for n in names if n not in taken])
    if command in TAKES_FILES:
        found += _paths(current)
    return found


def _list_words(current: str, typed: Sequence[str], registry: Registry) -> list[str]:
    plain = [w for w in typed if "=" not in w]
    if not plain:
        return _starting(current, LIST_KINDS)
    if len(plain) > 1:
        return []
    if plain[0] in ("suites", "protocols"):
        return _starting(current, config_names(plain[0].removesuffix("s")))
    if plain[0] in PARTS:
        from refbench.cli.listing.part import part_names

        return _starting(current, part_names(plain[0]))
    return [w for kind in KINDS if kind == plain[0] for w in _starting(current, registry.names(kind))]


def _values(
    name: str, text: str, keys: dict[str, Key], typed: Sequence[str], registry: Registry
) -> list[str]:
    if name == "method.weights":
        return _listed(text, [v.name for s in _methods(typed, registry) for v in s.variants]) + _paths(text)
    if name.startswith("method."):
        option = name.removeprefix("method.")
        params = [s.params[option] for s in _methods(typed, registry) if option in s.params]
        if option in ("dir", "root", "python"):
            return _paths(text)
        return _listed(text, [shown(c) for p in params for c in p.choices])
    if name not in keys:
        return []
    key = keys[name]
    if key.kind in ("path", "paths"):
        head, comma, last = text.rpartition(",") if key.kind == "paths" else ("", "", text)
        return [head + comma + path for path in _paths(last)]
    known: Iterable[str] = key.choices
    if name in ("method", "against"):
        known = [*registry.names("methods"), *(["none"] if name == "against" else [])]
    elif name == "dataset":
        known = registry.names("datasets")
    elif name == "metrics":
        known = registry.names("metrics")
    elif name in ("suite", "executor"):
        known = config_names(name)
    elif key.kind == "bool":
        known = ("true", "false")
    files = _paths(text) if key.kind == "locator" and "/" in text else []
    return _listed(text, known) + files


def _listed(text: str, known: Iterable[str]) -> list[str]:
    """Completions of the last item of ``a,b`` or ``[a,b``."""
    cut = max(text.rfind(","), text.rfind("[")) + 1
    given = text[:cut].strip("[").split(",")
    return [text[:cut] + w for w in _starting(text[cut:], dict.fromkeys(known)) if w not in given]


def _options(keys: dict[str, Key], typed: Sequence[str], registry: Registry) -> list[str]:
    if "method" not in keys:
        return []
    return list(dict.fromkeys(f"method.{p}" for s in _methods(typed, registry) for p in s.params))


def _methods(typed: Sequence[str], registry: Registry) -> list[MethodSpec]:
    """The methods named so far; a name that is not complete yet counts for nothing."""
    names = [w.partition("=")[2] for w in typed if w.startswith("method=")]
    known = registry.names("methods")
    return [registry.method(n) for text in names for n in text.split(",") if n in known]


def _paths(text: str) -> list[str]:
    """Files and folders that continue a path; folders end in ``/``."""
    folder, slash, start = text.rpartition("/")
    top = Path(os.path.expanduser(folder + slash) or ".")
    if not top.is_dir():
        return []
    found = sorted(top.iterdir())
    return [
        f"{folder}{slash}{p.name}{'/' if p.is_dir() else ''}"
        for p in found
        if p.name.startswith(start) and (start or not p.name.startswith("."))
    ]


def _starting(start: str, words: Iterable[str]) -> list[str]:
    return [w for w in words if w.startswith(start)]
