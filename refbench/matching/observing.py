"""Observe every result of ``match`` inside a block: how the runner scores a method's own matches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from refbench.matching.result import Match

Observer = Callable[[Match], None]

_observer: ContextVar[Observer | None] = ContextVar("refbench_match_observer", default=None)


@contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """Call ``observer`` with the result of each ``match`` inside this block (this thread only)."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


@contextmanager
def also_observing(observer: Observer) -> Iterator[None]:
    """:func:`observing` that leaves the enclosing block's observer in place."""
    outer = _observer.get()

    def both(result: Match) -> None:
        observer(result)
        if outer is not None:
            outer(result)

    with observing(both):
        yield


def observed(result: Match) -> Match:
    """Tell the active observer, if there is one, and pass the result on."""
    observer = _observer.get()
    if observer is not None:
        observer(result)
    return result
