"""What a method does with several references, as far as its spec and its options say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from refbench.nets.options import FUSE_PARAM, MULTI
from refbench.specs import MethodSpec, ParamValue

NAMES = (*MULTI, *map(str, FUSE_PARAM.choices))
"""Everything that ``method.multi`` can be."""


def multi_for(spec: MethodSpec, params: Mapping[str, object], wanted: Sequence[str]) -> str | None:
    """The first of ``wanted`` that a method's option ``multi`` knows and that goes with its other options;
    None for none, and for a method without the option. ``params``: what the user said."""
    multi = spec.params.get("multi")
    if multi is None:
        return None
    refused: set[str] = set()
    if params.get("padding", "inside") != "inside":
        refused = set(MULTI) - {"first", "average"}
    elif params.get("approx") not in (None, "pca"):
        refused = {"per_patch"}
    return next((name for name in wanted if name in multi.choices and name not in refused), None)


def references_read(spec: MethodSpec, params: Mapping[str, ParamValue]) -> int:
    """How many references a bundled method reads at most: the first ones."""
    if not spec.uses_reference or spec.max_refs == 0:
        return 0
    return 1 if params.get("multi") == "first" else spec.max_refs
