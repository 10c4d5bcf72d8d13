"""Settings of ``refbench run``: which keys there are, what is swept, and one RunConfig per combination."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from refbench.config.build import build_run
from refbench.config.keys import RUN, Key, raw_kind
from refbench.config.method import has_option, option_key
from refbench.config.override import Override, split_overrides, unknown_key
from refbench.config.show import run_words
from refbench.config.suite import SUITE_KEYS, config_names, read_config
from refbench.config.values import looks_like_path, read_raw
from refbench.errors import UserError, unknown
from refbench.isolation.outside import method_outside
from refbench.registry import Registry
from refbench.settings import RunConfig
from refbench.specs import MethodSpec

_FILE = re.compile(r"\.(py(:\w+)?|ya?ml)$")
RUN_KEYS: Mapping[str, Key] = {k.name: k for k in RUN}


class Grammar(Protocol):
    """What this module needs of Hydra (see refbench.config.load)."""

    def value(self, override: Override) -> object: ...

    def choices(self, override: Override) -> list[str]: ...

    def compose(self, config: str, overrides: Sequence[str]) -> dict[str, Any]: ...


@dataclass
class Axes:
    """The overrides sorted by how they are read."""

    methods: list[tuple[str, MethodSpec]]
    suites: list[str | None]
    """Names or paths; None: the default of run.yaml."""
    raw: dict[str, object] = field(default_factory=dict)
    """Values taken as they stand."""
    swept: dict[str, list[str]] = field(default_factory=dict)
    """Texts of every other key, one per value of its sweep."""


def read_run(overrides: Sequence[str], registry: Registry, grammar: Grammar) -> list[RunConfig]:
    """See :func:`refbench.config.load_run`."""
    axes = _axes(split_overrides(overrides, "run"), registry, grammar)
    runs: list[RunConfig] = []
    for locator, spec in axes.methods:
        # a method's own options vary slowest: another value may mean other weights
        options = [n for n in axes.swept if n.startswith("method.") and has_option(spec, n)]
        others = [n for n in axes.swept if not n.startswith("method.")]
        for own in itertools.product(*(axes.swept[n] for n in options)):
            for suite in axes.suites:
                for rest in itertools.product(*(axes.swept[n] for n in others)):
                    texts = dict(zip([*options, *others], [*own, *rest], strict=True))
                    raw = {n: v for n, v in axes.raw.items() if _applies(n, spec)}
                    composed = _compose(suite, texts, grammar)
                    run = build_run(spec, locator, suite, composed, texts, raw, registry)
                    run = replace(run, words=run_words(run, suite, texts))
                    if run not in runs:
                        runs.append(run)
    return runs


def _axes(given: list[Override], registry: Registry, grammar: Grammar) -> Axes:
    by_key = {o.key: o for o in given}
    if "method" not in by_key:
        raise UserError(f"method= is missing; choose from {', '.join(registry.names('methods'))}")
    locators = _locators(by_key["method"], grammar)
    specs = [method_outside(registry, text) for text in locators]
    axes = Axes(list(zip(locators, specs, strict=True)), [None])
    if "suite" in by_key:
        axes.suites = list(_locators(by_key["suite"], grammar))
        for suite in axes.suites:
            if suite is not None and not looks_like_path(suite):
                _known("suite", suite)
    for override in given:
        if override.key in ("method", "suite"):
            continue
        key = _declared(override.key, specs, by_key, registry)
        if key.raw:
            axes.raw[key.name] = read_raw(key, override.text)
        elif key.kind == "locator":
            axes.swept[key.name] = _locators(override, grammar)
        else:
            axes.swept[key.name] = grammar.choices(override)
    for executor in axes.swept.get("executor", ()):
        _known("executor", executor)
    return axes


def _declared(name: str, specs: list[MethodSpec], given: Mapping[str, Override], registry: Registry) -> Key:
    """How a key is read; UserError with a suggestion when the command does not have it."""
    if name.startswith("method."):
        return option_key(name, specs)
    if name in RUN_KEYS:
        return RUN_KEYS[name]
    group, _, rest = name.partition(".")
    if group == "suite" and rest.partition(".")[0] in SUITE_KEYS:
        return Key(name, "value", "")
    executors = {"executor." + k for k in _executor_keys(given)}
    if name in executors:
        return Key(name, raw_kind(name) or "value", "")
    if group == "data" and rest and _foreign_dataset(given, registry):
        return Key(name, raw_kind(name) or "text", "")
    known = [*RUN_KEYS, *executors, *(f"suite.{k}" for k in SUITE_KEYS)]
    known += [f"method.{p}" for s in specs for p in s.params]
    raise unknown_key("run", name, known)


def _foreign_dataset(given: Mapping[str, Override], registry: Registry) -> bool:
    """A third party's dataset may have ``data.*`` keys that this table does not know."""
    name = given["dataset"].text if "dataset" in given else ""
    return any(e.name == name and e.source != "built-in" for e in registry.entries("datasets"))


def _executor_keys(given: Mapping[str, Override]) -> set[str]:
    name = given["executor"].text if "executor" in given else "serial"
    if name not in config_names("executor"):
        return set()
    return set(read_config("executor", name)) - {"name"}


def _locators(override: Override, grammar: Grammar) -> list[str]:
    """Names or paths. A value with a path in it is not Hydra's: it splits on commas where each part is a name
    or a file of its own, so that a folder's name may hold a comma."""
    if looks_like_path(override.text):
        parts = override.text.split(",")
        apart = all(not looks_like_path(part) or _FILE.search(part) for part in parts)
        return [part for part in parts if part] if apart else [override.text]
    texts = [text.strip("'\"") for text in grammar.choices(override)]
    if not all(texts):
        raise UserError(f"{override.key}= is empty")
    return texts


def _compose(suite: str | None, texts: Mapping[str, str], grammar: Grammar) -> dict[str, Any]:
    words = [f"suite={suite}"] if suite is not None and not looks_like_path(suite) else []
    for name, text in texts.items():
        group, dot, rest = name.partition(".")
        if name in ("method.weights", "card"):
            # texts that may be paths, which are not words of Hydra's grammar
            continue
        if group == "method":
            words.append(f"++method.params.{rest}={text}")
        elif group in ("suite", "executor") and dot:
            words.append(f"++{name}={text}")
        else:
            words.append(f"{name}={text}")
    return grammar.compose("run", words)


def _applies(name: str, spec: MethodSpec) -> bool:
    return not name.startswith("method.") or has_option(spec, name)


def _known(group: str, name: str) -> None:
    if name not in config_names(group):
        raise unknown(group, name, config_names(group))
