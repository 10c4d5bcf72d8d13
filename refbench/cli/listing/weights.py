"""Whether a method's checkpoint files are there: by name only, nothing is read or hashed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from refbench.specs import MethodSpec, WeightsFile, WeightsVariant
from refbench.weights.resolve import ROOT_VARIABLE, hub_folder


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
        # found by package: the module that holds the class may import torch
        package = spec.target.partition(":")[0].rpartition(".")[0]
        found = find_spec(package) if package else None
        for folder in (found.submodule_search_locations or ()) if found is not None else ():
            yield Path(folder) / file.name
        return
    top = root or os.environ.get(ROOT_VARIABLE)
    if top:
        yield Path(top).expanduser() / spec.name / file.name
        yield Path(top).expanduser() / file.name
    if file.hub:
        yield hub_folder() / file.name
