"""What went wrong in a trial, as words that can travel between processes and be kept in a row."""

from __future__ import annotations

import linecache
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from refbench.errors import SampleError, UserError
from refbench.tiling.fallback import out_of_memory
from refbench.tiling.passes import TooLittleMemory
from refbench.untrusted.escape import printable

LONGEST = 500
"""Characters of a row's error."""
LONGEST_TRACE = 20_000
_NOT_THE_AUTHOR = ("refbench", "torch", "contextlib", "threading")
"""Top-level packages whose frames are not where a method's author would look first."""


class WrongOutput(SampleError):
    """A method returned something that cannot be an SR image; another try would return it again."""


@dataclass(frozen=True)
class Problem:
    """An error as one line, its class for counting, and where it happened."""

    kind: str
    """``decode`` (also degrade), ``method``, ``score``, ``memory``, ``timeout``, ``killed``."""
    text: str
    """One line: type, message, and file and line for an exception in a method."""
    trace: str = ""
    """The traceback, for stderr; empty where the line says it all."""
    lost: bool = False
    """Whether an allocation failed: tiles may help. False for a limit that was too small from the start."""
    lasting: bool = False
    """Whether another try would end the same way: what the method returned is not an SR image."""

    def __post_init__(self) -> None:
        # the words of foreign code go into rows, reports and terminals
        object.__setattr__(self, "text", printable(" ".join(self.text.split()))[:LONGEST])


def problem_of(error: BaseException, lost: bool = False) -> Problem:
    """A method's exception. ``lost``: it says that memory ran out."""
    lasting = isinstance(error, WrongOutput | TooLittleMemory)
    said = known_error(error)
    where = "" if said or lost else place_of(error.__traceback__)
    text = one_line(error) + (f" ({where})" if where else "")
    trace = "" if said or lost else trace_of(error)
    return Problem(kind_of(error), text[:LONGEST], trace, lost, lasting)


def known_error(error: BaseException) -> bool:
    """Whether the message says it all: it was written for the user."""
    return isinstance(error, SampleError | UserError)


def kind_of(error: BaseException, stage: str = "method") -> str:
    """Class of an exception: memory wherever it ran out, else of its ``stage``; a method's also timeout."""
    if isinstance(error, TooLittleMemory) or out_of_memory(error):
        return "memory"
    return "timeout" if stage == "method" and isinstance(error, TimeoutError) else stage


def problem_at(stage: str, error: BaseException) -> Problem:
    """An exception while a sample was decoded or scored, outside any method."""
    return Problem(kind_of(error, stage), one_line(error), "" if known_error(error) else trace_of(error))


def one_line(error: BaseException) -> str:
    """An exception as one line; also one whose own ``__str__`` fails."""
    name = type(error).__name__
    try:
        text = " ".join(str(error).split())
    except BaseException as failure:
        if isinstance(failure, KeyboardInterrupt):
            raise
        text = f"its message cannot be read: {type(failure).__name__}"
    kind = "" if known_error(error) else f"{name}: "
    return printable((kind + text)[:LONGEST].removesuffix(": ") or name)


def place_of(trace: TracebackType | None) -> str:
    """``net.py:12`` where the method's own code failed: its innermost frame, not that of a library which it
    called; empty without one."""
    frames = list(traceback.walk_tb(trace))
    own = ""
    place = ""
    for frame, line in frames:
        top = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if not own and (top not in _NOT_THE_AUTHOR or _is_hosted(frame.f_code.co_filename)):
            own = top
        if own and top == own:
            place = f"{Path(frame.f_code.co_filename).name}:{line}"
    return place


def _is_hosted(file: str) -> bool:
    """Whether a frame of the package refbench belongs to a method and not to the harness."""
    core = Path(__file__).resolve().parent.parent
    path = Path(file)
    return "methods" in path.parts and not path.is_relative_to(core / "execution")


def trace_of(error: BaseException) -> str:
    """The traceback as Python prints it, without the harness's frames above the method's."""
    try:
        found = traceback.TracebackException(type(error), error, error.__traceback__)
        while len(found.stack) > 1 and _in_harness(found.stack[0].filename):
            del found.stack[0]
        return "".join(found.format())[-LONGEST_TRACE:]
    except BaseException as failure:
        if isinstance(failure, KeyboardInterrupt):
            raise
        linecache.clearcache()
        return "".join(traceback.format_tb(error.__traceback__))[-LONGEST_TRACE:] + f"{one_line(error)}\n"


def _in_harness(file: str) -> bool:
    core = Path(__file__).resolve().parent.parent
    return Path(file).is_relative_to(core / "execution")
