"""``refbench train``: a method, a preset, photos."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from refbench.cli.parser import add_sweep_flags, add_words
from refbench.cli.tracked import show_tracked
from refbench.config.keys import DEVICE, METHOD, SEED, TRACKING, TRACKING_URI, Key
from refbench.config.load import load_commands
from refbench.errors import UserError
from refbench.settings import MethodChoice

HELP = """Train a method under a declared recipe; killed and started again, it goes on where it was.

  refbench train method=datsr preset=compact train.data=DIR
  refbench train method=datsr,ttsr seed=0,1 train.data=DIR train.budget=500
  refbench train method=my.py:SPEC train.data=DIR    a method of your own, see docs/your_network.md

Every field of a recipe (configs/train/*.yaml) is a key: train.stage1.teacher=100 train.stage2.batch=4."""
KEYS = (
    METHOD,
    Key("preset", "name", "recipe in configs/train", "compact"),
    Key("train.data", "path", "folder of photos, or the CUFED train layout (input/, ref/)"),
    Key("train.val_data", "path", "photos for validation; default: every eighth photo of train.data"),
    Key("train.vgg19", "path", "vgg19-dcbb9e9d.pth, for perceptual terms"),
    Key("train.budget", "int", "steps of stage 2, instead of the preset's", minimum=1),
    Key("train.max_steps", "int", "stop each stage after this many steps", minimum=1),
    Key("train.precision", "choice", "fp32, or mixed precision", None, ("fp32", "bf16", "fp16")),
    Key("out", "path", "folder of runs", "training"),
    SEED,
    DEVICE,
    TRACKING,
    TRACKING_URI,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``KEY=VALUE ... [-m] [--cfg]``."""
    add_words(parser)
    add_sweep_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Train every combination in turn; prints where the checkpoints are."""
    found = load_commands("train", KEYS, args.words, True, groups=("train",))
    tracking, uri = found[0]["tracking"], found[0]["tracking.uri"]
    for values in found:
        values["method"] = _locator(values["method"])
    jobs = [nested({k: v for k, v in values.items() if not k.startswith("tracking")}) for values in found]
    if args.cfg:
        import yaml

        args.output.emit({"settings": jobs})
        if not args.json:
            args.output.line(yaml.safe_dump_all(jobs, sort_keys=False, allow_unicode=True).rstrip())
        return 0

    from refbench.datasets.photos.split import refuse_held_out
    from refbench.execution.device import resolve_device
    from refbench.tracking.training import publish_training
    from refbench.training.run import TrainingResult, train

    written, tracked = [], []

    def publish(result: TrainingResult) -> None:
        tracked.append(publish_training(result.checkpoint.parent.parent, uri, result))

    mirror = publish if tracking == "mlflow" else None
    for job in jobs:
        written.append(
            train({**job, "device": resolve_device(job["device"])}, args.output.line, refuse_held_out, mirror)
        )
    args.output.emit({"checkpoints": [str(path) for path in written], "tracking": tracked})
    show_tracked(tracked, args.output)
    return 0


def _locator(choice: MethodChoice) -> str:
    """The method as it was named. UserError for options, which decide how a trained net is used."""
    if choice.params:
        name = next(iter(choice.params))
        raise UserError(f"train: method.{name}= has no effect on training; fields of the net are train.net.*")
    return choice.locator or choice.name


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys as groups; keys that were left out are not in it, the preset decides them."""
    config: dict[str, Any] = {}
    for name, value in values.items():
        if value is None:
            continue
        *groups, last = name.split(".")
        place = config
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = list(value) if isinstance(value, tuple) else value
    return config
