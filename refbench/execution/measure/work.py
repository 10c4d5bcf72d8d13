"""What a method is and does, measured once next to its trials: parameters, and operations of one call.

Counting operations takes a call of its own: torch's counter looks at every operator from Python, which
would distort the seconds of the trial it ran in. So they are counted where a cell has at least ten trials
to run (``refbench.plan.job.ENOUGH``), of which the extra call is a small part; ``refbench profile`` counts
them for one image.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from refbench.plan.method_hooks import measured_cost, parameter_count
from refbench.types import Input, Method

if TYPE_CHECKING:
    from torch import Tensor

Sizes = tuple[tuple[int, ...], ...]


class WorkCounter:
    """Counts once for each size of images of one method, on a call of its own that nothing times."""

    def __init__(self) -> None:
        self._known: dict[Sizes, int | None] = {}

    def of(self, method: Method, inp: Input, call: Callable[[Input], object] | None) -> dict[str, float]:
        """``parameters`` and ``flops`` (multiply and add are two), those that can be known.

        ``call`` runs the method as a trial does; None: parameters only. Only a method with parameters is
        called again for its operations: those of other programs, of files and of PIL cannot be seen, and
        may be slow to repeat.
        """
        found: dict[str, float] = {}
        parameters = parameter_count(method)
        if parameters is not None:
            found["parameters"] = float(parameters)
        if call is None or not parameters or measured_cost(method) is not None:
            return found
        sizes: Sizes = (tuple(inp.lr.shape), *(tuple(ref.shape) for ref in inp.refs))
        if sizes not in self._known:
            self._known[sizes] = count_flops(lambda: call(unseen(inp)))
        flops = self._known[sizes]
        return {**found, "flops": float(flops)} if flops else found


def unseen(inp: Input) -> Input:
    """Negatives of the images: as large, but not in the cache of features that hosted nets keep."""

    def negative(image: Tensor) -> Tensor:
        return 1.0 - image

    return Input(
        lr=negative(inp.lr),
        refs=tuple(negative(ref) for ref in inp.refs),
        scale=inp.scale,
        sample_id=inp.sample_id,
        ref_names=inp.ref_names,
        sr_cut=inp.sr_cut,
        sr_fit=inp.sr_fit,
    )


def count_flops(call: Callable[[], object]) -> int | None:
    """Operations of one call, matching included; None when it shows none or cannot be observed."""
    from refbench.execution.measure.flops import flop_counter

    counter = flop_counter()
    try:
        with counter:
            call()
    # the trial itself has succeeded: whatever goes wrong here is not an error of its row
    except KeyboardInterrupt:
        raise
    except BaseException:
        return None
    return counter.get_total_flops() or None
