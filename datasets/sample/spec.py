"""Spec of the bundled sample set."""

from __future__ import annotations

from refbench.specs import DatasetSpec

SPEC = DatasetSpec(
    name="sample",
    target="refbench.datasets.sample.adapter:open_dataset",
    title="bundled sample in CUFED5 layout (13 photos, not CUFED5)",
    count=13,
    layout="NNN_0.png (input) and NNN_1.png to NNN_5.png (references, best first)",
    source="inside the package",
    licence="CC0, CC-BY, CC-BY-SA and public domain; per image in LICENSES.csv",
    needs_root=False,
)
