"""The one dataset class behind every adapter: groups of files in, samples out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from refbench.errors import SampleError, UserError, did_you_mean
from refbench.imaging import image_size, read_image, upright_size
from refbench.specs import DataRequest, DatasetSpec
from refbench.types import Image, Sample, blank
from refbench.untrusted.escape import printable

from .external_lr import LABEL as EXTERNAL_LR
from .fingerprint import dataset_fingerprint, file_sha256
from .groups import Group, Scan, check_contained, left_out
from .roots import how_to_get

_SHOWN = 5
ORACLE = "oracle: leaks HR"
"""Stands in the label when an input is its own reference."""


class ImageDataset:
    """Groups of image files as :class:`refbench.types.Dataset`; images are read per sample."""

    def __init__(
        self,
        name: str,
        title: str,
        scan: Scan,
        ids: Sequence[str],
        notes: Sequence[str] = (),
        total: int | None = None,
    ) -> None:
        self.name = name
        self._title = title
        self.total = total
        """Samples of the whole set where the scan found a part of it."""
        self._scan = scan
        self._ids = tuple(ids)
        self.count = len(scan.groups)
        self.notes = tuple(notes)
        self._groups: Mapping[str, Group] = {group.id: group for group in scan.groups}

    @cached_property
    def title(self) -> str:
        """The set, and what is special about this copy. Images are compared for it: workers, who need none,
        do not ask."""
        oracle = any(is_own_reference(self._groups[i]) for i in self._ids)
        return f"{self._title} ({ORACLE})" if oracle else self._title

    @property
    def label(self) -> str:
        """What tables show: the title, and how much of the set there is: ``wrsr [6 of 80]``."""
        return self.title if self.total is None else f"{self.title} [{self.count} of {self.total}]"

    @cached_property
    def fingerprint(self) -> str:
        """sha256 hex over all usable files; like ``limit``, ``data.ids`` does not change it."""
        return dataset_fingerprint(self.name, self._scan)

    def ids(self) -> tuple[str, ...]:
        """Sample ids, sorted, or in the order in which ``data.ids`` asks for them."""
        return self._ids

    def pixels(self, sample_id: str) -> int:
        """Pixels of HR (of LR where there is no HR), from the header; 0 for a file that cannot be read."""
        group = self._group(sample_id)
        path = group.hr or group.lr
        try:
            height, width = image_size(path) if path is not None else (0, 0)
        except SampleError:
            return 0
        return height * width

    def outline(self, sample_id: str) -> Sample:
        """The sample with blank images of the right sizes, from the files' headers. Raises SampleError."""
        group = self._group(sample_id)
        return Sample(
            id=group.id,
            hr=_blank(group.hr),
            refs=tuple(blank(*upright_size(path)) for path in group.refs),
            ref_names=tuple(path.name for path in group.refs),
            lr=_blank(group.lr),
            extra=dict(group.extra),
        )

    def _group(self, sample_id: str) -> Group:
        try:
            return self._groups[sample_id]
        except KeyError:
            # a row of somebody else may name any
            raise SampleError(f"no sample {printable(sample_id)} in {self.name}") from None

    def load(self, sample_id: str) -> Sample:
        """Read one sample's images. Raises SampleError naming the file that cannot be read."""
        group = self._group(sample_id)
        hr = _read(group.hr)
        return Sample(
            id=group.id,
            hr=hr,
            refs=tuple(read_image(path) for path in group.refs),
            ref_names=tuple(path.name for path in group.refs),
            lr=_read(group.lr),
            regions=regions_of(group, hr),
            extra=dict(group.extra),
        )


