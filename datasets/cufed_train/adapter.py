"""Reads the CUFED training pairs: folders ``input`` and ``ref`` with equal names."""

from __future__ import annotations

from refbench.imaging.files import by_stem
from refbench.specs import DataRequest

from ..external_lr import with_lr
from ..groups import Group, Scan, images_in
from ..image_dataset import ImageDataset, open_scan
from ..roots import check_options, data_root, first_with
from .spec import SPEC


def open_dataset(request: DataRequest) -> ImageDataset:
    """The pairs at ``data.root`` or its subfolder ``CUFED``."""
    return open_scan(SPEC, request, scan(request))


def scan(request: DataRequest) -> Scan:
    """What is there. Raises UserError for a missing root."""
    check_options(SPEC, request, ("lr_dir",))
    root = first_with(data_root(SPEC, request), (".", "CUFED", "train", "train/CUFED"), "input/*")
    inputs, refs = by_stem(images_in(root / "input")), by_stem(images_in(root / "ref"))
    stems = sorted(set(inputs) | set(refs))
    missing = [f"input/{stem}.png" for stem in stems if stem not in inputs]
    missing += [f"ref/{stem}.png" for stem in stems if stem not in refs]
    groups = tuple(Group(s, inputs[s], (refs[s],)) for s in stems if s in inputs and s in refs)
    return with_lr(Scan(root, groups, tuple(missing)), request)
