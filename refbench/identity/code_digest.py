"""The digest of a method's code: the import closure of its class, read as syntax trees, never imported.

What counts is what can change a number: the statements of every module that the method's module reaches
through ``import`` statements, inside functions too. What cannot is left out: comments, docstrings, blank
lines, imports for type checkers, the descriptions in a ``spec.py``, and other distributions (torch, numpy),
which a manifest records as provenance.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from importlib.machinery import ModuleSpec
from pathlib import Path

from refbench.errors import UserError
from refbench.registry import FILE_MODULE_PREFIX
from refbench.specs import MethodSpec

OWN = "refbench"
LIVE_PREFIX = "refbench_live_"
"""Modules that hold a Python callable given to refbench.evaluate are called so."""
CONTRACTS = frozenset(
    f"{OWN}.{name}" for name in ("errors", "types", "specs", "stages", "registry", "settings")
)
"""Modules that hold declarations, texts and look-ups: they move values about and compute none."""
OUTSIDE = (f"{OWN}.untrusted", f"{OWN}.store", f"{OWN}.identity", f"{OWN}.training", f"{OWN}.conformance")
"""Rooms that read, check and keep files around a call: what they hand on is hashed as weights or data."""
ROOTS = frozenset({OWN, f"{OWN}.methods", f"{OWN}.datasets", f"{OWN}.reports", f"{OWN}.configs"})
"""Packages whose own ``__init__`` only opens doors."""

PACKAGES = (OWN, f"{OWN}.methods", f"{OWN}.datasets")


def code_digest(spec: MethodSpec, plugin_file: Path | None = None) -> str:
    """sha256 hex of the code that decides what a method computes.

    The closure starts at the module of ``spec.target`` (``plugin_file``, or a target of the form
    ``path/file.py:Class``: that file) and at the modules in ``spec.code``, which run without being
    imported. Of a third-party package every module of the target's folder is a start, because such a
    package may find its parts by name. Modules enter with their dotted names, so that checkouts, wheels and
    editable installs agree. Of the spec only what a result depends on enters (:func:`facts`). Raises
    UserError when sources cannot be found.
    """
    total = hashlib.sha256(f"{facts(spec)}\n".encode())
    module = spec.target.partition(":")[0]
    if module.startswith(LIVE_PREFIX):
        # a callable of this process: what it does cannot be read, and its module's name is never used again
        total.update(module.encode())
        return total.hexdigest()
    for name, path in sorted(closure(spec, plugin_file).items()):
        total.update(f"{name}\0{tree_digest(path, spec.name)}\n".encode())
    return total.hexdigest()


def facts(spec: MethodSpec) -> str:
    """What a spec says that decides a result, as JSON; options and weights have their own fields in keys."""
    deciding = ("scale", "min_refs", "max_refs", "uses_reference", "deterministic")
    values = {name: getattr(spec, name) for name in deciding}
    # the class alone: where a plugin file lies does not matter
    return json.dumps({"class": spec.target.partition(":")[2], **values}, sort_keys=True)


def closure(spec: MethodSpec, plugin_file: Path | None = None) -> dict[str, Path]:
    """Dotted name -> file of every module whose code a method reaches. Raises UserError."""
    module = spec.target.partition(":")[0]
    if plugin_file is None and module.endswith(".py"):
        plugin_file = Path(module)
    if plugin_file is None:
        plugin_file = _file_of_plugin(module)
    start: dict[str, Path] = {}
    if plugin_file is not None:
        start[f"plugin/{plugin_file.name}"] = plugin_file
    else:
        start.update(_start(module, spec.name))
    for name in spec.code:
        start[name] = _source(name, spec.name)
    tops = {OWN, *(name.partition(".")[0] for name in start if "/" not in name)}
    found: dict[str, Path] = {}
    todo = list(start.items())
    while todo:
        name, path = todo.pop()
        if name in found:
            continue
        found[name] = path
        siblings = path.parent if "/" in name else None
        for reached in _imports(_tree(path, spec.name), name, path.name == "__init__.py"):
            todo += [
                (n, p) for n, p in _reached(reached, tops, siblings) if n not in found
            ]  # fmt: skip
    return found


def _start(module: str, method: str) -> dict[str, Path]:
    """The target's module; of a third party's package, every module next to it."""
    own = {module: _source(module, method)}
    package = module.rpartition(".")[0]
    if module.partition(".")[0] == OWN or not package:
        return own
    folder = own[module].parent
    for path in folder.rglob("*.py"):
        parts = path.relative_to(folder).with_suffix("").parts
        if "__pycache__" in parts:
            continue
        name = ".".join([package, *(parts[:-1] if parts[-1] == "__init__" else parts)])
        # its spec only describes it, unless the code imports it
        if name != f"{package}.spec":
            own.setdefault(name, path)
    return own


@lru_cache(maxsize=512)
def _imports(tree: ast.Module, name: str, is_package: bool) -> tuple[str, ...]:
    """Dotted names that a module imports anywhere; ``from a import b`` gives ``a`` and ``a.b``."""
    package = name if is_package else name.rpartition(".")[0]
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                kept = parts[: len(parts) - node.level + 1]
                base = ".".join([*kept, *([node.module] if node.module else [])])
            if base:
                found += (base, *(f"{base}.{alias.name}" for alias in node.names))
    return tuple(dict.fromkeys(found))


def _reached(name: str, tops: set[str], siblings: Path | None) -> Iterator[tuple[str, Path]]:
    """The module called ``name`` with the packages above it, as far as its code counts."""
    if siblings is not None and (siblings / f"{name.partition('.')[0]}.py").is_file():
        # a plugin's file may bring a helper in the same folder
        first = name.partition(".")[0]
        yield f"plugin/{first}.py", siblings / f"{first}.py"
        return
    if name.partition(".")[0] not in tops or not _counts(name):
        return
    source = _find_source(name)
    if source is None:
        # an attribute of a module, not a module
        return
    yield name, source
    if name.partition(".")[0] == OWN:
        return
    package = name.rpartition(".")[0]
    while package:
        above = _find_source(package)
        if above is not None:
            yield package, above
        package = package.rpartition(".")[0]


def _counts(name: str) -> bool:
    if name in ROOTS or name in CONTRACTS:
        return False
    return not any(name == room or name.startswith(f"{room}.") for room in OUTSIDE)


def tree_digest(path: Path, method: str = "") -> str:
    """sha256 hex over the statements of a source file: no comments, docstrings, layout or line numbers."""
    return _digest(_tree(path, method))


@lru_cache(maxsize=512)
def _digest(tree: ast.Module) -> str:
    return hashlib.sha256("".join(_dump(tree)).encode("utf-8", "surrogatepass")).hexdigest()


def _dump(node: object) -> Iterator[str]:
    """A syntax tree as text that every version of Python writes alike: empty fields are left out."""
    if isinstance(node, ast.AST):
        yield f"{type(node).__name__}("
        for name, value in ast.iter_fields(node):
            if value is None or value == [] or name in ("ctx", "kind", "type_comment", "type_ignores"):
                continue
            yield f"{name}="
            yield from _dump(value)
            yield ","
        yield ")"
    elif isinstance(node, list):
        yield "["
        for item in node:
            yield from _dump(item)
            yield ","
        yield "]"
    else:
        yield repr(node)


class _Plain(ast.NodeTransformer):
    """Takes out what does nothing when it runs."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        value = node.value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return None
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt] | None:
        test = node.test
        typing_only = (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
            isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
        )
        if typing_only:
            return [self.visit(statement) for statement in node.orelse]
        return self.generic_visit(node)


