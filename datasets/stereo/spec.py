"""Spec of stereo pairs."""

from __future__ import annotations

from refbench.specs import DatasetSpec

SPEC = DatasetSpec(
    name="stereo",
    target="refbench.datasets.stereo.adapter:open_dataset",
    title="stereo pairs with disparity (scikit-image's motorcycle, or your own in Middlebury's layout)",
    layout="im0.png, im1.png and disp0.pfm, in data.root or in one folder per scene",
    source="https://vision.middlebury.edu/stereo/data/scenes2014/ (motorcycle comes with scikit-image)",
    licence="Middlebury 2014: for research; cite Scharstein et al., GCPR 2014",
    paper="Scharstein et al., High-Resolution Stereo Datasets with Subpixel-Accurate Ground Truth, GCPR 2014",
    bibtex="scharstein2014middlebury",
    needs_root=False,
)
