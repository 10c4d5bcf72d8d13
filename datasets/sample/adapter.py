"""Opens the bundled sample set, which stands in for CUFED5 when no data root is given."""

from __future__ import annotations

from pathlib import Path

from refbench.errors import UserError
from refbench.specs import DataRequest

from ..cufed5.adapter import scan_folder
from ..external_lr import with_lr
from ..groups import Scan
from ..image_dataset import ImageDataset, open_scan
from ..roots import check_options
from .spec import SPEC


def open_dataset(request: DataRequest) -> ImageDataset:
    """The sample set: name ``cufed5`` for the suites, label ``cufed5-sample`` for everyone who reads."""
    return open_scan(SPEC, request, scan(request), name="cufed5", label="cufed5-sample")


def scan(request: DataRequest) -> Scan:
    """The bundled files. Raises UserError when a data root is given, which would be ignored otherwise."""
    check_options(SPEC, request, ("list", "lr_dir"))
    if request.root:
        raise UserError("dataset sample is inside the package and takes no data.root; use dataset=cufed5")
    return with_lr(scan_folder(Path(__file__).parent / "images", request), request)
