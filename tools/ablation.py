"""``python tools/ablation.py KEY=VALUE...``: a net's variants under one reduced budget, compared."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from statistics import mean
from typing import Any

from refbench.datasets.photos.split import refuse_held_out
from refbench.errors import UserError
from refbench.training.fields import merged
from refbench.training.run import TrainingResult, train
from refbench.untrusted.yaml_text import safe_yaml

SCORES = ("good", "unrelated", "none")


@dataclass(frozen=True)
class AblationRow:
    """Validation gains over bicubic (dB) of one variant, one value a seed."""

    variant: str
    gains: Mapping[str, tuple[float, ...]]
    cpu_minutes: float


_TEXT = ("out", "method", "train.data", "train.val_data")


def parse(arguments: list[str]) -> dict[str, Any]:
    """Nested mapping of ``a.b=value`` arguments; paths and names as they stand, the rest as YAML."""
    config: dict[str, Any] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            raise UserError(f"{argument!r} is not of the form key=value")
        *groups, name = key.split(".")
        place = config
        for group in groups:
            place = place.setdefault(group, {})
        place[name] = value if key in _TEXT else safe_yaml(value, f"{key}=")
    return config


def plan(name: str) -> Mapping[str, Any]:
    """The ablation of ``name`` in ``configs/train/ablation``. UserError when there is none."""
    import yaml

    file = resources.files("refbench.configs") / "train" / "ablation" / f"{name}.yaml"
    if not file.is_file():
        raise UserError(f"no ablation {name!r} in configs/train/ablation")
    found: Mapping[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


def ablate(config: Mapping[str, Any], echo: Callable[[str], None]) -> list[AblationRow]:
    """Train every variant with every seed and return the rows, the base first.

    ``config`` as for ``train`` without preset; ``train`` is laid over every variant, ``seeds`` (a list)
    replaces the plan's. A killed ablation goes on where it was, since each of its runs does; finished runs
    are read, not repeated.
    """
    chosen = plan(str(config.get("method") or "datsr"))
    out = Path(str(config.get("out") or "ablation"))
    rows = []
    bases: dict[int, Path] = {}
    for variant, change in chosen["variants"].items():
        gains: dict[str, list[float]] = {score: [] for score in SCORES}
        seconds = 0.0
        for seed in config.get("seeds") or chosen["seeds"]:
            changes = merged(merged(chosen["common"], config.get("train") or {}), change.get("train") or {})
            if change.get("own_encoder"):
                changes = merged(changes, {"encoder": ""})
            elif seed in bases and not changes.get("encoder"):
                changes = merged(changes, {"encoder": str(bases[seed])})
            result = _train(
                {
                    "method": chosen["method"],
                    "preset": "compact",
                    "seed": seed,
                    "out": str(out / variant.replace(" ", "-")),
                    "train": changes,
                },
                _prefixed(echo, f"{variant}, seed {seed}: "),
            )
            bases.setdefault(seed, result.checkpoint)
            last = result.stages["stage2"][-1]
            seconds += sum(part[-1]["cpu_seconds"] for part in result.stages.values() if part)
            for score in SCORES:
                gains[score].append(last[score])
        rows.append(AblationRow(variant, {s: tuple(v) for s, v in gains.items()}, seconds / 60))
    return rows


def _prefixed(echo: Callable[[str], None], prefix: str) -> Callable[[str], None]:
    return lambda line: echo(prefix + line)


def _train(config: Mapping[str, Any], echo: Callable[[str], None]) -> TrainingResult:
    found: list[TrainingResult] = []
    train(config, echo, refuse_held_out, found.append)
    return found[0]


def table(rows: list[AblationRow]) -> str:
    """Markdown: mean over the seeds and half their spread, dB over bicubic on the validation photos."""
    lines = [
        "| variant | " + " | ".join(SCORES) + " | good - unrelated | CPU min |",
        "|---|" + "---|" * (len(SCORES) + 2),
    ]
    for row in rows:
        cells = [
            f"{mean(row.gains[s]):+.2f} ± {(max(row.gains[s]) - min(row.gains[s])) / 2:.2f}" for s in SCORES
        ]
        gap = mean(row.gains["good"]) - mean(row.gains["unrelated"])
        lines.append(f"| {row.variant} | {' | '.join(cells)} | {gap:+.2f} | {row.cpu_minutes:.1f} |")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Exit code 0, or 2 with one line on bad input."""
    try:
        print(table(ablate(parse(arguments), lambda line: print(line, file=sys.stderr, flush=True))))
    except UserError as error:
        print(f"ablation: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
