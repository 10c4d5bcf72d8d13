"""Published numbers in listings: one store, read where a person asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refbench.cli.listing.row import Listing, Row, dash
from refbench.errors import UserError
from refbench.registry import Registry
from refbench.specs import MethodSpec

if TYPE_CHECKING:
    pass

COLUMNS = ("dataset", "metric", "value", "variant", "status", "LR", "protocol", "reference", "source")


def published_cells(spec: MethodSpec) -> list[tuple[str, ...]]:
    """What is published of one method, by refbench's store and by the method's own spec."""
    from refbench.reports.published import load_published, spec_published

    rows = [p for p in (*load_published(), *spec_published(spec)) if p.method_id == spec.name]
    return [
        (
            p.dataset, p.metric, p.shown, dash(p.variant), p.status, p.degradation, p.card, p.reference,
            p.place,
        )
        for p in rows
    ]  # fmt: skip


def published_listing(registry: Registry, dataset: str | None) -> Listing:
    """Every published number, or those on one dataset. UserError for a dataset without any."""
    from refbench.reports.published import all_published

    found = all_published(registry)
    if dataset is not None:
        known = dict.fromkeys(p.dataset_id for p in found)
        found = tuple(p for p in found if dataset in (p.dataset_id, p.dataset))
        if not found:
            raise UserError(f"no published numbers on {dataset!r}; there are some on {', '.join(known)}")
    rows = []
    for p in found:
        place = (p.method, dash(p.variant), p.dataset, p.metric)
        cells = (*place, p.shown, p.degradation, p.card, p.reference, p.status, p.place)
        document = {
            "method": p.method, "variant": p.variant, "dataset": p.dataset, "metric": p.metric,
            "value": p.value, "degradation": p.degradation, "card": p.card, "reference": p.reference,
            "status": p.status, "protocol": p.protocol, "source": p.source, "doi": p.doi,
            "locator": p.locator, "read": p.read, "note": p.note,
        }  # fmt: skip
        rows.append(Row(cells, document))
    header = (
        "method", "variant", "dataset", "metric", "value", "LR", "protocol", "reference", "status", "source",
    )  # fmt: skip
    return Listing(header, tuple(rows))
