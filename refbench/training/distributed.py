"""One training process among several (torchrun), or alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from refbench.errors import UserError


@dataclass(frozen=True)
class Group:
    """This process: its rank, how many there are, and its device."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def wrap(self, objective: nn.Module) -> nn.Module:
        """Average gradients over the processes. Unused parameters are normal: dead keys of official nets."""
        if self.size == 1:
            return objective
        ids = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(objective, device_ids=ids, find_unused_parameters=True)

    def share(self, batch: int) -> range:
        """The items of a batch that this process computes. UserError when they cannot be split evenly."""
        if batch % self.size:
            raise UserError(f"train: a batch of {batch} does not divide over {self.size} processes")
        return range(self.rank, batch, self.size)

    def wait(self) -> None:
        """Block until every process is here."""
        if self.size > 1:
            dist.barrier()


@contextmanager
def process_group(device: str, environment: Mapping[str, str] | None = None) -> Iterator[Group]:
    """The group described by torchrun's variables (RANK, WORLD_SIZE, LOCAL_RANK), or a group of one."""
    variables = os.environ if environment is None else environment
    size = int(variables.get("WORLD_SIZE", "1"))
    kind = torch.device(device)
    if kind.type == "cuda" and not torch.cuda.is_available():
        raise UserError("device=cuda: this torch sees no CUDA device; use device=cpu")
    if size == 1:
        yield Group(device=kind)
        return
    rank = int(variables["RANK"])
    if kind.type == "cuda":
        kind = torch.device("cuda", int(variables.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if kind.type == "cuda" else "gloo", rank=rank, world_size=size)
    try:
        yield Group(rank, size, kind)
    finally:
        dist.destroy_process_group()
