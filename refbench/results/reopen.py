"""Opens finished results again: folders and bundles of them, and the dataset that a manifest records."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from refbench.errors import UserError
from refbench.registry import Registry, load_class
from refbench.specs import DataRequest, DatasetSpec
from refbench.store import Manifest
from refbench.store.manifest import MANIFEST
from refbench.types import Dataset
from refbench.untrusted.archives import Limits, unpack

BUNDLE_BYTES = 16 << 30
"""Unpacked bytes of one bundle: the SR images of twenty cells of WR-SR."""
BUNDLE_FILES = 100_000
_SPARE = 256 << 20
"""Bytes of the temporary disk that a bundle leaves alone."""


def is_bundle(place: Path) -> bool:
    """Whether a place is a file that ``refbench export`` may have written, and no folder."""
    return place.is_file()


@contextmanager
def opened(places: Sequence[Path]) -> Iterator[list[Path]]:
    """``places`` with every bundle unpacked into a temporary folder of its name, which is gone at the end.

    Nothing in a bundle is trusted: it is unpacked as refbench.untrusted.archives does, within
    :data:`BUNDLE_BYTES` and what the disk has. Raises UserError naming the bundle.
    """
    if not any(map(is_bundle, places)):
        yield list(places)
        return
    with tempfile.TemporaryDirectory(prefix="refbench-bundle-") as scratch:
        found: list[Path] = []
        for number, place in enumerate(places):
            if not is_bundle(place):
                found.append(place)
                continue
            folder = Path(scratch) / str(number) / place.name
            room = max(0, shutil.disk_usage(scratch).free - _SPARE)
            unpack(place, folder, Limits(files=BUNDLE_FILES, total=min(BUNDLE_BYTES, room)))
            inside = list(folder.iterdir())
            # packed once more by a program that puts everything into one folder
            whole = len(inside) == 1 and inside[0].is_dir() and not (inside[0] / MANIFEST).exists()
            found.append(inside[0] if whole else folder)
        yield found


class RecordedDatasets:
    """Datasets of manifests, each opened once."""

    def __init__(self, registry: Registry, data_root: str | None = None) -> None:
        """``data_root``: where the dataset is now, if it has moved."""
        self._registry = registry
        self._root = data_root
        self._open: dict[str, Dataset] = {}

    def dataset(self, manifest: Manifest, folder: Path) -> Dataset:
        """The dataset of the cell in ``folder``.

        Raises UserError when it is not there, or is not the one that was run (other fingerprint).
        """
        recorded = _recorded_data(manifest)
        request = DataRequest(
            root=self._root or recorded.get("root"),
            partial=bool(recorded.get("partial")),
            ids=tuple(recorded.get("ids") or ()),
            options=dict(recorded.get("options") or {}),
        )
        spec = recorded_dataset(manifest, self._registry, self._root)
        key = f"{spec.target} {request!r}"
        if key not in self._open:
            self._open[key] = load_class(spec.target)(request)
        dataset = self._open[key]
        if dataset.fingerprint != manifest.compare.get("dataset"):
            raise UserError(
                f"{folder}: dataset {spec.name} is not the one that was run (other fingerprint); "
                "give data.root= of the same copy"
            )
        return dataset


def recorded_dataset(manifest: Manifest, registry: Registry, root: str | None = None) -> DatasetSpec:
    """The dataset that was run: of that name, or the bundled one that stands in without a folder.

    root: where the dataset is now, if it has moved. Raises UserError for one that is not installed here.
    """
    spec = registry.dataset(str(manifest.config.get("dataset") or manifest.dataset))
    if (root or _recorded_data(manifest).get("root")) is None and spec.embedded:
        return registry.dataset(spec.embedded)
    return spec


def _recorded_data(manifest: Manifest) -> Mapping[str, Any]:
    found = manifest.config.get("data")
    return found if isinstance(found, Mapping) else {}
