"""Stages of a method's work: ``with stage("match"):`` around each part.

The canonical names are extract, match, transfer, restore. Nothing is measured unless a recorder is
active, so a method may open stages everywhere at no cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

STAGES = ("extract", "match", "transfer", "restore")


class Recorder(Protocol):
    """Receives the opening and closing of stages (see refbench.profiling)."""

    def enter(self, name: str) -> None: ...

    def leave(self, name: str) -> None: ...


_active: ContextVar[Recorder | None] = ContextVar("refbench_stage_recorder", default=None)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Mark the enclosed work as stage ``name`` for the active recorder, if there is one."""
    recorder = _active.get()
    if recorder is None:
        yield
        return
    recorder.enter(name)
    try:
        yield
    finally:
        recorder.leave(name)


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Make ``recorder`` receive the stages opened inside this block (this thread or task only)."""
    token = _active.set(recorder)
    try:
        yield
    finally:
        _active.reset(token)
