"""What travels to a worker: plain data that pickles, no open files, no tensors."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from refbench.protocols.instance import ProtocolInstance
from refbench.specs import DataRequest, MethodSpec, MetricSpec, ParamValue
from refbench.store.row import SampleRow

ENOUGH = 10
"""Trials of a cell from which its operations are counted: one more call for every ten at most."""


@dataclass(frozen=True)
class MethodJob:
    """A method to load: jobs with an equal MethodJob share one loaded instance."""

    spec: MethodSpec
    locator: str
    """Registry name, or ``path/to/file.py:SPEC``, which each worker process loads for itself."""
    weights: str | None
    """Variant name or path; None for methods without weights."""
    weights_root: Path | None
    params: tuple[tuple[str, ParamValue], ...]
    device: str
    precision: str = "fp32"
    memory_limit: int | None = None
    """Bytes that a call may use; None: no limit. Does not change results, so it is in no key."""
    weights_sha256: tuple[tuple[str, str | None], ...] = ()
    """(role, sha256 hex) of the checkpoint files in the run key; another machine must find the same."""
    own_process: bool = False
    """Third-party code (a file, an entry point): it is loaded in a process of its own, never in a worker."""


@dataclass(frozen=True)
class DataJob:
    """A dataset to open: a registered name and what the user said about it."""

    target: str
    request: DataRequest
    fingerprint: str = ""
    """Dataset.fingerprint in the run key; another machine must find the same. Empty: not known."""

    @property
    def id(self) -> str:
        """Equal for equal jobs; requests hold mappings and do not hash."""
        return f"{self.target} {self.request!r}"


@dataclass(frozen=True)
class CellJob:
    """One cell: method x dataset x protocol x seed."""

    key: str
    """Run key; also the folder of its rows."""
    method: MethodJob
    data: DataJob
    protocol: ProtocolInstance
    seed: int
    metrics: tuple[MetricSpec, ...]
    """What is scored: the protocol's own metrics, the user's, and those of matching."""
    images: bool
    """Whether SR is returned as PNG."""
    repeat: int = 1
    """Calls on each input; 2: rows say how far apart their scores were."""


@dataclass(frozen=True)
class Task:
    """One trial to carry out."""

    cell: str
    """CellJob.key."""
    sample_id: str
    draw: int
    count: str = ""
    """What its row shall say of the method's work: ``parameters``, ``flops`` (and parameters), or nothing.
    Asked of each cell's first trial only."""


@dataclass(frozen=True)
class TaskResult:
    """A finished trial: the row as plain data, and SR as PNG bytes when images are kept."""

    task: Task
    row: SampleRow
    png: bytes | None = field(default=None, repr=False)
    trace: str = field(default="", repr=False)
    """The traceback of a method's error, for stderr."""
    lasting: bool = False
    """Whether another try would end the same way."""
