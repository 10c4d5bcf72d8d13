"""The inside of a Ray actor: everything that is checked before the first trial, then one trial at a time.

What a worker must agree on with the machine that planned the run: refbench's sources, the dataset's
fingerprint and the checkpoints' digests. All three are in the run key, under which the rows are kept.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from refbench.errors import UserError
from refbench.execution.elsewhere import Needed, moved, needed_data, needed_method, split_locator
from refbench.execution.loader import resolve_weights
from refbench.execution.pool_worker import Failed
from refbench.execution.ray.shipping import Parcel, run_folder, unpack
from refbench.files.disk import write_atomic
from refbench.identity.code_digest import package_digest
from refbench.plan.job import CellJob, DataJob, MethodJob, Task, TaskResult
from refbench.registry import is_file_locator, load_class


@dataclass(frozen=True)
class MethodFile:
    """A method's own file (``method=path/to/file.py:SPEC``), which travels with the order."""

    path: str
    content: bytes

    @property
    def sha256(self) -> str:
        """Of the content."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Order:
    """What every worker of a run is given."""

    id: str
    """Names the folder of this run's files on the nodes."""
    cells: Mapping[str, CellJob]
    sources: str
    """``package_digest()`` of the machine that planned the run; empty: this is that machine."""
    threads: int
    files: tuple[MethodFile, ...] = ()
    parcel: Parcel | None = None
    """Data that is sent; None: every node sees the paths."""

    @property
    def leaves_files(self) -> bool:
        """Whether a node has a folder to be removed in the end."""
        return bool(self.files) or self.parcel is not None


def method_files(cells: Mapping[str, CellJob]) -> tuple[MethodFile, ...]:
    """The method files that the cells name. Raises UserError for one that cannot be read."""
    paths = {split_locator(c.method.locator)[0] for c in cells.values() if is_file_locator(c.method.locator)}
    try:
        return tuple(MethodFile(path, Path(path).read_bytes()) for path in sorted(paths))
    except OSError as error:
        raise UserError(f"method={error.filename}: cannot be read: {error.strerror}") from error


class RayWorker:
    """A :class:`~refbench.execution.worker.Worker` on a node of a cluster."""

    def __init__(self, order: Order, get: Callable[[Any], bytes]) -> None:
        """get: the object behind a reference. Raises UserError naming this node and what it lacks."""
        import torch

        from refbench.execution.worker import Worker

        self._node = socket.gethostname()
        if order.sources:
            self._compare("refbench's sources", package_digest(), order.sources, "install the same refbench")
        torch.set_num_threads(order.threads)
        cells = dict(order.cells)
        if order.parcel is not None:
            place = order.parcel.place(unpack(order.parcel, get))
            cells = {key: moved(cell, place) for key, cell in cells.items()}
        cells = self._with_method_files(cells, order)
        self._check(cells)
        self._cells = cells
        self._worker = Worker(cells)

    def load(self, cell: str) -> None:
        """Load the method of a cell. Raises UserError."""
        self._worker.method(self._cells[cell])

    def close(self) -> None:
        """End the process of the loaded method, with its folder."""
        self._worker.close()

    def run(self, task: Task) -> TaskResult | Failed:
        """Carry out one trial."""
        try:
            return self._worker.finish(self._worker.restore(self._worker.prepare(task)))
        except UserError as error:
            return Failed(str(error))

    def _compare(self, what: str, found: str | None, wanted: str | None, remedy: str) -> None:
        if found != wanted:
            raise UserError(
                f"node {self._node}: {what} differ from those of the machine that planned the run; {remedy}"
            )

    def _with_method_files(self, cells: Mapping[str, CellJob], order: Order) -> dict[str, CellJob]:
        """A method's file is read where it is, if the same one is there, and else from the order's copy."""
        places: dict[str, str] = {}
        for i, file in enumerate(order.files):
            here = Path(file.path)
            if not here.is_file() or hashlib.sha256(here.read_bytes()).hexdigest() != file.sha256:
                here = run_folder(order.id) / f"method{i}" / here.name
                write_once(here, file.content)
            places[file.path] = str(here)
        return {key: replace(cell, method=_in_file(cell.method, places)) for key, cell in cells.items()}

    def _check(self, cells: Mapping[str, CellJob]) -> None:
        data: dict[str, DataJob] = {cell.data.id: cell.data for cell in cells.values()}
        methods: list[MethodJob] = []
        for cell in cells.values():
            if cell.method not in methods:
                methods.append(cell.method)
        for dataset in data.values():
            self._see(needed_data(dataset), "; put it where every node sees it, or add executor.ship=data")
            found = load_class(dataset.target)(dataset.request).fingerprint
            remedy = "it must hold the same files there, or add executor.ship=data"
            where = dataset.request.root or next((n.path for n in needed_data(dataset)), dataset.target)
            self._compare(f"the files of {where}", found, dataset.fingerprint or found, remedy)
        for method in methods:
            self._see(needed_method(method), "; put it where every node sees it")
            self._check_device(method)
            weights = None
            # a file's spec is read when its method is loaded; only then can its weights be looked for
            if method.spec.takes_weights and not is_file_locator(method.locator):
                weights = resolve_weights(method.spec, method.weights, method.weights_root)
            if weights is not None and method.weights_sha256:
                found_digests = tuple(sorted(weights.sha256.items()))
                same = str(found_digests), str(method.weights_sha256)
                self._compare(
                    f"the weights of {method.spec.name}", *same, "they must be the same files there"
                )

    def _check_device(self, method: MethodJob) -> None:
        import torch

        if method.device.startswith("cuda") and not torch.cuda.is_available():
            raise UserError(
                f"node {self._node}: Ray lends a GPU, but torch sees none; install a torch with CUDA there, "
                "or set device=cpu executor.num_gpus=0"
            )

    def _see(self, needed: Sequence[Needed], remedy: str) -> None:
        for item in needed:
            if not Path(item.path).exists():
                raise UserError(f"{item.key}={item.path}: node {self._node} does not see it{remedy}")


def write_once(path: Path, content: bytes) -> None:
    """Write a file that several workers of a node may write at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, content)


def _in_file(method: MethodJob, places: Mapping[str, str]) -> MethodJob:
    path, name = split_locator(method.locator)
    return replace(method, locator=places[path] + name) if path in places else method
