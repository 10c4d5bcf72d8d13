"""Whether a method's checkpoint files are there: by name only, nothing is read or hashed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from refbench.config_build import WEIGHTS_VARIABLE
from refbench.specs import MethodSpec, WeightsFile, WeightsVariant


def variant_state(spec: MethodSpec, variant: WeightsVariant, root: str | None) -> str:
    """``bundled``, ``present`` or ``missing``."""
    if all(find_file(spec, variant, f, root) is not None for f in variant.files):
        return "bundled" if variant.bundled else "present"
    return "missing"


def find_file(spec: MethodSpec, variant: WeightsVariant, file: WeightsFile, root: str | None) -> Path | None:
    """Where a checkpoint file is, or None."""
    return next((p for p in _places(spec, variant, file, root) if p.is_file()), None)


def _places(spec: MethodSpec, variant: WeightsVariant, file: WeightsFile, root: str | None) -> Iterator[Path]:
    if variant.bundled:
        folder = _method_folder(spec)
        if folder is not None:
            yield folder / file.name
        return
    top = root or os.environ.get(WEIGHTS_VARIABLE)
    if top:
        yield Path(top).expanduser() / spec.name / file.name
        yield Path(top).expanduser() / file.name
    if file.hub:
        cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        home = os.environ.get("TORCH_HOME") or f"{cache}/torch"
        yield Path(home).expanduser() / "hub" / "checkpoints" / file.name


def _method_folder(spec: MethodSpec) -> Path | None:
    # the package of the class, found without importing the module that holds it
    package = spec.target.partition(":")[0].rpartition(".")[0]
    found = find_spec(package) if package else None
    places = found.submodule_search_locations if found is not None else None
    return Path(next(iter(places))) if places else None
