"""Opens the dataset of a finished cell again, from what its manifest records."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from refbench.errors import UserError
from refbench.registry import Registry, load_class
from refbench.specs import DataRequest
from refbench.store import Manifest
from refbench.types import Dataset


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
        found = manifest.config.get("data")
        recorded: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
        request = DataRequest(
            root=self._root or recorded.get("root"),
            partial=bool(recorded.get("partial")),
            ids=tuple(recorded.get("ids") or ()),
            options=dict(recorded.get("options") or {}),
        )
        name = str(manifest.config.get("dataset") or manifest.dataset)
        spec = self._registry.dataset(name)
        if request.root is None and spec.embedded:
            spec = self._registry.dataset(spec.embedded)
        key = f"{spec.target} {request!r}"
        if key not in self._open:
            self._open[key] = load_class(spec.target)(request)
        dataset = self._open[key]
        if dataset.fingerprint != manifest.compare.get("dataset"):
            raise UserError(
                f"{folder}: dataset {name} is not the one that was run (other fingerprint); "
                "give data.root= of the same copy"
            )
        return dataset
