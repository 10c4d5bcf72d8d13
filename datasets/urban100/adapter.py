"""Reads an Urban100 copy. It has no references: TTSR and MASA use the LR image (protocol policy ``lr``).

Some published runs use the HR image itself (``001.png 001.png`` in a pair list). A list that does so is
read, and its label says ``oracle: leaks HR``.
"""

from __future__ import annotations

from refbench.imaging.files import by_stem
from refbench.specs import DataRequest

from ..external_lr import with_lr
from ..groups import Group, Scan, images_in
from ..image_dataset import ImageDataset, open_scan
from ..listed import in_order, listed_groups
from ..roots import check_options, data_root
from ..selfexsr import numbered
from .spec import SPEC

_FOLDERS = ("image_SRF_4", "Urban100/image_SRF_4", "Urban100", "urban100", "input", "HR", ".")


def open_dataset(request: DataRequest) -> ImageDataset:
    """Urban100 at ``data.root``; ``data.list=FILE`` takes references from the folder ``ref`` or the set."""
    return open_scan(SPEC, request, scan(request))


def scan(request: DataRequest) -> Scan:
    """What is there. Raises UserError for a missing root or an unreadable pair list."""
    check_options(SPEC, request, ("list", "lr_dir"))
    root = data_root(SPEC, request)
    inputs = next((found for name in _FOLDERS if (found := numbered(images_in(root / name)))), {})
    if "list" in request.options:
        refs = {**inputs, **by_stem(images_in(root / "ref"))}
        groups, missing, listed = listed_groups(request, inputs, refs)
        return with_lr(Scan(root, groups, missing, (listed,)), request)
    return with_lr(Scan(root, in_order([Group(key, path, ()) for key, path in inputs.items()])), request)
