"""Spec of the adapter for a user's own image pairs."""

from __future__ import annotations

from refbench.specs import DatasetSpec

SPEC = DatasetSpec(
    name="pairs",
    target="refbench.datasets.pairs.adapter:open_dataset",
    title="your own image pairs",
    layout="data.input=DIR data.ref=DIR (same names), or data.list=FILE of 'input ref [ref ...]' lines",
    source="your own images",
    licence="yours",
    needs_root=False,
)
