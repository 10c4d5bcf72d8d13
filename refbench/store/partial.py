"""Which trials of a sharded cell are still missing."""

from __future__ import annotations

from collections.abc import Collection

from refbench.settings import Shard
from refbench.store.manifest import Manifest
from refbench.store.row import TrialKey

_NAMED = 3


def whole_trials(manifest: Manifest) -> list[TrialKey]:
    """Every trial of a divided cell in the order of its dataset; none for a cell that was not divided."""
    if manifest.whole is None:
        return []
    draws = range(int(manifest.whole.get("draws", 1)))
    return [(str(sample), draw) for sample in manifest.whole["samples"] for draw in draws]


def partial_text(manifest: Manifest, present: Collection[TrialKey]) -> str:
    """``partial: shard 1/4`` when rows of a divided cell are lacking; empty for a whole cell.

    present: trials that have a row, be it an error: an undivided run has error rows as well.
    """
    if all(key in present for key in whole_trials(manifest)):
        return ""
    shards = shards_of(manifest)
    if not shards:
        return "partial"
    names = [str(shard) for shard in shards]
    if len(names) > _NAMED and len({shard.count for shard in shards}) == 1:
        return f"partial: {len(names)} of {shards[0].count} shards"
    return f"partial: shard{'s' if len(names) > 1 else ''} {', '.join(names)}"


def shards_of(manifest: Manifest) -> list[Shard]:
    """The shards that wrote rows into a cell, in order."""
    texts = {str(session["shard"]) for session in manifest.sessions if session.get("shard")}
    return sorted((Shard.parse(text) for text in texts), key=lambda shard: (shard.count, shard.number))
