"""The digest of a method's sources: read as text, never imported."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path

from refbench.errors import UserError
from refbench.registry import FILE_MODULE_PREFIX
from refbench.specs import MethodSpec

SPEC_FILE = "spec.py"
"""Describes a method beside its code: titles, licences and published numbers change no result."""
_IMPORTS_SPEC = re.compile(rb"^\s*(?:from|import)\s.*\bspec\b", re.MULTILINE)

PACKAGES = ("refbench", "refbench.methods", "refbench.datasets")


def code_digest(spec: MethodSpec, plugin_file: Path | None = None) -> str:
    """sha256 hex over the ``.py`` sources that decide what a method computes.

    Those are the folder of the target's module (all of it, recursively; for a top-level module that
    file alone; with ``plugin_file``, or a target of the form ``path/file.py:Class``, that file) and
    the packages or modules in ``spec.code``. Paths enter relative to the package, and line ends are
    normalised, so that checkouts and installs agree. Of a ``spec.py`` beside the code only what a result
    depends on enters (:func:`facts`), as long as no other source of that folder imports it: a corrected
    published number repeats no inference. Raises UserError when sources cannot be found.
    """
    module = spec.target.partition(":")[0]
    if plugin_file is None and module.endswith(".py"):
        plugin_file = Path(module)
    if plugin_file is None:
        plugin_file = _file_of_plugin(module)
    sources: dict[str, Path] = {}
    if plugin_file is not None:
        sources[f"plugin/{plugin_file.name}"] = plugin_file
    else:
        sources.update(_without_spec(_own_folder(module, spec.name), spec.name))
    for name in spec.code:
        sources.update(_sources(name, spec.name))
    total = hashlib.sha256(f"{facts(spec)}\n".encode())
    for label, path in sorted(sources.items()):
        total.update(f"{label}\0{_file_digest(path, spec.name)}\n".encode())
    return total.hexdigest()


def facts(spec: MethodSpec) -> str:
    """What a spec says that decides a result, as JSON; options and weights have their own fields in keys."""
    deciding = ("scale", "min_refs", "max_refs", "uses_reference", "deterministic")
    values = {name: getattr(spec, name) for name in deciding}
    # the class alone: where a plugin file lies does not matter
    return json.dumps({"class": spec.target.partition(":")[2], **values}, sort_keys=True)


def _without_spec(sources: dict[str, Path], method: str) -> dict[str, Path]:
    """The folder's sources without its own ``spec.py``, unless another of them imports that."""
    others = {
        label: path for label, path in sources.items() if path.name != SPEC_FILE or label.count("/") > 1
    }
    if not others or any(_IMPORTS_SPEC.search(_read(path, method)) for path in others.values()):
        return sources
    return others


def package_digest() -> str:
    """sha256 hex over refbench's own ``.py`` sources, those of reports and configs left out.

    A checkout and a wheel of it agree.
    """
    sources: dict[str, Path] = {}
    for module in PACKAGES:
        # in a wheel refbench.methods is a folder of refbench, in a checkout it stands beside it
        for label, path in _sources(module, "refbench").items():
            name = label.replace(module, module.replace(".", "/"), 1)
            if not name.startswith(("refbench/reports/", "refbench/configs/")):
                sources[name] = path
    total = hashlib.sha256()
    for label, path in sorted(sources.items()):
        total.update(f"{label}\0{_file_digest(path, 'refbench')}\n".encode())
    return total.hexdigest()


def _file_of_plugin(module: str) -> Path | None:
    """The file behind a module that was loaded by its path (``method=file.py:SPEC``), else None."""
    loaded = sys.modules.get(module)
    if not module.startswith(FILE_MODULE_PREFIX) or loaded is None or loaded.__file__ is None:
        return None
    return Path(loaded.__file__)


def _own_folder(module: str, method: str) -> dict[str, Path]:
    found = _find(module)
    if found is not None and found.submodule_search_locations is None and "." in module:
        return _sources(module.rpartition(".")[0], method)
    return _sources(module, method)


def _sources(module: str, method: str) -> dict[str, Path]:
    """``label -> file`` for a package (recursively) or a single module."""
    found = _find(module)
    if found is None:
        raise UserError(
            f"method {method!r}: cannot find the sources of {module!r}; check `target` and `code`"
        )
    if found.submodule_search_locations is None:
        if not found.origin or not found.origin.endswith(".py"):
            raise UserError(
                f"method {method!r}: {module!r} has no .py source; only Python sources can be keyed"
            )
        return {f"{module}/{Path(found.origin).name}": Path(found.origin)}
    files: dict[str, Path] = {}
    for folder in found.submodule_search_locations:
        for path in _python_files(Path(folder)):
            files.setdefault(f"{module}/{path.relative_to(folder).as_posix()}", path)
    if not files:
        raise UserError(f"method {method!r}: package {module!r} holds no .py source")
    return files


def _python_files(folder: Path) -> Iterator[Path]:
    return (p for p in folder.rglob("*.py") if p.is_file() and "__pycache__" not in p.parts)


def _find(name: str) -> ModuleSpec | None:
    """Like importlib.util.find_spec, which would import the parent packages of a dotted name."""
    search: Sequence[str] | None = None
    found: ModuleSpec | None = None
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        full = ".".join(parts[:depth])
        found = _find_one(full, search)
        if found is None:
            return None
        search = list(found.submodule_search_locations or [])
    return found


def _find_one(full: str, search: Sequence[str] | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        method = getattr(finder, "find_spec", None)
        found: ModuleSpec | None = method(full, search, None) if method else None
        if found is not None:
            return found
    return None


def _file_digest(path: Path, method: str) -> str:
    return hashlib.sha256(_read(path, method)).hexdigest()


def _read(path: Path, method: str) -> bytes:
    """The source with line ends as LF."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"method {method!r}: cannot read its source {path}: {error.strerror}") from None
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
