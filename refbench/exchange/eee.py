"""Every Eval Ever documents (schema 0.3.0, evaleval/every_eval_ever): one per cell.

The schema was made for language models. What refbench knows has a place in it (protocol, signature,
interval, number of images, hashes) or in its ``additional_details``; its records of single samples ask for an
``is_correct`` and a text, which a score in dB has not, so they are not written, and that is said.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from typing import Any

from refbench import __version__
from refbench.exchange import Exported, ExportRequest
from refbench.exchange.chosen import cells_of, place
from refbench.exchange.evidence import audit_level
from refbench.exchange.names import slug, uuid_of
from refbench.files.disk import explained, write_atomic
from refbench.registry import Registry
from refbench.results.record import CellRecord
from refbench.specs import DatasetSpec
from refbench.stats.summary import MetricSummary
from refbench.untrusted.escape import printable

SCHEMA = "0.3.0"
INTERVAL = "95 % of the mean over images, clustered by HR image: t and studentised bootstrap, the wider end"


def export(request: ExportRequest) -> Exported:
    """Write ``out/data/refbench-<dataset>/<developer>/<model>/<uuid>.json`` for each cell. UserError."""
    now = f"{time.time():.0f}"
    datasets = {entry.name: entry.spec for entry in Registry.discover().entries("datasets")}
    files, unmapped = [], list(_always(request))
    for cell in cells_of(request):
        spec = datasets.get(cell.dataset)
        document, left_out = _document(cell, request, now, spec if isinstance(spec, DatasetSpec) else None)
        unmapped += left_out
        if not document["evaluation_results"]:
            unmapped.append(f"{place(cell)}: no metric has a mean: no document")
            continue
        model = document["model_info"]["id"].partition("/")[2]
        path = request.out.joinpath(
            "data", f"refbench-{slug(cell.dataset)}", slug(_developer(request), "unknown"), model,
            f"{uuid_of(cell.run_key)}.json",
        )  # fmt: skip
        text = json.dumps(document, indent=2, allow_nan=False)
        with explained(request.out):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, (text + "\n").encode("ascii"))
        files.append(path)
    return Exported(tuple(files), tuple(dict.fromkeys(unmapped)))


def _developer(request: ExportRequest) -> str:
    return request.text("developer") or "unknown"


def _always(request: ExportRequest) -> list[str]:
    lines = [
        "rows of single images: instance records ask for `is_correct` and texts, which a score is not; "
        "format=bundle keeps them",
        "drop against the control, paired differences and p values: no field; report format=json has them",
        "references of each trial, error rows with their text, stages and seconds: no field",
    ]
    if not request.text("developer"):
        lines.append("developer: not known, written as `unknown`; developer= names it")
    if not request.text("organisation"):
        lines.append("source_organization_name: not known, written as `not stated`; organisation= names it")
    return lines


def _document(
    cell: CellRecord, request: ExportRequest, now: str, dataset: DatasetSpec | None
) -> tuple[dict[str, Any], list[str]]:
    unmapped: list[str] = []
    manifest = cell.manifest
    session: Mapping[str, Any] = manifest.sessions[-1] if manifest.sessions else {}
    name = f"refbench-{slug(cell.dataset)}"
    model = f"{slug(_developer(request), 'unknown')}/{slug(cell.method_label)}"
    finished = session.get("finished") or session.get("started")
    results = []
    for alias, metric in cell.metrics.items():
        if metric.mean is None or not math.isfinite(metric.mean):
            unmapped.append(f"{place(cell)}: {alias}: no mean ({metric.reason or 'no values'})")
            continue
        results.append(_result(cell, alias, metric, dataset))
    document: dict[str, Any] = {
        "schema_version": SCHEMA,
        "evaluation_id": f"{name}/{model}/{now}",
        "retrieved_timestamp": now,
        "source_metadata": {
            "source_name": "refbench",
            "source_type": "evaluation_run",
            "source_organization_name": request.text("organisation") or "not stated",
            "evaluator_relationship": request.text("relation") or "other",
            "additional_details": _texts({"audit": audit_level(cell), "run_key": cell.run_key}),
        },
        "eval_library": {
            "name": "refbench",
            "version": str(_packages(session).get("refbench") or __version__),
            "additional_details": _texts(
                {"commit": _commit(session.get("git")), "torch": _packages(session).get("torch")}
            ),
        },
        "model_info": {
            "name": printable(cell.method_label),
            "id": model,
            "developer": printable(_developer(request)),
            # the weights are a file that whoever ran this had and names by its hash; nothing more is known
            "additional_details": {
                "deployment_type": "self_deployed",
                "model_availability": "unknown",
                **_texts(_weights(cell)),
            },
        },
        "evaluation_results": results,
    }
    if isinstance(finished, str):
        document["evaluation_timestamp"] = finished
    return document, unmapped


def _result(
    cell: CellRecord, alias: str, metric: MetricSummary, dataset: DatasetSpec | None
) -> dict[str, Any]:
    spec = metric.spec
    least, greatest = spec.bounds
    uncertainty: dict[str, Any] = {"num_samples": metric.n}
    if metric.lo is not None and metric.hi is not None:
        uncertainty["confidence_interval"] = {
            "lower": metric.lo, "upper": metric.hi, "confidence_level": 0.95, "method": INTERVAL
        }  # fmt: skip
    config: dict[str, Any] = {
        "evaluation_description": printable(
            f"{spec.title or alias} of super-resolution with reference images under {cell.protocol}"
        ),
        "metric_id": f"refbench.{alias}",
        "metric_name": printable(spec.title or alias),
        "metric_kind": slug(spec.signature.partition("|")[0]),
        "lower_is_better": not spec.higher_is_better,
        "score_type": "continuous",
        "min_score": "-Infinity" if least is None else least,
        "max_score": "Infinity" if greatest is None else greatest,
        "additional_details": _texts({"signature": spec.signature, "protocol": cell.protocol}),
    }
    if spec.unit:
        config["metric_unit"] = printable(spec.unit)
    return {
        "evaluation_result_id": f"{cell.run_key[:20]}/{alias}",
        "evaluation_name": printable(f"{cell.dataset_label} {cell.protocol}"),
        "source_data": _source(cell, dataset),
        "metric_config": config,
        "score_details": {
            "score": metric.mean,
            "details": _texts(
                {
                    "trials": cell.trials,
                    "errors": cell.errors,
                    "note": metric.reason,
                    "seed": cell.seed,
                    "suite": cell.suite,
                    "partial": cell.partial,
                }
            ),
            "uncertainty": uncertainty,
        },
    }


def _source(cell: CellRecord, dataset: DatasetSpec | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "dataset_name": printable(cell.dataset_label),
        "additional_details": _texts(
            {
                "fingerprint_sha256": cell.compare_key.get("dataset"),
                "images": cell.n,
                "licence": dataset.licence if dataset is not None else None,
            }
        ),
    }
    if dataset is not None and dataset.source.startswith("https://"):
        return {"source_type": "url", "url": [dataset.source.split()[0]], **found}
    return {"source_type": "other", **found}


def _weights(cell: CellRecord) -> dict[str, Any]:
    found: dict[str, Any] = {"method": cell.method, "weights": cell.weights}
    for file in cell.manifest.weights_files:
        role = slug(str(file.get("role") or "weights"))
        found[f"{role}_sha256"] = file.get("sha256")
        found[f"{role}_licence"] = file.get("licence")
    if "parameters" in cell.work:
        found["parameters"] = f"{cell.work['parameters']:.0f}"
    return found


def _packages(session: Mapping[str, Any]) -> Mapping[str, Any]:
    found = session.get("packages")
    return found if isinstance(found, Mapping) else {}


def _commit(git: object) -> object:
    return git.get("commit") if isinstance(git, Mapping) else None


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """What is known, as the texts that the schema asks for."""
    return {name: printable(str(value)) for name, value in values.items() if value not in (None, "")}
