"""The settings of a run as the words that ask for it: what ``run --cfg`` prints and manifests keep."""

from __future__ import annotations

from collections.abc import Mapping

from refbench.config.keys import RUN
from refbench.config.words import words
from refbench.settings import RunConfig

RUN_KEYS = {key.name: key for key in RUN}


def run_words(config: RunConfig, suite: str | None, texts: Mapping[str, str]) -> tuple[str, ...]:
    """Every setting of ``config`` as ``key=value``, the defaults among them written out.

    suite: as it was given. texts: the parsed settings as they were typed (``suite.draws``, ``method.k``).
    """
    data = config.data
    settings: dict[str, object] = {
        "method": config.method.locator,
        "suite": suite or str(RUN_KEYS["suite"].default),
        "dataset": config.dataset,
        "data.root": data.root,
        "data.partial": data.partial,
        "data.ids": data.ids or None,
        **{f"data.{name}": value for name, value in data.options.items()},
        "against": config.against or "none",
        "metrics": config.metrics or None,
        "seed": config.seed,
        "limit": config.limit,
        "draws": config.draws,
        "repeat": config.repeat,
        "device": config.device,
        "precision": config.precision,
        "threads": config.threads,
        "memory.limit": config.memory_limit,
        "images": config.images,
        "table": config.table,
        "out": config.out,
        "weights.root": config.weights_root,
        "tracking": config.tracking,
        "tracking.uri": config.tracking_uri,
        "shard": None if config.shard is None else str(config.shard),
        "executor": config.executor.name,
        **{f"executor.{name}": value for name, value in config.executor.params.items()},
    }
    made = words({name: value for name, value in settings.items() if value is not None}, RUN_KEYS)
    own = words({f"method.{name}": value for name, value in config.method.params.items()}, RUN_KEYS)
    typed = [
        f"{n}={t}" for n, t in texts.items() if n in ("card", "method.weights") or n.startswith("suite.")
    ]
    return (*made[:2], *own, *typed, *made[2:])
