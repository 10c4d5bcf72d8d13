"""The inside of a third-party method's process: load it, call it, tell how each call ended.

It is given LR, references and an opaque id of the trial; neither HR nor the dataset is anywhere in here. Its
answers are plain data in the message format of refbench.isolation: nothing that it sends is unpickled.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from refbench.errors import UserError
from refbench.execution.call import Attempt, Images, Settings, call
from refbench.execution.measure.work import WorkCounter
from refbench.execution.problem import one_line, place_of, trace_of
from refbench.isolation.child import EndOfStream, encode, read_message, take_streams
from refbench.plan.job import MethodJob
from refbench.types import Method, Preflight, TrialMeta

Answer = tuple[dict[str, Any], Sequence[np.ndarray[Any, Any]]]


def main() -> None:
    """Answer until the other side closes its end."""
    incoming, outgoing = take_streams()
    host = Host()
    while True:
        try:
            header, arrays = read_message(incoming)
        except EndOfStream:
            return
        try:
            reply = host.answer(header, arrays)
        except BaseException as error:
            reply = failure(error), ()
        for piece in encode(*reply):
            outgoing.write(piece)
        outgoing.flush()


def failure(error: BaseException) -> dict[str, Any]:
    """What loading the method, or a hook of it, raised."""
    return {
        "type": "error",
        "kind": type(error).__name__,
        "error": one_line(error),
        "user": isinstance(error, UserError),
        "place": place_of(error.__traceback__),
        "trace": trace_of(error),
    }


class Host:
    """One method."""

    def __init__(self) -> None:
        self._method: Method | None = None
        self._work = WorkCounter()

    def answer(self, header: Mapping[str, Any], arrays: Sequence[Any]) -> Answer:
        """Carry out one message: ``load``, ``preflight`` or ``call``."""
        if header["type"] == "load":
            from pydantic import TypeAdapter

            self._load(TypeAdapter(MethodJob).validate_python(header["job"]), header["threads"])
            return {"type": "ready"}, ()
        if self._method is None:
            raise ValueError(f"{header['type']} before load")
        if header["type"] == "preflight":
            metas = [TrialMeta(i, tuple(names), _pair(size)) for i, names, size in header["trials"]]
            asked = isinstance(self._method, Preflight)
            problems = self._method.preflight(metas) if isinstance(self._method, Preflight) else []
            return {"type": "problems", "asked": asked, "problems": [str(p) for p in problems]}, ()
        cut, fit = header["sr_cut"], header["sr_fit"]
        images = Images(
            arrays[0],
            tuple(arrays[1:]),
            header["scale"],
            header["sample_id"],
            tuple(header["ref_names"]),
            None if cut is None else tuple(cut),
            None if fit is None else tuple(fit),
            header["colour_fix"],
        )
        return told(call(self._method, images, Settings(**header["settings"]), self._work))

    def _load(self, job: MethodJob, threads: int) -> None:
        # what is imported here has not been imported by the message loop: a file may be read without torch
        import torch

        from refbench.execution.worker import load_job

        torch.set_num_threads(threads)
        self._method = None
        self._method = load_job(job)


def told(attempt: Attempt) -> Answer:
    """An attempt as a message."""
    arrays: list[Any] = [] if attempt.sr is None else [np.ascontiguousarray(attempt.sr)]
    found = attempt.match
    match = None
    if found is not None and attempt.sr is not None:
        arrays.append(found.index.detach().to("cpu").numpy())
        match = {"grid": found.grid, "reference_grid": found.reference_grid, "centre": found.centre}
    if attempt.exact is not None:
        # the last one
        arrays.append(attempt.exact)
    plain = ("seconds", "stages", "tiles", "peak_mb", "approx", "recall", "fallback", "work", "refs_read")
    facts = {name: getattr(attempt, name) for name in plain}
    problem = None if attempt.problem is None else asdict(attempt.problem)
    exact = attempt.exact is not None
    return {
        "type": "result", **facts, "problem": problem, "match": match, "exact": exact, "pid": os.getpid()
    }, arrays  # fmt: skip


def _pair(size: Any) -> tuple[int, int] | None:
    return None if size is None else (int(size[0]), int(size[1]))
