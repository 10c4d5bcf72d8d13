"""Starting or joining a Ray cluster, and leaving it as it was."""

from __future__ import annotations

import importlib
import logging
import math
import os
import socket
import stat
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refbench.errors import UserError
from refbench.execution.ray.options import RayOptions
from refbench.execution.ray.pulse import HEAD, OWN_NODE, Place, Pulse
from refbench.extras import install_command

OBJECT_STORE_BYTES = 200 * 2**20
"""Shared memory of a cluster of our own: rows and SR images pass through it one by one."""
CONNECT_SECONDS = 5.0

QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}
"""Nothing is reported to Ray's makers."""
OWN_CLUSTER = {
    **QUIET,
    # the documented way to keep Ray on the loopback interface is to deny it clusters
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # Ray's own default of 15 lets anything else on the machine distort the measured seconds
    "RAY_worker_niceness": "0",
}
"""Environment of the processes of a cluster that we start."""


@dataclass(frozen=True)
class Cluster:
    """A connection; ``ray`` is the package."""

    ray: Any
    label: str
    """For error lines: ``the Ray cluster at 10.0.0.1:6379``."""
    pulse: Pulse | None = None
    """None over Ray Client, which says itself when its connection is lost."""

    def check(self) -> None:
        """Raises ClusterLost when the cluster's head or this machine's node is gone."""
        if self.pulse is not None:
            self.pulse.check(self.label)

    def settle(self) -> None:
        """Wait until both answer, after an error that their loss may have caused. Raises ClusterLost."""
        if self.pulse is not None:
            self.pulse.settle(self.label)

    def nodes(self) -> list[Mapping[str, Any]]:
        """The nodes that are alive, as Ray describes them."""
        return [node for node in self.ray.nodes() if node["Alive"]]

    def capacity(self, num_cpus: float, num_gpus: float) -> int:
        """How many actors with these claims fit on all nodes when nothing else runs."""
        return sum(_fits(node["Resources"], num_cpus, num_gpus) for node in self.nodes())

    def describe(self) -> str:
        """``10.0.0.1 (8 CPUs, 1 GPUs), ...``."""
        return ", ".join(
            f"{n['NodeManagerAddress']} ({n['Resources'].get('CPU', 0):g} CPUs,"
            f" {n['Resources'].get('GPU', 0):g} GPUs)"
            for n in self.nodes()
        )


def _fits(resources: Mapping[str, float], num_cpus: float, num_gpus: float) -> int:
    count = resources.get("CPU", 0.0) / num_cpus
    if num_gpus:
        count = min(count, resources.get("GPU", 0.0) / num_gpus)
    # 0.3 + 0.3 + 0.3 of one CPU is three times 0.3, whatever the division says
    return int(count + 1e-6)


@contextmanager
def connected(options: RayOptions) -> Iterator[Cluster]:
    """A connection for the time of a run. Raises UserError with one line.

    A connection that this process already has is used and left open; otherwise ``options.address`` is
    joined, or without one a cluster of this machine is started, on the loopback interface only, without
    dashboard, and ended with the run.
    """
    with _environment(OWN_CLUSTER if options.address is None else QUIET):
        ray = importlib.import_module("ray")
        if ray.is_initialized():
            if options.address not in (None, "auto"):
                raise UserError(
                    f"executor.address={options.address}: this process is connected to Ray already; "
                    "leave the key out to use that connection, or call ray.shutdown() first"
                )
            yield _cluster(ray, "the Ray cluster of this process")
            return
        _connect(ray, options)
        try:
            label = "this machine" if options.address is None else f"the Ray cluster at {options.address}"
            yield _cluster(ray, label)
        finally:
            ray.shutdown()


def _cluster(ray: Any, label: str) -> Cluster:
    """What is connected, with the two places that must stay reachable."""
    context = ray.get_runtime_context()
    places = {}
    if not ray.util.client.ray.is_connected():
        places = {HEAD: _place(context.gcs_address)}
        for node in ray.nodes():
            if node["NodeID"] == context.get_node_id():
                places[OWN_NODE] = node["NodeManagerAddress"], int(node["NodeManagerPort"])
    return Cluster(ray, label, Pulse(places) if places else None)


def _connect(ray: Any, options: RayOptions) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL, "namespace": "refbench"}
    if options.address is None:
        if ray.util.get_node_ip_address() not in ("127.0.0.1", "::1"):
            raise UserError(
                "executor=ray: ray was imported before in this process and would listen on every network "
                "interface; call ray.init() yourself first, or set RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0 "
                "before the import"
            )
        cores = os.cpu_count() or 1
        # a user who asks for more workers than cores gets them
        cpus = max(cores, math.ceil((options.workers or 0) * options.num_cpus))
        try:
            ray.init(
                address="local",
                num_cpus=cpus,
                object_store_memory=OBJECT_STORE_BYTES,
                include_dashboard=False,
                _temp_dir=str(session_folder()),
                **quiet,
            )
        # its own processes must answer within 30 seconds; an overloaded machine does not
        except Exception as error:
            text = " ".join(str(error).split())
            raise UserError(
                f"executor=ray: Ray does not start on this machine: {text[:400]}; its logs are in "
                f"{session_folder()}/session_latest/logs; executor=local needs no Ray"
            ) from error
        return
    _reachable(options.address)
    try:
        with warnings.catch_warnings():
            # what it warns of is in the error, too
            warnings.simplefilter("ignore")
            ray.init(address=options.address, **quiet)
    except ImportError as error:
        raise UserError(
            f"executor.address={options.address}: {error}; get it with: {install_command('ray')}"
        ) from error
    # Ray has no common class for its refusals: RuntimeError, ConnectionError, RpcError, AuthenticationError
    except Exception as error:
        raise UserError(connect_error(options.address, error)) from error


def session_folder() -> Path:
    """Where a cluster of our own keeps logs, sockets and spilled objects: nobody else can enter. UserError.

    Ray opens to everybody what it makes, so its folder lies within one that is this user's alone. The name is
    short, because the paths of sockets may have 107 characters.
    """
    top = Path("/tmp") if Path("/tmp").is_dir() else Path(tempfile.gettempdir())
    private = top / f"rb-ray-{os.getuid()}"
    private.mkdir(mode=0o700, exist_ok=True)
    found = private.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise UserError(f"{private}: belongs to somebody else; remove it")
    private.chmod(0o700)
    return private / "ray"


def connect_error(address: str, error: BaseException) -> str:
    """One line for what Ray says, often on many, when it does not let us in."""
    text = " ".join(str(error).split())
    if "version mismatch" in text.lower():
        return f"executor.address={address}: {text[:400]} Use the same Python and Ray on both sides"
    if address == "auto":
        return (
            "executor.address=auto: no running Ray cluster was found on this machine; start one with "
            "`ray start --head`, give HOST:PORT, or leave the key out"
        )
    return (
        f"executor.address={address}: Ray refuses the connection: {text[:400]}; a cluster that asks for a "
        "token needs RAY_AUTH_MODE=token here (docs/ray.md)"
    )


def _reachable(address: str) -> None:
    """Raises UserError when nothing listens there: Ray itself would try for minutes, or end the process."""
    if address == "auto":
        return
    try:
        socket.create_connection(_place(address.removeprefix("ray://")), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"executor.address={address}: nothing answers there ({reason}); is the cluster up, and the port "
            "the one that `ray start --head` said (6379, for ray:// 10001)?"
        ) from error


def _place(address: str) -> Place:
    """``HOST:PORT`` in two. Raises ValueError."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for the processes that Ray starts meanwhile; what the user has set stays."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
