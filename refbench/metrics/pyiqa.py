"""Any per-image metric of pyiqa (extra ``iqa``, PolyForm-Noncommercial), imported only when asked for."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from refbench.metrics.build import Metric, MetricUnavailable
from refbench.metrics.pair import check_image, cropped_pair
from refbench.metrics.tensors import to_tensor
from refbench.specs import MetricSpec
from refbench.types import Image


def factory(spec: MetricSpec) -> Metric:
    """Builds ``pyiqa.create_metric(name)`` with pyiqa's own defaults, on the CPU.

    Raises MetricUnavailable when pyiqa is absent, its weights cannot be had, or its direction is not
    the one that refbench's table says (tables would rank the wrong way round).
    """
    import torch

    name = str(spec.options["name"])
    if find_spec("pyiqa") is None:
        raise MetricUnavailable("pyiqa is not installed: pip install refbench[iqa] (noncommercial licence)")
    try:
        pyiqa = import_module("pyiqa")
        with torch.random.fork_rng(devices=[]):
            model = pyiqa.create_metric(name, device=torch.device("cpu"))
    except Exception as exc:
        # pyiqa fetches weights while it builds: offline that is URLError, and others from its hubs
        reason = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
        raise MetricUnavailable(f"pyiqa cannot build {name!r}: {reason}") from exc
    if bool(model.lower_better) == spec.higher_is_better:
        raise MetricUnavailable(f"pyiqa {spec.signature} says that {name!r} runs the other way; not ranked")

    def score(sr: Image, target: Image) -> float:
        with torch.inference_mode():
            if spec.needs_target:
                a, b = cropped_pair(sr, target, crop=0, smallest=1, metric=spec.title)
                return float(model(to_tensor(a), to_tensor(b)).item())
            check_image(sr, "SR image")
            return float(model(to_tensor(sr)).item())

    return score
