"""Finds methods, datasets and metrics without importing what they need to run.

Built-ins are found by looking for ``<package>/<name>/spec.py``, third parties by entry point, and a
method in a file only when the user names that file. A plugin that cannot be read becomes one
:class:`Entry` with an ``error``; the others are not affected.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, cast

from refbench.errors import UserError, unknown
from refbench.specs import DatasetSpec, MethodSpec, MetricSpec

Kind = Literal["methods", "datasets", "metrics"]
Spec = MethodSpec | DatasetSpec | MetricSpec

KINDS: tuple[Kind, ...] = ("methods", "datasets", "metrics")
SPEC_TYPE: Mapping[Kind, type[Spec]] = {
    "methods": MethodSpec,
    "datasets": DatasetSpec,
    "metrics": MetricSpec,
}
BUILT_IN = "built-in"
LIVE = "this process"
"""Source of a Python callable that was given to refbench.evaluate."""
ENTRY_POINT = "(entry point)"
"""How the source of a plugin that was installed ends."""
FILE_MODULE_PREFIX = "refbench_file_"
"""Modules loaded from a method file are called so; their sources are found by file, not by name."""
SOURCE_DIGEST = "__refbench_source__"
"""Such a module keeps the sha256 of the text that it was made from under this name."""


@dataclass(frozen=True)
class Entry:
    """One plugin as the registry sees it."""

    name: str
    spec: Spec | None
    """None when it could not be read; ``error`` then says why."""
    source: str
    """``built-in``, ``<distribution> <version> (entry point)``, or the path of a file."""
    error: str | None = None


class Registry:
    """The plugins one process can see. Built once by :meth:`discover` and handed to whoever needs it."""

    def __init__(self, entries: Mapping[Kind, Iterable[Entry]]) -> None:
        self._entries: dict[Kind, tuple[Entry, ...]] = {k: tuple(entries.get(k, ())) for k in KINDS}

    @classmethod
    def discover(cls) -> Registry:
        """Read every spec module and entry point. No plugin code beyond its spec is imported."""
        return cls({kind: tuple(_merge(_built_in(kind), _third_party(kind))) for kind in KINDS})

    def with_method(self, spec: MethodSpec) -> Registry:
        """The same plugins and one more method, of this process. Raises UserError when its name is taken."""
        taken = next((e for e in self._entries["methods"] if e.name == spec.name), None)
        if taken is not None:
            raise UserError(f"method name {spec.name!r} is taken ({taken.source}); choose another with name=")
        entries = {**self._entries, "methods": (*self._entries["methods"], Entry(spec.name, spec, LIVE))}
        return Registry(entries)

    def entries(self, kind: Kind) -> tuple[Entry, ...]:
        """All plugins of a kind, broken ones included, by name."""
        return tuple(sorted(self._entries[kind], key=lambda e: e.name))

    def names(self, kind: Kind) -> tuple[str, ...]:
        """Names of the plugins that can be used."""
        return tuple(e.name for e in self.entries(kind) if e.spec is not None)

    def get(self, kind: Kind, name: str) -> Spec:
        """The spec called ``name``; UserError for an unknown (with a suggestion) or broken one."""
        broken: Entry | None = None
        for entry in self._entries[kind]:
            if entry.name == name and entry.spec is not None:
                return entry.spec
            if entry.name == name:
                broken = entry
        if broken is not None:
            raise UserError(f"{kind[:-1]} {name!r} from {broken.source} is broken: {broken.error}")
        raise unknown(kind[:-1], name, self.names(kind))

    def method(self, name: str) -> MethodSpec:
        """:meth:`get` for methods."""
        return cast(MethodSpec, self.get("methods", name))

    def dataset(self, name: str) -> DatasetSpec:
        """:meth:`get` for datasets."""
        return cast(DatasetSpec, self.get("datasets", name))

    def method_here(self, text: str) -> MethodSpec:
        """A method by its name, or by ``path/to/file.py:SPEC``, whose code then runs in this process.
        Outside the method's own process use :func:`refbench.isolation.outside.method_outside`."""
        return spec_in_file(text) if is_file_locator(text) else self.method(text)

    def is_third_party(self, text: str) -> bool:
        """Whether a method comes from a file or an entry point: its code gets a process of its own."""
        source = next((e.source for e in self._entries["methods"] if e.name == text and e.spec), "")
        return is_file_locator(text) or source.endswith(ENTRY_POINT)


def is_file_locator(text: str) -> bool:
    """True for ``path/to/file.py`` and ``path/to/file.py:NAME``."""
    return text.endswith(".py") or ".py:" in text


