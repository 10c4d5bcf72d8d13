"""Methods that would read alike, told apart by what differs: parameters, weights, precision, code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from refbench.identity.keys import canonical_json
from refbench.results.record import CellRecord
from refbench.store import Manifest


def distinct_labels(cells: Sequence[CellRecord]) -> tuple[CellRecord, ...]:
    """The same cells, in order, with ``method_label`` different for methods that are.

    Runs of one method with other parameters, weights, precision or code keep their rows apart (other run
    keys); in a table ``datsr (compact)`` twice would read as one method that contradicts itself.
    """
    variants: dict[str, dict[str, Mapping[str, Any]]] = {}
    for cell in cells:
        facts = _variant(cell.manifest)
        variants.setdefault(cell.method_label, {}).setdefault(canonical_json(facts), facts)
    return tuple(_labelled(cell, _distinct(cell.manifest, variants[cell.method_label])) for cell in cells)


def _labelled(cell: CellRecord, label: str) -> CellRecord:
    if label == cell.method_label or cell.run is None:
        return cell
    manifest = replace(cell.run.manifest, method_label=label)
    return replace(cell, method_label=label, run=replace(cell.run, manifest=manifest))


def _label(manifest: Manifest) -> str:
    return manifest.method_label or manifest.method


def _variant(manifest: Manifest) -> dict[str, Any]:
    identity = manifest.identity
    facts = {f"{key}": value for key, value in dict(identity.get("params") or {}).items()}
    facts["precision"] = identity.get("precision")
    facts["weights"] = _short(identity.get("weights"))
    facts["code"] = _short(identity.get("code"))
    return facts


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return "+".join(str(v)[:6] for v in value.values())
    return str(value or "")[:6]


def _distinct(manifest: Manifest, variants: Mapping[str, Mapping[str, Any]]) -> str:
    label = _label(manifest)
    if len(variants) == 1:
        return label
    mine = _variant(manifest)
    texts = []
    for key, value in mine.items():
        if len({canonical_json([v.get(key)]) for v in variants.values()}) > 1:
            texts.append(f"{key}={value}")
    return f"{label} [{', '.join(texts)}]" if texts else f"{label} [{manifest.run_key[:6]}]"