def _tree(path: Path, method: str) -> ast.Module:
    """The statements of a file. Methods share most of their closure, so each version is parsed once."""
    try:
        status = path.stat()
    except OSError as error:
        raise UserError(f"method {method!r}: cannot read its source {path}: {error.strerror}") from None
    try:
        return _parsed(path, (status.st_mtime_ns, status.st_size, status.st_ino))
    except (SyntaxError, ValueError) as error:
        raise UserError(f"method {method!r}: its source {path} is not Python: {error}") from None
    except OSError as error:
        raise UserError(f"method {method!r}: cannot read its source {path}: {error.strerror}") from None


@lru_cache(maxsize=512)
def _parsed(path: Path, version: tuple[int, int, int]) -> ast.Module:
    # line ends are the parser's business, the encoding line too
    plain = _Plain().visit(ast.parse(path.read_bytes()))
    assert isinstance(plain, ast.Module)
    return plain


def package_digest() -> str:
    """sha256 hex over the bytes of refbench's own ``.py`` sources, those of reports and configs left out.

    A checkout and a wheel of it agree. Nodes of a cluster compare it: there even a docstring's difference
    means another copy.
    """
    sources: dict[str, Path] = {}
    for module in PACKAGES:
        # in a wheel refbench.methods is a folder of refbench, in a checkout it stands next to it
        for label, path in _files(module, OWN).items():
            name = label.replace(module, module.replace(".", "/"), 1)
            if not name.startswith(("refbench/reports/", "refbench/configs/")):
                sources[name] = path
    total = hashlib.sha256()
    for label, path in sorted(sources.items()):
        total.update(f"{label}\0{hashlib.sha256(_read(path, OWN)).hexdigest()}\n".encode())
    return total.hexdigest()


def _file_of_plugin(module: str) -> Path | None:
    """The file behind a module that was loaded by its path (``method=file.py:SPEC``), else None."""
    loaded = sys.modules.get(module)
    if not module.startswith(FILE_MODULE_PREFIX) or loaded is None or loaded.__file__ is None:
        return None
    return Path(loaded.__file__)


def _source(module: str, method: str) -> Path:
    """The file of a module, or of a package's ``__init__``. Raises UserError."""
    found = _find(module)
    if found is None:
        raise UserError(
            f"method {method!r}: cannot find the sources of {module!r}; check `target` and `code`"
        )
    if not found.origin or not found.origin.endswith(".py"):
        raise UserError(f"method {method!r}: {module!r} has no .py source; only Python sources can be keyed")
    return Path(found.origin)


def _find_source(module: str) -> Path | None:
    found = _find(module)
    origin = found.origin if found is not None else None
    return Path(origin) if origin is not None and origin.endswith(".py") else None


def _files(module: str, method: str) -> dict[str, Path]:
    """``label -> file`` for a package (recursively)."""
    found = _find(module)
    if found is None or found.submodule_search_locations is None:
        raise UserError(f"method {method!r}: cannot find the sources of {module!r}")
    files: dict[str, Path] = {}
    for folder in found.submodule_search_locations:
        for path in _python_files(Path(folder)):
            files.setdefault(f"{module}/{path.relative_to(folder).as_posix()}", path)
    return files


def _python_files(folder: Path) -> Iterable[Path]:
    return (p for p in folder.rglob("*.py") if p.is_file() and "__pycache__" not in p.parts)


def _find(name: str) -> ModuleSpec | None:
    """Like importlib.util.find_spec, which would import the parent packages of a dotted name."""
    search: Sequence[str] | None = None
    found: ModuleSpec | None = None
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        if depth > 1 and not search:
            # a module has no submodules
            return None
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


def _read(path: Path, method: str) -> bytes:
    """The source with line ends as LF."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"method {method!r}: cannot read its source {path}: {error.strerror}") from None
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
