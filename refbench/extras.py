"""Optional packages: what each extra brings, and the command that installs it.

The command names the packages themselves, not ``refbench[extra]``, so that it works wherever refbench came
from: a clone, a wheel file, or a package index.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec


@dataclass(frozen=True)
class Extra:
    """One ``[project.optional-dependencies]`` entry that a user may want."""

    module: str
    """What is imported when it is used."""
    enables: str


EXTRAS: Mapping[str, Extra] = {
    "iqa": Extra("pyiqa", "metrics=[pyiqa:NAME] (noncommercial licence)"),
    "fid": Extra("pytorch_fid", "metrics=[fid,kid]"),
    "stlpips": Extra("stlpips_pytorch", "metrics=[stlpips]"),
    "sisr": Extra("spandrel", "method=sisr: single-image networks from a checkpoint"),
    "energy": Extra("pynvml", "energy and utilisation in refbench profile device=cuda"),
    "ray": Extra("ray", "executor=ray: several processes, GPUs or machines"),
    "testing": Extra("pytest", "refbench.testing: asserts for a method's own repository"),
}
_EXTRA = re.compile(r"""\s*;.*\bextra\s*==\s*['"]([^'"]+)['"]""")


def present(name: str) -> bool:
    """Whether the package behind an extra can be imported; it is not imported here.

    >>> present("testing")
    True
    """
    return find_spec(EXTRAS[name].module) is not None


def install_command(name: str) -> str:
    """The command that installs what the extra ``name`` lists.

    >>> install_command("sisr").startswith("pip install 'spandrel>=")
    True
    """
    try:
        declared = metadata.requires("refbench") or []
    except metadata.PackageNotFoundError:
        declared = []
    wanted = [_EXTRA.sub("", line) for line in declared if (m := _EXTRA.search(line)) and m[1] == name]
    return "pip install " + (" ".join(map(shlex.quote, wanted)) or EXTRAS[name].module.replace("_", "-"))
