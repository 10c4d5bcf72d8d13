"""The skeleton of a method: a module, its package data, a conformance test. It conforms as it is."""

from __future__ import annotations

import importlib.util
import keyword
import re
import shlex
import sys
from collections.abc import Collection
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from refbench.errors import UserError

NAME = re.compile(r"[a-z][a-z0-9_]*")

FILES = {
    "method_module.txt": "{name}.py",
    "method_pyproject.txt": "pyproject.toml",
    "method_test.txt": "tests/test_{name}_conforms.py",
    "method_readme.txt": "README.md",
}
"""Template -> path inside the new folder."""


@dataclass(frozen=True)
class Skeleton:
    """What was written."""

    folder: Path
    files: tuple[Path, ...]
    next_steps: tuple[str, ...]
    """Commands to type next."""


def new_method(name: str, dest: Path, taken: Collection[str] = ()) -> Skeleton:
    """Write the folder ``dest/name``. ``taken``: names that the registry knows already.

    Raises UserError for a name that is not a lower-case Python name, is taken, or would hide an installed
    module, for a folder that exists, and when ``dest`` cannot be written.
    """
    check_name(name, taken)
    folder = dest.expanduser() / name
    if folder.exists():
        raise UserError(f"{folder} exists already; give another name, or remove it")
    words = {
        "name": name,
        "class_name": "".join(part.capitalize() for part in name.split("_")),
        "title": name.replace("_", " ").title(),
        "distribution": "refbench-" + name.replace("_", "-").strip("-"),
    }
    written = []
    for template, pattern in FILES.items():
        path = folder / pattern.format(name=name)
        text = (files("refbench.scaffold") / template).read_text(encoding="utf-8")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(Template(text).substitute(words), encoding="utf-8")
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}") from error
        written.append(path)
    locator = shlex.quote(f"method={folder / name}.py:SPEC")
    steps = (f"refbench verify {locator}", f"refbench run {locator} suite=cufed5")
    return Skeleton(folder, tuple(written), steps)


def check_name(name: str, taken: Collection[str]) -> None:
    """Raises UserError when ``name`` cannot be the name of a module and method."""
    if not NAME.fullmatch(name) or name.endswith("_"):
        raise UserError(f"name {name!r}: use lower-case letters, digits and _, starting with a letter")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise UserError(f"name {name!r}: is a word of the Python language; choose another")
    if name in taken:
        raise UserError(f"name {name!r}: a method of this name exists already; choose another")
    if name in sys.stdlib_module_names or _installed(name):
        raise UserError(f"name {name!r}: a Python module of this name is installed; choose another")


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return True
