"""Spec of the LMR test set."""

from __future__ import annotations

from refbench.specs import DatasetSpec

SPEC = DatasetSpec(
    name="lmr",
    target="refbench.datasets.lmr.adapter:open_dataset",
    title="LMR test set",
    display="LMR",
    count=142,
    layout="folders NNNN_<input file> that hold the input file and its references",
    source="https://github.com/wdmwhh/MRefSR (academic torrent, reported broken)",
    licence="not stated; research use",
    paper="Zhang et al., LMR: A Large-Scale Multi-Reference Dataset for Reference-based SR, ICCV 2023",
    bibtex="zhang2023lmr",
)
