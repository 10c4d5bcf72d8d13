"""A method that looks its answer up: SR images that someone else computed."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from refbench.errors import SampleError, UserError
from refbench.imaging import read_image
from refbench.imaging.foreign_sr import read_foreign_sr
from refbench.isolation.labels import given_label
from refbench.tensors import to_tensor

from .lookup import SrFolder

if TYPE_CHECKING:
    from torch import Tensor

    from refbench.types import Input, TrialMeta


class Folder:
    """Returns ``<id><suffix>.png`` (or the file named after the reference) from ``dir``."""

    looks_up = True
    """It computes nothing, so the conformance kit cannot try it on images of its own."""

    def __init__(
        self, weights: None, device: str, dir: str | None = None, suffix: str = "", name: str | None = None
    ) -> None:
        del weights, device, name
        self.folder = SrFolder.open(dir, suffix)

    @staticmethod
    def identity(params: Mapping[str, object], ids: Sequence[str]) -> str:
        """sha256 hex over names and contents of the files that ``ids`` use: a changed image is a new run."""
        folder = SrFolder.open(params.get("dir"), params.get("suffix"))
        digest = hashlib.sha256()
        for path in folder.files_for(ids):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{path.relative_to(folder.root).as_posix()}\0{content}\n".encode())
        return digest.hexdigest()

    @staticmethod
    def label(params: Mapping[str, object]) -> str:
        """``method.name``, else nothing: reports tell folders apart by ``dir``."""
        return given_label(params) or ""

    def preflight(self, trials: Sequence[TrialMeta]) -> list[str]:
        """One line per sample whose SR image is missing, ambiguous, unreadable or of the wrong size."""
        problems: dict[str, str] = {}
        for trial in trials:
            if trial.sample_id not in problems:
                problem = self._problem(trial)
                if problem:
                    problems[trial.sample_id] = problem
        return list(problems.values())

    def advice(self, trials: Sequence[TrialMeta]) -> list[str]:
        """What lies in the folder, a suffix that fits better, ``data.ids=`` of the samples that are there."""
        samples = list({trial.sample_id: trial for trial in trials}.values())
        fine = [trial.sample_id for trial in samples if self._problem(trial) is None]
        found = [self.folder.listing()]
        suffix = self.folder.better_suffix([trial.sample_id for trial in samples], len(fine))
        if suffix is not None:
            found.append(f"method.suffix={suffix} fits more of them")
        if fine:
            ids = shlex.quote(f"data.ids=[{','.join(fine)}]")
            found.append(f"to score the {len(fine)} of {len(samples)} that are there: {ids}")
        return found

    def _problem(self, trial: TrialMeta) -> str | None:
        try:
            path = self.folder.find(trial.sample_id, trial.ref_names)
        except UserError as error:
            return str(error)
        if path is None:
            return f"{trial.sample_id}: no {self._wanted(trial.sample_id, trial.ref_names)}"
        try:
            size = _size(path)
        except (UserError, SampleError) as error:
            return f"{trial.sample_id}: {error}"
        if trial.expected_size is not None and size != trial.expected_size:
            return f"{trial.sample_id}: {path.name} is {_wxh(size)}, expected {_wxh(trial.expected_size)}"
        return None

    def _wanted(self, sample_id: str, ref_names: Sequence[str]) -> str:
        return " or ".join(f"{stem}.png" for stem in self.folder.stems(sample_id, ref_names))

    def __call__(self, inp: Input) -> Tensor:
        path = self.folder.find(inp.sample_id, inp.ref_names)
        if path is None:
            raise SampleError(
                f"method.dir={self.folder.root}: no {self._wanted(inp.sample_id, inp.ref_names)}"
            )
        return to_tensor(read_foreign_sr(path, inp)).to(inp.lr.device)


def _size(path: Path) -> tuple[int, int]:
    image = read_image(path)
    return image.shape[0], image.shape[1]


def _wxh(size: tuple[int, ...]) -> str:
    return f"{size[1]}x{size[0]}"
