"""Publishing a training to MLflow: one run with its curves by step, its recipe and its card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refbench.identity.file_digest import file_sha256
from refbench.identity.keys import digest
from refbench.tracking.guard import mirrored
from refbench.tracking.store import NOTE, PUBLISHED, SOURCE, TrackingStore, flat
from refbench.tracking.types import TrackingResult

if TYPE_CHECKING:
    from refbench.training.run import TrainingResult

EXPERIMENT = "refbench training"
TRAINING_KEY = "refbench.training_key"


def publish_training(out: Path, uri: str | None, result: TrainingResult) -> TrackingResult:
    """Mirror a finished training; the same recipe on the same photos is the same run, which a resumed
    training continues.

    uri: a tracking server, or None for SQLite inside ``out``. Never raises for a failing mirror.
    """

    def write(store: TrackingStore) -> str:
        return _training(store, result)

    return mirrored(out, uri, EXPERIMENT, "checkpoint and curves are on disk", write)


def _training(store: TrackingStore, result: TrainingResult) -> str:
    from refbench.training.facts import facts_text, read_facts

    recipe = _public(result)
    own = digest([recipe, result.data_fingerprint])[:20]
    facts = read_facts(result.checkpoint)
    files = [path for path in (result.curves, result.checkpoint.parent / "curves.json") if path.is_file()]
    content = hashlib.sha256(
        repr((recipe, facts.sha256, result.stages, [file_sha256(path) for path in files])).encode()
    ).hexdigest()
    run = store.find(TRAINING_KEY, own)
    if run is not None and run.data.tags.get(PUBLISHED) == content:
        return str(run.info.run_id)
    card = facts_text(facts)
    tags = {
        **SOURCE,
        "mlflow.source.name": "refbench train",
        "kind": "training",
        "method": facts.method,
        "preset": str(recipe["preset"]),
        "seed": str(recipe["seed"]),
        "dataset": result.data_fingerprint,
        "checkpoint": result.checkpoint.name,
        "checkpoint.sha256": facts.sha256,
        TRAINING_KEY: own,
        PUBLISHED: "",
        NOTE: card,
    }
    params = {name: value for name, value in flat(recipe).items() if value not in ("", None, [])}
    metrics = {
        "parameters": float(facts.parameters), "steps": float(facts.steps), "cpu_seconds": facts.cpu_seconds
    }  # fmt: skip
    name = f"{facts.method} {recipe['preset']}, seed {recipe['seed']}"
    run_id = store.write(run, name, tags, params, metrics)
    store.curves(run_id, curves(result.stages))
    store.attach(run_id, files, {} if run is None else run.data.tags)
    store.client.log_text(run_id, card, "card.md")
    store.client.log_text(run_id, json.dumps(recipe, indent=1, sort_keys=True) + "\n", "recipe.json")
    store.finish(run_id, content)
    return run_id


def curves(stages: Mapping[str, Sequence[Mapping[str, float]]]) -> dict[str, list[tuple[int, float]]]:
    """``stage2.loss`` -> (step, value) of each validation."""
    found: dict[str, list[tuple[int, float]]] = {}
    for stage, rows in stages.items():
        for row in rows:
            for name, value in row.items():
                if name != "step":
                    found.setdefault(f"{stage}.{name}", []).append((int(row["step"]), float(value)))
    return found


def _public(result: TrainingResult) -> dict[str, Any]:
    """The recipe without what says where it ran, or when it stopped: a resume may change those."""
    found: dict[str, Any] = json.loads(result.recipe.anywhere().to_json())
    return found
