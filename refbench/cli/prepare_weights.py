"""``refbench prepare method=NAME weights.root=DIR``: official checkpoints, where a run looks for them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from refbench.errors import UserError, unknown
from refbench.registry import Registry
from refbench.specs import WeightsVariant
from refbench.weights.obtain import obtain


def prepare_weights(args: argparse.Namespace, values: dict[str, Any]) -> int:
    """Fetch what has a known address, say how to get the rest; 1 when something is missing."""
    spec = Registry.discover().method(values["method"])
    official = [v for v in spec.variants if not v.bundled]
    if not official:
        raise UserError(f"prepare method={spec.name}: it has no weights to fetch")
    if values["weights.root"] is None:
        raise UserError(
            f"prepare method={spec.name}: weights.root= is missing; give the folder for checkpoints"
        )
    variants = (
        [_named(spec.name, values["method.weights"], official)] if values["method.weights"] else official
    )
    root = Path(values["weights.root"])
    found = {f.name: f for variant in variants for f in obtain(spec, variant, root, args.output.note)}
    for file in found.values():
        checked = "" if file.verified or file.path is None else " (no checksum is known)"
        args.output.line(
            f"{file.state}: {file.path or file.name}{checked}{file.remedy and '; '}{file.remedy}"
        )
    missing = [f.name for f in found.values() if f.path is None]
    args.output.emit({"method": spec.name, "files": list(found.values()), "ok": not missing})
    return 1 if missing else 0


def _named(method: str, name: str, variants: list[WeightsVariant]) -> WeightsVariant:
    for variant in variants:
        if variant.name == name:
            return variant
    raise unknown(f"official weights of {method}", name, [v.name for v in variants])
