"""The inside of the process in which ``refbench verify`` tries third-party code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from refbench.conformance.kit import CLAUSES, Examination, Request
from refbench.errors import UserError
from refbench.execution.problem import one_line, place_of
from refbench.isolation.child import EndOfStream, encode, read_message, take_streams
from refbench.registry import Registry


def main() -> None:
    """Answer until the other side closes its end."""
    incoming, outgoing = take_streams()
    found: Examination | None = None
    while True:
        try:
            header, _ = read_message(incoming)
        except EndOfStream:
            return
        try:
            if header["type"] == "open":
                found = _open(header)
                reply = {
                    "type": "opened",
                    "method": found.spec.name,
                    "weights": found.weights,
                    "device": found.device,
                }
            else:
                reply = _clause(found, header["number"])
        except BaseException as error:
            reply = {"type": "error", "kind": type(error).__name__, "error": _told(error)}
        for piece in encode(reply):
            outgoing.write(piece)
        outgoing.flush()


def _open(header: dict[str, Any]) -> Examination:
    import torch

    torch.set_num_threads(header["threads"])
    told = header["request"]
    root = told["weights_root"]
    request = Request(**{**told, "weights_root": None if root is None else Path(root)})
    return Examination(Registry.discover().method_here(request.locator), request)


def _clause(found: Examination | None, number: int) -> dict[str, Any]:
    if found is None:
        raise ValueError("a clause before the method was opened")
    result = found.try_clause(CLAUSES[number])
    return {"type": "clause", "status": result.status, "detail": result.detail}


def _told(error: BaseException) -> str:
    if isinstance(error, UserError):
        return str(error)
    place = place_of(error.__traceback__)
    return f"the method cannot be loaded: {one_line(error)}" + (f" ({place})" if place else "")
