"""``refbench verify`` on third-party code, in a process of its own: one that ends costs one clause."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from refbench.conformance.kit import CLAUSES, Request, report_of
from refbench.conformance.report import ClauseResult, ConformanceReport
from refbench.errors import UserError
from refbench.execution.elsewhere import absolute_method
from refbench.isolation.outside import own_environment, own_interpreter
from refbench.isolation.process import Child, ChildFailed, ChildLost
from refbench.plan.job import MethodJob
from refbench.settings import MethodChoice
from refbench.specs import MethodSpec

DEATHS = 2
"""After so many deaths in clauses the others are not tried: each would begin by loading the method again."""


def verify_outside(
    request: Request, threads: int, echo: Callable[[str], None] | None = None
) -> ConformanceReport:
    """As :func:`refbench.conformance.kit.verify_method`, with the method in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="refbench-verify-") as folder:
        examiner = _Examiner(request, threads, Path(folder))
        try:
            facts = examiner.open()
            return report_of(facts["method"], facts["weights"], facts["device"], examiner.results(), echo)
        finally:
            examiner.close()


def verify_third_party(
    spec: MethodSpec,
    choice: MethodChoice,
    weights_root: Path | None,
    device: str,
    echo: Callable[[str], None] | None = None,
) -> ConformanceReport:
    """:func:`verify_outside` with what the user said; files are found from the process's own folder."""
    import torch

    params = tuple(choice.params.items())
    locator = choice.locator or choice.name
    job = absolute_method(MethodJob(spec, locator, choice.weights, weights_root, params, device))
    request = Request(job.locator, job.weights, job.weights_root, dict(job.params), device)
    return verify_outside(request, torch.get_num_threads(), echo)


class _Examiner:
    """The parent's end."""

    def __init__(self, request: Request, threads: int, folder: Path) -> None:
        self._request, self._threads, self._folder = request, threads, folder
        self._child: Child | None = None

    def open(self) -> dict[str, Any]:
        """Start the process and load the method. Raises UserError, also for one that ends its process."""
        child = Child(own_interpreter("refbench.conformance.host"), own_environment(), self._folder)
        root = self._request.weights_root
        request = {**asdict(self._request), "weights_root": None if root is None else str(root)}
        try:
            answer, _ = child.ask({"type": "open", "request": request, "threads": self._threads}, (), None)
        except (ChildFailed, ChildLost) as error:
            child.close()
            if isinstance(error, ChildFailed):
                raise UserError(str(error.answer.get("error"))) from None
            raise UserError(_line(error, "while it was loaded")) from None
        self._child = child
        return answer

    def results(self) -> Iterator[ClauseResult]:
        """Each clause in turn."""
        deaths = 0
        for number, (identifier, title, _) in enumerate(CLAUSES):
            if self._child is None and deaths < DEATHS:
                try:
                    self.open()
                except UserError as error:
                    deaths = DEATHS
                    yield ClauseResult(identifier, title, "fail", str(error))
                    continue
            if self._child is None:
                yield ClauseResult(identifier, title, "fail", "not tried: its process ended before")
                continue
            try:
                answer, _ = self._child.ask({"type": "clause", "number": number}, (), None)
                yield ClauseResult(identifier, title, answer["status"], str(answer["detail"]))
            except (ChildFailed, ChildLost) as error:
                deaths += 1
                self.close()
                detail = _line(error, "during a call") if isinstance(error, ChildLost) else str(error)
                yield ClauseResult(identifier, title, "fail", detail)

    def close(self) -> None:
        """End the process."""
        if self._child is not None:
            self._child.close()
            self._child = None


def _line(error: ChildLost, when: str) -> str:
    where = f" ({error.place})" if error.place else ""
    return f"the method's process {error.end} {when}{where}{error.last_words}"
