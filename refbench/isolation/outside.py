"""What a method's file says about itself, read in a process of its own: its code never runs in this one."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from refbench.errors import UserError
from refbench.registry import Registry, is_file_locator
from refbench.specs import MethodSpec

READ_SECONDS = 300.0
"""What importing a method's file may take."""
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from importlib import import_module; import_module(sys.argv[2]).main()"
)


def own_interpreter(module: str, hidden: Iterable[str] = ()) -> list[str]:
    """The command that runs ``module.main()`` in a new interpreter like this one.

    It imports from where this one does, never from the working folder, nor from below a ``hidden`` folder.
    """
    import json

    places = [place for place in sys.path if place and not _below(place, hidden)]
    return [sys.executable, "-P", "-c", _BOOT, json.dumps(places), module]


def own_environment(hidden: Iterable[str] = ()) -> dict[str, str]:
    """This process's environment without the working folder and whatever names a ``hidden`` folder."""
    folders = [folder for folder in hidden if folder]
    return {
        name: value
        for name, value in os.environ.items()
        if name not in ("PWD", "OLDPWD") and not any(folder in value for folder in folders)
    }


def _below(place: str, folders: Iterable[str]) -> bool:
    return any(Path(place).is_relative_to(folder) for folder in folders if folder)


def method_outside(registry: Registry, text: str) -> MethodSpec:
    """A method by its name, or by ``path/to/file.py:SPEC``, which a process of its own reads: its code never
    runs in this one. UserError for an unknown name and as :func:`spec_outside` raises it."""
    return spec_outside(text) if is_file_locator(text) else registry.method(text)


def spec_outside(locator: str) -> MethodSpec:
    """The MethodSpec of ``path/to/file.py:NAME``. UserError as :func:`refbench.registry.spec_in_file` raises
    it, and for a file that ends its process.

    Where the spec's ``target`` names the file itself, the returned one names its absolute path.
    """
    path_text = locator.rpartition(":")[0] if ".py:" in locator else locator
    path = Path(path_text).expanduser()
    if not path.is_file():
        raise UserError(f"method={locator}: there is no file {path}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return _spec(locator, str(path.resolve()), digest)


@lru_cache(maxsize=64)
def _spec(locator: str, path: str, digest: str) -> MethodSpec:
    from pydantic import TypeAdapter

    del digest
    found = TypeAdapter(MethodSpec).validate_python(
        _ask({"type": "spec", "locator": locator}, locator)["spec"]
    )
    owner, _, attribute = found.target.partition(":")
    if owner.startswith("refbench_file_"):
        from dataclasses import replace

        return replace(found, target=f"{path}:{attribute}")
    return found


def hooks_outside(
    locator: str, target: str, params: Mapping[str, object], ids: Sequence[str]
) -> tuple[str | None, str]:
    """(identity of the files that a third-party method reads, its label): see refbench.plan.method_hooks."""
    header = {"type": "hooks", "locator": locator, "target": target, "params": dict(params), "ids": list(ids)}
    answer = _ask(header, locator)
    identity = answer.get("identity")
    return (None if identity is None else str(identity)), str(answer.get("label", ""))


def _ask(header: dict[str, Any], locator: str) -> dict[str, Any]:
    # numpy comes with it: a plain `refbench list` does without
    from refbench.isolation.process import Child, ChildFailed, ChildLost

    child = Child(own_interpreter("refbench.isolation.teller"), own_environment())
    try:
        answer, _ = child.ask({**header, "folder": os.getcwd()}, (), READ_SECONDS)
    except ChildFailed as error:
        raise UserError(str(error.answer.get("error"))) from None
    except ChildLost as error:
        where = f" ({error.place})" if error.place else ""
        raise UserError(f"method={locator}: its process {error}{where} while it was read") from None
    finally:
        child.close()
    return answer
