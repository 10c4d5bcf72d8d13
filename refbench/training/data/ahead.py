"""Pairs made ahead of the net by other processes: the same pairs in the same order."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from refbench.errors import UserError

from .pair import Pair

Pairs = Callable[[int], list[Pair]]
"""Step -> this process's pairs, a function of the step alone."""
AHEAD = 4
"""Steps that each worker is ahead."""


@dataclass(frozen=True)
class _Steps(Dataset[Any]):
    """Steps as a data set; a UserError comes back as a value, so that its one line arrives as it is."""

    pairs: Pairs

    def __getitem__(self, step: int) -> list[Pair] | UserError:
        try:
            return self.pairs(step)
        except UserError as error:
            return error


def _unchanged(value: Any) -> Any:
    return value


@contextmanager
def made_ahead(pairs: Pairs, steps: range, workers: int) -> Iterator[Pairs]:
    """``pairs``, computed for ``steps`` in their order by ``workers`` forked processes; 0: where it is asked.

    What is given back must be asked in the order of ``steps``. Pairs travel as uint8 arrays through pipes.
    UserError where processes cannot be forked.
    """
    if not workers or not len(steps):
        yield pairs
        return
    if "fork" not in multiprocessing.get_all_start_methods():
        raise UserError(f"train.workers={workers}: this system cannot fork processes; use train.workers=0")
    loader = DataLoader(
        _Steps(pairs), batch_size=None, sampler=steps, num_workers=workers, prefetch_factor=AHEAD,
        collate_fn=_unchanged, multiprocessing_context="fork",
        # its own: the workers' seeds would otherwise be drawn from the generator of the run
        generator=torch.Generator(),
    )  # fmt: skip
    source = enumerate(loader, steps.start)

    def following(step: int) -> list[Pair]:
        made, found = next(source)
        if made != step:
            raise RuntimeError(f"step {step} was asked, step {made} is next")
        if isinstance(found, UserError):
            raise found
        return list(found)

    yield following