def open_scan(
    spec: DatasetSpec,
    request: DataRequest,
    scan: Scan,
    *,
    name: str = "",
    label: str = "",
    own_lr: bool = False,
    notes: Sequence[str] = (),
) -> ImageDataset:
    """The dataset of a scan, or the UserError that says why it cannot be run as asked.

    An incomplete copy (fewer samples than ``spec.count``, or files missing) needs ``data.partial=true`` and
    then carries its count in the label: ``wrsr [6 of 80]``. ``name`` and ``label`` default to the spec's.
    ``own_lr``: the set comes with its LR images, so that they are not a user's. ``notes``: said before a run.
    """
    found = len(scan.groups)
    total = spec.count if spec.count is not None else found + len(scan.missing)
    if found != total or scan.missing:
        problem = _incomplete(spec, scan, total)
        if found == 0:
            raise UserError(f"{problem}; {how_to_get(spec)}")
        if not request.partial:
            raise UserError(f"{problem}; {how_to_get(spec)}; or run what is there: data.partial=true")
    elif not found:
        raise UserError(f"{_incomplete(spec, scan, total)}; {how_to_get(spec)}")
    check_contained(scan)
    title = label or spec.name
    if not own_lr and any(group.lr is not None for group in scan.groups):
        title = f"{title} {EXTERNAL_LR}"
    notes = (*notes, *(_notes(scan) if request.root or request.options else ()))
    part = total if found != total or scan.missing else None
    return ImageDataset(name or spec.name, title, scan, _selected(spec, request, scan), notes, part)


def is_own_reference(group: Group) -> bool:
    """Whether a reference shows the very pixels of HR: the same file by any path, a copy, or another encoding
    without loss."""
    hr = group.hr
    if hr is None:
        return False
    return any(_same_content(hr, ref) for ref in group.refs)


def regions_of(group: Group, hr: Image | None) -> dict[str, npt.NDArray[np.bool_]]:
    """``center`` and ``corner``, the part of HR inside the group's box and the rest. SampleError for a box
    that is not inside HR."""
    if group.center is None or hr is None:
        return {}
    top, bottom, left, right = group.center
    height, width = hr.shape[:2]
    if not (0 <= top < bottom <= height and 0 <= left < right <= width):
        raise SampleError(
            f"{group.hr}: its box [y0, y1, x0, x1] = {list(group.center)} is not inside {width}x{height}"
        )
    center = np.zeros((height, width), dtype=np.bool_)
    center[top:bottom, left:right] = True
    return {"center": center, "corner": ~center}


def _same_content(a: Path, b: Path) -> bool:
    if a == b or file_sha256(a) == file_sha256(b):
        return True
    try:
        if upright_size(a) != upright_size(b):
            return False
        return bool((read_image(a) == read_image(b)).all())
    except SampleError:
        return False


def _notes(scan: Scan) -> tuple[str, ...]:
    idle = left_out(scan)
    if not idle:
        return ()
    more = f" and {len(idle) - _SHOWN} more" if len(idle) > _SHOWN else ""
    return (f"left out: {', '.join(idle[:_SHOWN])}{more} (in {scan.root})",)


def _incomplete(spec: DatasetSpec, scan: Scan, total: int) -> str:
    count = f"{len(scan.groups)} of {total}" if total else "no"
    text = f"{spec.name}: looked in {scan.root} for {spec.layout}, found {count} samples"
    if scan.missing:
        more = f" and {len(scan.missing) - _SHOWN} more" if len(scan.missing) > _SHOWN else ""
        text += f" (missing: {', '.join(scan.missing[:_SHOWN])}{more})"
    return text


def _selected(spec: DatasetSpec, request: DataRequest, scan: Scan) -> tuple[str, ...]:
    known = [group.id for group in scan.groups]
    if not request.ids:
        return tuple(known)
    have = set(known)
    for sample_id in request.ids:
        if sample_id not in have:
            raise UserError(f"data.ids: {spec.name} has no sample {sample_id!r}{_near(sample_id, known)}")
    return tuple(dict.fromkeys(request.ids))


def _near(sample_id: str, known: Sequence[str]) -> str:
    """A suggestion; long id lists are not printed whole."""
    padded = [k for k in known if k.lstrip("0") == sample_id.lstrip("0")]
    if padded:
        return f"; did you mean {padded[0]!r}?"
    hint = did_you_mean(sample_id, known)
    if hint.startswith("; did you mean") or len(known) <= 12:
        return hint
    return f"; ids run from {known[0]!r} to {known[-1]!r}"


def _read(path: Path | None) -> Image | None:
    return None if path is None else read_image(path)


def _blank(path: Path | None) -> Image | None:
    return None if path is None else blank(*upright_size(path))
