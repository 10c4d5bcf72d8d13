"""Hearing of every result of ``match`` within a block: how the runner scores a method's own matches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from refbench.matching.result import Match

Listener = Callable[[Match], None]

_listener: ContextVar[Listener | None] = ContextVar("refbench_match_listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call ``listener`` with the result of each ``match`` inside this block (this thread only)."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def also_listening(listener: Listener) -> Iterator[None]:
    """:func:`listening` that leaves the enclosing block's listener in place."""
    outer = _listener.get()

    def both(result: Match) -> None:
        listener(result)
        if outer is not None:
            outer(result)

    with listening(both):
        yield


def heard(result: Match) -> Match:
    """Tell the active listener, if there is one, and pass the result on."""
    listener = _listener.get()
    if listener is not None:
        listener(result)
    return result