def spec_in_file(locator: str) -> MethodSpec:
    """The MethodSpec called NAME (default ``SPEC``) in ``path/to/file.py:NAME``.

    The file runs as a module of its own. Where its spec's ``target`` or ``trainable`` names the file itself
    (``:Class``, ``file:Class`` or ``file.py:Class``), the returned spec names that module.
    """
    path_text, _, name = locator.rpartition(":") if ".py:" in locator else (locator, "", "")
    name = name or "SPEC"
    path = Path(path_text).expanduser()
    if not path.is_file():
        raise UserError(f"method={locator}: there is no file {path}")
    module = _load_file(path.resolve(), locator)
    found = getattr(module, name, None)
    if not isinstance(found, MethodSpec):
        specs = [k for k, v in vars(module).items() if isinstance(v, MethodSpec)]
        hint = f"; it has {', '.join(specs)}" if specs else "; define SPEC = MethodSpec(...)"
        raise UserError(f"method={locator}: {path.name} has no MethodSpec called {name!r}{hint}")
    return replace(
        found,
        target=_in_module(found.target, path, module),
        trainable=_in_module(found.trainable, path, module),
    )


def _in_module(target: str, path: Path, module: ModuleType) -> str:
    """``target`` under the name of the module that ``path`` was loaded as, where it names that file."""
    owner, _, attribute = target.partition(":")
    return f"{module.__name__}:{attribute}" if target and owner in ("", path.stem, path.name) else target


def file_module_name(path: Path) -> str:
    """The module name under which a method file is loaded: the same file gives the same name."""
    return f"{FILE_MODULE_PREFIX}{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


def load_class(target: str) -> Callable[..., Any]:
    """Import ``package.module:Name`` and return what it names; UserError when it cannot."""
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute:
        raise UserError(f"target {target!r} is not of the form package.module:Name")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise UserError(f"cannot import {module_name} for {target!r}: {describe(error)}") from error
    found = getattr(module, attribute, None)
    if found is None:
        raise UserError(f"module {module_name} has no {attribute!r} (target {target!r})")
    if not callable(found):
        raise UserError(f"{target!r} is a {type(found).__name__}, not a class or function")
    return cast("Callable[..., Any]", found)


def describe(error: BaseException) -> str:
    """An exception as one line: its type and the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _load_file(path: Path, locator: str) -> ModuleType:
    name = file_module_name(path)
    source = hashlib.sha256(path.read_bytes()).hexdigest()
    loaded = sys.modules.get(name)
    # the run key is made of the file as it is now: an edited file (notebook, tests) must not run as it was
    if loaded is not None and getattr(loaded, SOURCE_DIGEST, None) == source:
        return loaded
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"method={locator}: {path} cannot be loaded as a Python module")
    module = importlib.util.module_from_spec(spec)
    setattr(module, SOURCE_DIGEST, source)
    # dataclasses and load_class look the module up by name while and after it runs
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UserError(f"method={locator}: {path.name} failed while loading: {describe(error)}") from error
    return module


def _merge(built_in: Iterable[Entry], third_party: Iterable[Entry]) -> Iterator[Entry]:
    """Built-ins first; a later plugin of a name already taken is kept as a broken row."""
    taken: dict[str, str] = {}
    for entry in (*built_in, *third_party):
        if entry.spec is not None and entry.name in taken:
            yield Entry(entry.name, None, entry.source, f"the name is taken by {taken[entry.name]}")
            continue
        if entry.spec is not None:
            taken[entry.name] = entry.source
        yield entry


def _built_in(kind: Kind) -> Iterator[Entry]:
    if kind == "metrics":
        yield from _built_in_metrics()
        return
    package = importlib.import_module(f"refbench.{kind}")
    for info in pkgutil.iter_modules(package.__path__):
        if info.ispkg and _has_spec_module(package.__path__, info.name):
            point = f"{package.__name__}.{info.name}.spec:SPEC"
            yield _read(kind, info.name, BUILT_IN, EntryPoint(info.name, point, f"refbench.{kind}").load)


def _has_spec_module(search: Iterable[str], name: str) -> bool:
    # by file, because find_spec("a.b.spec") would import a.b, which may be a shared package full of torch
    return any(m.name == "spec" for m in pkgutil.iter_modules([f"{root}/{name}" for root in search]))


def _built_in_metrics() -> Iterator[Entry]:
    try:
        metrics = importlib.import_module("refbench.metrics.specs").METRICS
    except Exception as error:
        yield Entry("(built-in metrics)", None, BUILT_IN, describe(error))
        return
    specs = metrics.values() if isinstance(metrics, Mapping) else metrics
    for spec in specs:
        yield Entry(spec.alias, spec, BUILT_IN)


def _third_party(kind: Kind) -> Iterator[Entry]:
    for point in sorted(entry_points(group=f"refbench.{kind}"), key=lambda p: p.name):
        yield _read(kind, point.name, _distribution(point), point.load)


def _distribution(point: EntryPoint) -> str:
    dist = point.dist
    return f"{dist.name} {dist.version} {ENTRY_POINT}" if dist is not None else ENTRY_POINT


def _read(kind: Kind, name: str, source: str, load: Callable[[], object]) -> Entry:
    wanted = SPEC_TYPE[kind]
    try:
        spec = load()
    except (Exception, SystemExit) as error:
        return Entry(name, None, source, describe(error))
    if not isinstance(spec, wanted):
        return Entry(name, None, source, f"gives a {type(spec).__name__}, not a {wanted.__name__}")
    own = spec.alias if isinstance(spec, MetricSpec) else spec.name
    if own != name:
        return Entry(name, None, source, f"its spec calls itself {own!r}")
    return Entry(name, spec, source)
