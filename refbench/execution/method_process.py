"""Manages the process of one third-party method: what it is given, and what becomes of it.

The process is started when the method is first needed, once for a method and its settings, and again after
it died. Data is decoded and scored out here; in there are LR, references and an opaque trial id only.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from refbench.errors import UserError
from refbench.execution.call import Attempt, Images, Settings
from refbench.execution.problem import LONGEST, Problem
from refbench.isolation.child import ProtocolError
from refbench.isolation.outside import own_environment, own_interpreter
from refbench.isolation.process import Child, ChildFailed, ChildLost
from refbench.matching.result import Match
from refbench.plan.job import MethodJob
from refbench.types import TrialMeta

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOAD_SECONDS = 900.0
"""What starting a process and loading a method may take, where trials have a limit."""
LOADS_LOST = 2
"""A method whose process ended so often in a row while it was loaded is not loaded again."""


class MethodProcess:
    """A third-party method that is called through :meth:`call`; the process is an affair of this class."""

    isolation = "process"

    def __init__(
        self, job: MethodJob, threads: int, timeout: float | None = None, hidden: Sequence[str] = ()
    ) -> None:
        """timeout: seconds for one image. hidden: folders (the dataset's) that the process is not told."""
        self._job, self._threads, self._timeout, self._hidden = job, threads, timeout, tuple(hidden)
        self._child: Child | None = None
        self._folder: Path | None = None
        self._lost = 0
        self._broken: Problem | None = None

    def load(self) -> None:
        """Start the process and load the method there. Raises UserError with the method's own line; what
        else goes wrong becomes the problem of every call."""
        if self._child is not None and self._child.alive:
            return
        if self._broken is not None:
            return
        self._child = None
        limit = None if self._timeout is None else max(self._timeout, LOAD_SECONDS)
        from pydantic import TypeAdapter

        order = {
            "type": "load",
            "job": TypeAdapter(MethodJob).dump_python(self._job, mode="json"),
            "threads": self._threads,
        }
        child = self._start()
        try:
            child.ask(order, (), limit)
        except ChildFailed as error:
            child.close()
            if error.answer.get("user"):
                raise UserError(str(error.answer.get("error"))) from None
            self._broken = _told(error.answer, "cannot be loaded: ", lasting=True)
            return
        except ChildLost as error:
            child.close()
            self._lost += 1
            if self._lost >= LOADS_LOST:
                self._broken = _lost(error, "while the method was loaded", lasting=True)
            else:
                self.load()
            return
        except BaseException:
            child.close()
            raise
        self._lost = 0
        self._child = child

    def call(self, images: Images, settings: Settings) -> Attempt:
        """See :func:`refbench.execution.call.call`. Raises UserError for what :meth:`load` refuses."""
        self.load()
        if self._child is None:
            return Attempt(problem=self._broken)
        header = {
            "type": "call",
            "scale": images.scale,
            "sample_id": images.sample_id,
            "ref_names": list(images.ref_names),
            "sr_cut": images.sr_cut,
            "sr_fit": images.sr_fit,
            "colour_fix": images.colour_fix,
            "settings": asdict(settings),
        }
        child = self._child
        try:
            answer, arrays = child.ask(header, (images.lr, *images.refs), self._timeout)
            return _attempt(answer, arrays, images)
        except ChildFailed as error:
            return Attempt(problem=_told(error.answer))
        except ChildLost as error:
            self._discard()
            return Attempt(problem=_lost(error, "during the call"))
        except (ProtocolError, LookupError, TypeError, ValueError) as error:
            self._discard()
            text = f"the method's process sent an answer that cannot be read ({error})"
            return Attempt(problem=Problem("killed", text[:LONGEST]))

    def preflight(self, trials: Sequence[TrialMeta]) -> list[str]:
        """The method's own preflight; empty for one without. Raises UserError."""
        self.load()
        if self._child is None:
            return []
        metas = [[t.sample_id, list(t.ref_names), t.expected_size] for t in trials]
        try:
            answer, _ = self._child.ask({"type": "preflight", "trials": metas}, (), self._timeout)
        except (ChildFailed, ChildLost) as error:
            raise UserError(f"method={self._job.locator}: its preflight failed: {error}") from None
        return [str(problem) for problem in answer.get("problems", [])]

    def advice(self, trials: Sequence[TrialMeta]) -> list[str]:
        """None: its preflight says all."""
        return []

    def close(self) -> None:
        """End the process and remove its working folder."""
        self._discard()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()

    def _discard(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None

    def _start(self) -> Child:
        if self._folder is None:
            # an empty one: a run's own working folder is often the parent of its data
            self._folder = Path(tempfile.mkdtemp(prefix="refbench-method-"))
        command = own_interpreter("refbench.execution.method_host", self._hidden)
        environment = {**own_environment(self._hidden), "OMP_NUM_THREADS": str(self._threads)}
        try:
            return Child(command, environment, self._folder)
        except OSError as error:
            raise UserError(
                f"method={self._job.locator}: its process cannot be started ({error.strerror})"
            ) from None


def _told(answer: Mapping[str, Any], what: str = "", lasting: bool = False) -> Problem:
    """The problem that an answer of type ``error`` tells of."""
    place = str(answer.get("place", ""))
    text = f"{what}{answer.get('error')}" + (f" ({place})" if place else "")
    return Problem("method", text[:LONGEST], str(answer.get("trace", "")), lasting=lasting)


def _lost(error: ChildLost, when: str, lasting: bool = False) -> Problem:
    where = f" ({error.place})" if error.place else ""
    when = "" if error.expired else f" {when}"
    text = f"the method's process {error.end}{when}{where}{error.last_words}"
    return Problem("timeout" if error.expired else "killed", text[:LONGEST], lasting=lasting)


def _attempt(answer: Mapping[str, Any], arrays: Sequence[NDArray[Any]], images: Images) -> Attempt:
    """The attempt that a message tells of, checked: it comes from foreign code. Raises ValueError and the
    like."""
    if answer["type"] != "result":
        raise ValueError(f"it is of type {answer['type']!r}")
    told = answer["problem"]
    if told is not None:
        problem = Problem(
            str(told["kind"]), str(told["text"])[:LONGEST], str(told["trace"]), bool(told["lost"]),
            bool(told["lasting"]),
        )  # fmt: skip
        return Attempt(problem=problem, seconds=float(answer["seconds"]), fallback=_text(answer["fallback"]))
    whole = (images.lr.shape[0] * images.scale, images.lr.shape[1] * images.scale)
    size = images.sr_fit or (whole if images.sr_cut is None else images.sr_cut[2:])
    sr = arrays[0]
    if sr.dtype != np.uint8 or sr.shape != (*size, 3):
        raise ValueError(f"SR is {sr.dtype} of shape {sr.shape}")
    match = None
    if answer["match"] is not None:
        match = _match(answer["match"], arrays[1])
    exact = arrays[-1] if answer["exact"] else None
    if exact is not None and (exact.dtype != np.float32 or exact.shape != (*size, 3)):
        raise ValueError(f"unrounded SR is {exact.dtype} of shape {exact.shape}")
    peak, recall = answer["peak_mb"], answer["recall"]
    return Attempt(
        sr=np.ascontiguousarray(sr),
        exact=None if exact is None else np.ascontiguousarray(exact),
        seconds=float(answer["seconds"]),
        stages={str(k): _numbers(v) for k, v in dict(answer["stages"]).items()},
        tiles={str(k): int(v) for k, v in dict(answer["tiles"]).items()},
        peak_mb=None if peak is None else float(peak),
        match=match,
        approx=_text(answer["approx"]),
        recall=None if recall is None else float(recall),
        fallback=_text(answer["fallback"]),
        work=_numbers(answer["work"]),
        refs_read=tuple(sorted(range(len(images.refs))[int(place)] for place in answer["refs_read"])),
    )


def _match(facts: Mapping[str, Any], index: NDArray[Any]) -> Match:
    """As much of a match as scoring it takes: the similarities stay there."""
    import torch

    if index.dtype != np.int64:
        raise ValueError(f"the match is of {index.dtype}")
    places = torch.from_numpy(index)
    grid, reference = (tuple(int(side) for side in facts[name]) for name in ("grid", "reference_grid"))
    if len(grid) != 2 or len(reference) != 2:
        raise ValueError("a match's grid has two sides")
    return Match(places, torch.zeros(places.shape), grid, reference, centre=int(facts["centre"]))


def _numbers(found: Any) -> dict[str, float]:
    return {str(k): float(v) for k, v in dict(found).items() if v is not None}


def _text(found: object) -> str | None:
    return None if found is None else str(found)
