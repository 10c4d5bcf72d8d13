"""What every clause needs: the method, its spec, and a way to call it as the runner would."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from refbench.conformance.probes import Probe, probe
from refbench.conformance.process_state import process_state
from refbench.execution.call import Images, Settings, invoke
from refbench.execution.problem import WrongOutput
from refbench.specs import MethodSpec
from refbench.types import Image, Input, Method

if TYPE_CHECKING:
    import torch
    from torch import Tensor

BASE_LR = (24, 32)
"""(H, W) of the LR image of the plain clauses."""
MOST_REFS_TRIED = 5
"""A method that takes any number of references is tried with this many."""


class Broken(Exception):
    """A clause does not hold; the message says what was seen."""


class NotApplicable(Exception):
    """A clause has nothing to check for this method; the message says why."""


@dataclass(frozen=True)
class Context:
    """A loaded method under test."""

    spec: MethodSpec
    method: Method
    device: torch.device
    process: Mapping[str, object] = field(default_factory=process_state)
    """Process-wide settings from before the method was loaded."""

    def usual_refs(self) -> int:
        """How many references the plain clauses give: one, unless the spec forbids or demands otherwise."""
        return min(max(self.spec.min_refs, 1), self.spec.max_refs)

    def base(self, name: str = "base") -> Probe:
        """A probe with the usual number of references, each as large as the HR image."""
        return self.sized(name, BASE_LR)

    def sized(self, name: str, lr: tuple[int, int], ref: tuple[int, int] | None = None) -> Probe:
        """A probe with the usual number of references, of size ``ref`` (default: the HR size)."""
        size = ref or (lr[0] * self.spec.scale, lr[1] * self.spec.scale)
        return probe(name, lr, (size,) * self.usual_refs(), self.spec.scale)

    def input(self, lr: Image, refs: Sequence[Image], sample_id: str = "probe") -> Input:
        """Fresh tensors on the device under test; nothing in them shares memory with a probe."""
        names = tuple(f"probe_{i + 1}.png" for i in range(len(refs)))
        return Images(lr, tuple(refs), self.spec.scale, sample_id, names).on(self.device)

    def call(self, inp: Input) -> Tensor:
        """Run the method the way the runner does. Raises Broken when it returns no tensor."""
        try:
            return invoke(self.method, inp, Settings(str(self.device)))
        except WrongOutput as error:
            raise Broken(str(error)) from None

    def run(self, lr: Image, refs: Sequence[Image], sample_id: str = "probe") -> Tensor:
        """:meth:`call` on fresh tensors; the result on the CPU."""
        return self.call(self.input(lr, refs, sample_id)).detach().cpu()

    def run_probe(self, trial: Probe) -> Tensor:
        """:meth:`run` on a probe."""
        return self.run(trial.lr, trial.refs)


def size(tensor_or_shape: Tensor | tuple[int, ...]) -> str:
    """``3x96x128``."""
    shape = tensor_or_shape if isinstance(tensor_or_shape, tuple) else tuple(tensor_or_shape.shape)
    return "x".join(str(side) for side in shape)


def difference(a: Tensor, b: Tensor) -> float:
    """Largest absolute difference; infinite for unequal shapes, NaN counts as different from all."""
    import torch

    if a.shape != b.shape:
        return float("inf")
    if torch.equal(a, b):
        return 0.0
    return float(torch.nan_to_num((a.float() - b.float()).abs(), nan=float("inf")).max())


RANDOM_RUNS = 4
"""Calls per side when a method is random in a way that no seed stops."""


def separation(ctx: Context, one: Callable[[], Tensor], other: Callable[[], Tensor]) -> float:
    """How far two ways of calling the method lie apart: 0.0 when they give the same.

    For a deterministic method, and for one that torch's global seed makes so, that is the largest
    absolute difference of one call each. Any other is called several times; its ways differ only when
    each result of one lies further from each of the other than twice the spread within either.
    """
    if ctx.spec.deterministic:
        return difference(one(), other())
    first = seeded(one)
    if difference(first, seeded(one)) == 0.0:
        return difference(first, seeded(other))
    a, b = [one() for _ in range(RANDOM_RUNS)], [other() for _ in range(RANDOM_RUNS)]
    within = max(difference(x, y) for side in (a, b) for i, x in enumerate(side) for y in side[:i])
    across = min(difference(x, y) for x in a for y in b)
    return across if across > 2 * within else 0.0


def seeded(call: Callable[[], Tensor]) -> Tensor:
    """``call()`` with torch's global generators seeded, and put back afterwards."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return call()
