"""From a spec to a function that scores one image pair."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias, cast

from refbench.errors import UserError
from refbench.metrics.covered_identity import COMPUTED
from refbench.specs import MetricSpec

if TYPE_CHECKING:
    # numpy stays out of `refbench list`
    pass

Metric: TypeAlias = "Callable[..., float]"
"""f(sr, target) -> value, or f(sr, target, mask) where the spec has a region: both images uint8 RGB
(H, W, 3), the mask bool (H, W). ``math.inf`` (PSNR of identical images) is a possible value: whoever stores
it writes null. Raises SampleError for images that it cannot score. No-reference metrics ignore ``target``."""


class MetricUnavailable(Exception):
    """The metric cannot run here; the message is the reason that tables show in its column."""

    @property
    def reason(self) -> str:
        return str(self)


def build(spec: MetricSpec) -> Metric:
    """Load what ``spec`` needs and return its function. Learned metrics run on the CPU, in float32.

    Raises MetricUnavailable (missing package, backbone, or weights) and UserError (a broken target).
    """
    module_name, _, attribute = spec.target.partition(":")
    try:
        factory = getattr(import_module(module_name), attribute)
    except (ImportError, AttributeError) as exc:
        raise UserError(f"metric {spec.alias!r}: cannot load {spec.target!r}: {exc}") from exc
    if spec.region in COMPUTED:
        from refbench.metrics.covered import load_encoder

        # here, and not in the thread that scores: threads import nothing
        load_encoder()
    return cast(Metric, factory(spec))
