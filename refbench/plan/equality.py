"""Cells whose results are equal by construction: the method reads the same pixels in both.

A net with ``method.multi=first`` reads the first reference of however many there are, and bicubic none. Such
a cell is not computed again; its rows repeat those of the first cell that hands the method the same. What is
said here is a claim about declarations: before a row is repeated, the digests of what was read are compared.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from refbench.nets.reference_use import references_read
from refbench.plan.planner import Cell
from refbench.protocols.reference import ReferencePolicy


def equal_cells(cells: Sequence[Cell]) -> dict[str, Cell]:
    """Run key -> the earlier cell that it is equal to by construction."""
    known: dict[Hashable, list[Cell]] = {}
    found: dict[str, Cell] = {}
    for cell in cells:
        handed = _handed(cell)
        if handed is None:
            continue
        alike = known.setdefault(handed, [])
        source = next((one for one in alike if set(cell.trials()) <= set(one.trials())), None)
        if source is None:
            alike.append(cell)
        else:
            found[cell.key] = source
    return found


def _handed(cell: Cell) -> Hashable:
    """What decides about the results of a cell; None where that cannot be told from declarations."""
    job, method = cell.job, cell.job.method
    if method.own_process or method.spec.reads_files or not method.spec.deterministic:
        return None
    protocol = cell.protocol
    policy = _policy(protocol.reference, references_read(method.spec, dict(method.params)))
    identity = repr({**protocol.identity(), "reference": None})
    metrics = tuple(spec.signature for spec in job.metrics)
    return (
        repr(method), job.data.id, cell.fingerprint, job.seed, job.images, identity, policy, metrics,
    )  # fmt: skip


def _policy(policy: ReferencePolicy, read: int) -> Hashable:
    """Equal for policies whose first ``read`` references are the same."""
    if policy.oracle:
        # its numbers are labelled; they do not stand for others
        return policy
    if read == 0:
        return None
    if policy.name == "first" or (policy.name in ("upto", "all") and read == 1):
        return 0
    if policy.name == "level" and policy.level is not None:
        return policy.level - 1
    if policy.name == "count" and (read == 1 or policy.count == 1):
        return 0 if policy.order == "best" else policy.order
    return policy
