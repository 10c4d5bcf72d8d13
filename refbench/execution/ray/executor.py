"""A Ray cluster as executor: ``executor=ray executor.address=auto|HOST:PORT|ray://HOST:PORT``.

Methods are held in actors, so that weights load once a worker. Each actor has one trial at a time; its
row and SR image come back as soon as they are finished.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from refbench.errors import UserError
from refbench.execution.elsewhere import needed_data, with_absolute_paths
from refbench.execution.executor import OnResult
from refbench.execution.ray.actor import actor_class
from refbench.execution.ray.cluster import Cluster, connected
from refbench.execution.ray.options import RayOptions, require_ray
from refbench.execution.ray.pool import RayPool
from refbench.execution.ray.shipping import pack
from refbench.execution.ray.worker import Order, method_files
from refbench.execution.retries import Retries
from refbench.identity.code_digest import package_digest
from refbench.plan.job import CellJob, Task


class RayExecutor:
    """``executor=ray``; see docs/ray.md."""

    def __init__(self, options: RayOptions | None = None) -> None:
        """Raises UserError when the package ray is not installed."""
        require_ray()
        self._options = options or RayOptions()

    def run(self, cells: Mapping[str, CellJob], tasks: Sequence[Task], on_result: OnResult) -> None:
        """See :class:`refbench.execution.executor.Executor`."""
        options = self._options
        gpus = options.num_gpus
        if gpus is None:
            gpus = 1.0 if any(c.method.device.startswith("cuda") for c in cells.values()) else 0.0
        # Ray shows an actor its own GPUs only, numbered from 0
        device = "cuda:0" if gpus else "cpu"
        jobs = {
            key: replace(cell, method=replace(cell.method, device=device))
            for key, cell in with_absolute_paths(cells).items()
        }
        with connected(options) as cluster:
            count = min(self._workers(cluster, gpus), len(tasks))
            order = self._order(cluster, jobs)
            pool = RayPool(
                cluster,
                jobs,
                Retries(tasks, options.retries, on_result),
                options,
                _maker(cluster.ray, options.num_cpus, gpus),
                cluster.ray.put(order),
            )
            try:
                pool.run(count)
            except ConnectionError as error:
                raise UserError(
                    f"executor=ray: the connection to {cluster.label} is lost ({error}); finished rows are "
                    "kept, and the same command goes on from there"
                ) from error
            finally:
                pool.end(order.id if order.leaves_files else None)

    def _workers(self, cluster: Cluster, gpus: float) -> int:
        if self._options.workers is not None:
            return self._options.workers
        fit = cluster.capacity(self._options.num_cpus, gpus)
        if not fit:
            raise UserError(
                f"executor=ray: no node has executor.num_cpus={self._options.num_cpus:g} and "
                f"executor.num_gpus={gpus:g}; {cluster.label} has {cluster.describe()}"
            )
        return fit

    def _order(self, cluster: Cluster, jobs: Mapping[str, CellJob]) -> Order:
        order = Order(
            id=secrets.token_hex(8),
            cells=jobs,
            sources="" if self._options.address is None else package_digest(),
            threads=max(1, math.floor(self._options.num_cpus)),
            files=method_files(jobs),
        )
        data = {cell.data.id: cell.data for cell in jobs.values()}
        needed = [item for job in data.values() for item in needed_data(job)]
        if self._options.ship != "data" or not needed:
            return order
        limit = int(self._options.ship_limit * 2**30)
        return replace(order, parcel=pack(order.id, needed, limit, cluster.ray.put))


def _maker(ray: Any, num_cpus: float, num_gpus: float) -> Any:
    """What asks the cluster for one more actor: on any node with room, never restarted by Ray itself."""
    actor = ray.remote(actor_class()).options(
        num_cpus=num_cpus,
        num_gpus=num_gpus,
        max_restarts=0,
        max_task_retries=0,
        scheduling_strategy="SPREAD",
    )
    return actor.remote
