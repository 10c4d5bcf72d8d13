"""The actor class: sent to the nodes by value, so that a node without refbench can still say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from refbench.errors import UserError

PACKAGES = ("refbench", "ray", "torch", "numpy", "pillow")
"""Versions that decide a number or whether two processes understand each other."""


def actor_class() -> type:
    """The class of the actors.

    It is local to this function because Ray sends such a class itself and not its module's name. Nothing
    outside the standard library may be imported before :meth:`hello` has answered.
    """

    class RefbenchWorker:
        def hello(self, packages: tuple[str, ...]) -> dict[str, str]:
            """Where this is, and the versions here."""
            import platform
            import socket
            from importlib import metadata

            found = {"node": socket.gethostname(), "python": platform.python_version()}
            for name in packages:
                try:
                    found[name] = metadata.version(name)
                except metadata.PackageNotFoundError:
                    found[name] = ""
            return found

        def open(self, order: Any) -> str:
            """Check this node and open the data; the line that says what is wrong, or nothing."""
            import socket

            import ray

            from refbench.errors import UserError
            from refbench.execution.ray.worker import RayWorker

            try:
                self.worker = RayWorker(order, ray.get)
            except UserError as error:
                return str(error)
            except OSError as error:
                return f"node {socket.gethostname()}: {error}"
            return ""

        def load(self, cell: str) -> str:
            """Load the method of a cell; the line that says what is wrong, or nothing."""
            from refbench.errors import UserError

            try:
                self.worker.load(cell)
            except UserError as error:
                return str(error)
            return ""

        def run(self, task: Any) -> Any:
            """One trial: TaskResult, or Failed."""
            return self.worker.run(task)

        def tidy(self, order_id: str) -> None:
            """Remove this run's files from the node."""
            from refbench.execution.ray.shipping import remove

            remove(order_id)

    return RefbenchWorker


def local_versions() -> dict[str, str]:
    """What :meth:`hello` would say on this machine."""
    found: dict[str, str] = actor_class()().hello(PACKAGES)
    return found


def check_versions(there: Mapping[str, str], here: Mapping[str, str]) -> None:
    """Raises UserError with one line when a node has other versions than this machine.

    Of Python the first two numbers count, of packages what stands before ``+`` (``2.14.1+cu126``).
    """
    for name in ("python", *PACKAGES):
        ours, theirs = (_essential(name, versions.get(name, "")) for versions in (here, there))
        if ours != theirs:
            state = f"has {name} {theirs}" if theirs else f"has no {name}"
            remedy = "install the same on every node"
            raise UserError(f"node {there['node']} {state}, this machine has {ours}; {remedy}")


def _essential(name: str, version: str) -> str:
    return ".".join(version.split(".")[:2]) if name == "python" else version.partition("+")[0]
