"""Spec of Nikon."""

from __future__ import annotations

from refbench.specs import DatasetSpec

SPEC = DatasetSpec(
    name="nikon",
    target="refbench.datasets.nikon.adapter:open_dataset",
    title="Nikon: dual camera, x4",
    display="Nikon",
    layout="test_LR, test_HR and test_ref with equal names",
    source="https://github.com/cszhilu1998/SelfDZSR links the set",
    licence="not stated; research use",
    paper="Zhang et al., Self-Supervised Learning for Real-World SR from Dual Zoomed Observations, ECCV 2022",
    bibtex="zhang2022selfdzsr",
)
