"""The images of a finished trial: what it was made from again, and the SR image that was kept."""

from __future__ import annotations

from pathlib import Path

from refbench.errors import SampleError, UserError
from refbench.imaging import read_image
from refbench.protocols import ProtocolInstance
from refbench.registry import Registry
from refbench.results.record import CellRecord
from refbench.results.reopen import RecordedDatasets
from refbench.results.scoring import kept_image, protocol_of
from refbench.store import SampleRow
from refbench.types import Dataset, Image, Trial


class TrialImages:
    """Makes trials again, dataset by dataset; what cannot be made again is told once and left out."""

    def __init__(self, registry: Registry, data_root: str | None = None) -> None:
        """``data_root``: where the dataset is now, if it has moved."""
        self._datasets = RecordedDatasets(registry, data_root)
        self._opened: dict[str, tuple[Dataset, ProtocolInstance] | None] = {}
        self._problems: dict[str, None] = {}

    @property
    def problems(self) -> tuple[str, ...]:
        """Why LR, references and HR of some trials are not shown, each reason once."""
        return tuple(self._problems)

    def trial(self, cell: CellRecord, row: SampleRow) -> Trial | None:
        """LR, references and target of one row, as its method got them; None when that is not possible."""
        opened = self._open(cell)
        if opened is None:
            return None
        dataset, instance = opened
        if row.sample_id not in dataset.ids():
            self._problems[f"{row.sample_id}: not in this copy of the dataset"] = None
            return None
        try:
            seed = cell.manifest.seed
            return instance.apply(dataset.load(row.sample_id), row.draw, seed, dataset)
        # a plugin's dataset may fail in its own way, of a sample that it does not have, say
        except (SampleError, UserError, OSError, LookupError, ValueError) as error:
            self._problems[f"{row.sample_id}: {error}"] = None
            return None

    def sr(self, cell: CellRecord, row: SampleRow) -> Image | None:
        """The kept SR image of one row; None when there is none, or it cannot be read."""
        path: Path | None = kept_image(cell.path, row)
        if path is None:
            return None
        try:
            return read_image(str(path))
        except (SampleError, UserError, OSError) as error:
            self._problems[f"{path}: {error}"] = None
            return None

    def _open(self, cell: CellRecord) -> tuple[Dataset, ProtocolInstance] | None:
        key = cell.manifest.run_key
        if key not in self._opened:
            self._opened[key] = None
            try:
                dataset = self._datasets.dataset(cell.manifest, cell.path)
                self._opened[key] = dataset, protocol_of(cell.manifest, cell.path)
            # a plugin's dataset that is not installed here may fail in its own way
            except (UserError, ImportError, OSError) as error:
                self._problems[" ".join(str(error).split())] = None
        return self._opened[key]
