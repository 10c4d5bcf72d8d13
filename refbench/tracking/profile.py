"""Publishing a profile to MLflow: parent run = one call of ``refbench profile``, child run = one cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from refbench.profiling.cells import shown
from refbench.profiling.tables import machine_lines, tables
from refbench.tracking.guard import mirrored
from refbench.tracking.store import NOTE, PARENT, SOURCE, TrackingStore
from refbench.tracking.types import TrackingResult
from refbench.untrusted.escape import markdown_text

EXPERIMENT = "refbench profile"
PROFILE_KEY = "refbench.profile_key"
Row = Mapping[str, Any]


def publish_profile(
    out: Path, uri: str | None, document: Mapping[str, Any], files: Sequence[Path]
) -> TrackingResult:
    """Mirror the document of a profile; the same request measured again updates the same runs.

    uri: a tracking server, or None for SQLite inside ``out``. files: what is attached to the parent run.
    Never raises for a failing mirror.
    """

    def write(store: TrackingStore) -> str:
        parent = _parent(store, document, files)
        for row in document["methods"]:
            label = _named(row["method"], _variant(row), shown(tuple(row["size"])), row["k"])
            stages = row["stages"] if row["status"] == "ok" else {}
            metrics = {f"{stage}.{k}": v for stage, found in stages.items() for k, v in _costs(found).items()}
            facts = {"method": row["method"], "weights": _variant(row), "size": shown(tuple(row["size"]))}
            facts |= {"ref_size": shown(tuple(row["ref_size"])), "k": row["k"], **row["params"]}
            _child(store, document, parent, row, label, facts, metrics)
        for row in document["matchers"]:
            label = _named(row["matcher"], "", shown(tuple(row["features"])), row["k"])
            facts = {"matcher": row["matcher"], "features": shown(tuple(row["features"])), "k": row["k"]}
            _child(store, document, parent, row, label, facts, _costs(row) if row["status"] == "ok" else {})
        store.client.set_terminated(parent, "FINISHED")
        return parent

    return mirrored(out, uri, EXPERIMENT, "the profile is on disk", write)


def _parent(store: TrackingStore, document: Mapping[str, Any], files: Sequence[Path]) -> str:
    text = markdown(document)
    names = [row["method"] for row in document["methods"]] + [row["matcher"] for row in document["matchers"]]
    run = store.find(PROFILE_KEY, document["key"])
    tags = {
        **SOURCE,
        "mlflow.source.name": "refbench profile",
        "kind": "profile",
        "method": ", ".join(dict.fromkeys(names)),
        PROFILE_KEY: document["key"],
        NOTE: text,
    }
    run_id = store.write(run, ", ".join(dict.fromkeys(names)), tags, document["conditions"], _peaks(document))
    store.client.log_text(run_id, text, "profile.md")
    store.attach(run_id, files, {} if run is None else run.data.tags)
    return run_id


def _child(
    store: TrackingStore,
    document: Mapping[str, Any],
    parent: str,
    row: Row,
    label: str,
    facts: Mapping[str, object],
    metrics: Mapping[str, float | None],
) -> None:
    own = f"{document['key']} {label}"
    run = store.find(PROFILE_KEY, own.replace("'", "_"))
    tags = {
        PARENT: parent,
        **SOURCE,
        "mlflow.source.name": "refbench profile",
        "kind": "profile cell",
        "method": str(facts.get("method") or facts.get("matcher")),
        "status": row["status"],
        PROFILE_KEY: own.replace("'", "_"),
        **({"error": str(row["error"])} if row["status"] != "ok" else {}),
    }
    known = {name: value for name, value in {**document["conditions"], **facts}.items() if value is not None}
    run_id = store.write(run, label, tags, known, metrics)
    store.client.set_terminated(run_id, "FINISHED" if row["status"] == "ok" else "FAILED")


def _costs(found: Mapping[str, Any]) -> dict[str, float | None]:
    """Medians of seconds, peak memory growth in MiB, and work."""
    flops = found["flops"]
    return {
        "wall_s": found["wall_s"]["median"],
        "cpu_s": found["cpu_s"]["median"],
        "peak_mb": found["peak_mb"],
        "gflop": None if flops is None else flops / 1e9,
    }


def _peaks(document: Mapping[str, Any]) -> dict[str, float | None]:
    peaks = document["peaks"] or {}
    return {"machine.gflops_per_s": peaks.get("gflops"), "machine.gb_per_s": peaks.get("bandwidth")}


def _variant(row: Row) -> str:
    weights = row.get("weights")
    return str(weights["variant"]) if weights else ""


def _named(name: str, variant: str, size: str, k: int | None) -> str:
    return f"{name}{f' ({variant})' if variant else ''} | {size}{'' if k is None else f' k={k}'}"


def markdown(document: Mapping[str, Any]) -> str:
    """The profile's tables as Markdown."""
    lines: list[str] = []
    for title, columns, rows in tables(document):
        lines += [f"### {title}", "", "| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
        lines += ["| " + " | ".join(markdown_text(text) for text in row) + " |" for row in rows]
        lines.append("")
    return "\n".join([*lines, *(f"- {markdown_text(line)}" for line in machine_lines(document))]) + "\n"
