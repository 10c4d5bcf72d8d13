"""``refbench upscale``: one's own image, with one's own references."""

from __future__ import annotations

import argparse
from pathlib import Path

from refbench.cli.parser import add_words
from refbench.config.keys import DEVICE, MEMORY, METHOD, PRECISION, THREADS, WEIGHTS, WEIGHTS_ROOT, Key
from refbench.config.load import load_command
from refbench.config.override import is_override
from refbench.errors import UserError
from refbench.registry import Registry

HELP = """Super-resolve your own image (x4) with your own references.

  refbench upscale lr.png ref=a.png,b.png method=datsr out=sr.png"""
KEYS = (
    METHOD,
    WEIGHTS,
    Key("ref", "paths", "reference images, the most similar one first: a.png,b.png", ()),
    Key("out", "path", "the PNG to write; default: <name>_x4.png in the current folder"),
    Key("overwrite", "bool", "replace an existing output", False),
    DEVICE,
    PRECISION,
    MEMORY,
    THREADS,
    WEIGHTS_ROOT,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``IMAGE KEY=VALUE ...``."""
    add_words(parser, "IMAGE|KEY=VALUE", "the LR image, and settings")


def run(args: argparse.Namespace) -> int:
    """Write the SR image and say what was done."""
    images = [w for w in args.words if not is_override(w)]
    values = load_command("upscale", KEYS, [w for w in args.words if is_override(w)])
    if len(images) != 1:
        said = f"it got {', '.join(images)}" if images else "none is given"
        raise UserError(f"upscale takes one LR image; {said}")
    lr, choice = Path(images[0]).expanduser(), values["method"]
    spec = Registry.discover().method_from(choice.locator)

    from refbench.cli.threads import set_threads
    from refbench.execution.upscale import UpscaleRequest, upscale
    from refbench.loader import resolve_weights
    from refbench.tiling.size import memory_bytes

    set_threads(values["threads"])
    root = Path(values["weights.root"]) if values["weights.root"] else None
    scale = spec.scale
    if spec.any_checkpoint:
        weights = resolve_weights(spec, choice.weights, root)
        scale = (weights.scale if weights is not None else None) or scale
    request = UpscaleRequest(
        lr=lr,
        out=Path(values["out"] or f"{lr.stem}_x{scale}.png"),
        spec=spec,
        refs=tuple(Path(ref) for ref in values["ref"]),
        weights=choice.weights,
        weights_root=root,
        params=choice.params,
        device=values["device"],
        overwrite=values["overwrite"],
        precision=values["precision"],
        memory_limit=memory_bytes(values["memory.limit"]),
    )
    result = upscale(request, args.output.line)
    args.output.emit(result.to_json())
    return 0
