"""What a checkpoint says about its training, read back from its metadata."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refbench.errors import UserError


@dataclass(frozen=True)
class Facts:
    """One checkpoint: its file, and the metadata that training wrote into it."""

    path: Path
    sha256: str
    parameters: int
    method: str
    recipe: Mapping[str, Any]
    photos: tuple[str, ...]
    data_fingerprint: str
    cpu_seconds: float
    steps: int
    curve: Mapping[str, Sequence[Mapping[str, float]]]


def read_facts(path: Path) -> Facts:
    """Metadata of one checkpoint. UserError when ``refbench train`` did not write it."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            meta = file.metadata() or {}
            count = sum(file.get_tensor(name).numel() for name in file.keys())  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise UserError(f"{str(path)!r} is not a safetensors checkpoint ({error})") from error
    missing = {"method", "recipe", "data_photos", "curve"} - set(meta)
    if missing:
        raise UserError(
            f"{str(path)!r} has no {sorted(missing)[0]!r} in its metadata; train it with refbench train"
        )
    return Facts(
        path,
        hashlib.sha256(path.read_bytes()).hexdigest(),
        count,
        meta["method"],
        json.loads(meta["recipe"]),
        tuple(json.loads(meta["data_photos"])),
        meta["data_fingerprint"],
        float(meta["cpu_seconds"]),
        int(meta["steps"]),
        json.loads(meta["curve"]),
    )


def facts_text(facts: Facts) -> str:
    """One checkpoint in Markdown: digest, size, photos, and the last validation of each stage."""
    rows = [
        f"| {stage} | {int(found[-1]['step'])} | "
        + ", ".join(f"{name} {value:.4g}" for name, value in found[-1].items() if name != "step")
        + " |"
        for stage, found in facts.curve.items()
        if found
    ]
    return "\n".join(
        [
            f"`{facts.path.name}`: {facts.parameters:,} parameters, sha256 `{facts.sha256}`",
            "",
            f"{len(facts.photos)} training photos, fingerprint `{facts.data_fingerprint}`; "
            f"{facts.cpu_seconds / 60:.1f} CPU minutes",
            "",
            "| stage | step | last validation |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )
