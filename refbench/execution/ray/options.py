"""``executor=ray executor.<option>=...``: what the user may say about a Ray cluster, checked."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass

from refbench.errors import UserError
from refbench.execution.retries import check_pool
from refbench.extras import install_command

SHIP = ("none", "data")
_ADDRESS = re.compile(r"auto|(ray://)?(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):\d{1,5}")


@dataclass(frozen=True)
class RayOptions:
    """Options of the Ray executor. Raises UserError naming the key."""

    address: str | None = None
    """``auto``, ``HOST:PORT`` or ``ray://HOST:PORT``; None: a cluster of this machine, for this run."""
    workers: int | None = None
    """Actors; None: as many as the cluster's CPUs and GPUs allow."""
    num_cpus: float = 1.0
    """CPUs that one actor asks for; it computes with as many threads."""
    num_gpus: float | None = None
    """GPUs that one actor asks for; None: 1 where the run's device is CUDA, else 0."""
    timeout: float | None = None
    """Seconds that one trial may take; None: no limit."""
    retries: int = 2
    """Further tries of a trial that failed or whose actor was lost."""
    start_timeout: float = 600.0
    """Seconds in which an actor must have started, opened its data and loaded its method."""
    ship: str = "none"
    """``data``: the dataset's files are sent to the nodes; ``none``: every node sees the same paths."""
    ship_limit: float = 2.0
    """Most GiB that are sent."""

    def __post_init__(self) -> None:
        check_pool(self.workers, self.timeout, self.retries)
        if self.address is not None and not _ADDRESS.fullmatch(self.address):
            raise UserError(
                f"executor.address={self.address}: give auto, HOST:PORT or ray://HOST:PORT; "
                "without it a cluster of this machine is started"
            )
        if self.num_cpus <= 0:
            raise UserError(f"executor.num_cpus={self.num_cpus:g}: give CPUs above 0")
        if self.num_gpus is not None and self.num_gpus < 0:
            raise UserError(f"executor.num_gpus={self.num_gpus:g}: give 0 or more")
        if self.start_timeout <= 0:
            raise UserError(f"executor.start_timeout={self.start_timeout:g}: give seconds above 0")
        if self.ship not in SHIP:
            raise UserError(f"executor.ship={self.ship}: it can be {', '.join(SHIP)}")
        if self.ship_limit <= 0:
            raise UserError(f"executor.ship_limit={self.ship_limit:g}: give GiB above 0")


def require_ray() -> None:
    """Raises UserError when the package is not installed; imports nothing."""
    if importlib.util.find_spec("ray") is None:
        raise UserError(f"executor=ray needs the package ray; get it with: {install_command('ray')}")
