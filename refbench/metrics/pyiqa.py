"""Any per-image metric of pyiqa (extra ``iqa``, PolyForm-Noncommercial), imported only when asked for."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import numpy as np

from refbench.errors import SampleError
from refbench.extras import install_command
from refbench.metrics.build import Metric, MetricUnavailable
from refbench.metrics.pair import Mask, cropped, cropped_mask, cropped_pair
from refbench.metrics.tensors import to_tensor
from refbench.specs import MetricSpec
from refbench.types import Image


def factory(spec: MetricSpec) -> Metric:
    """Builds ``pyiqa.create_metric(name)`` with pyiqa's own defaults, on the CPU unless ``device=cuda``.

    Raises MetricUnavailable when pyiqa is absent, its weights cannot be had, or its direction is not
    the one that refbench's table says (tables would rank the wrong way round).
    """
    import torch

    name, device = str(spec.options["name"]), str(spec.options.get("device") or "cpu")
    crop = int(spec.options.get("crop") or 0)
    if find_spec("pyiqa") is None:
        raise MetricUnavailable(f"pyiqa is not installed: {install_command('iqa')} (noncommercial licence)")
    if device == "cuda" and not torch.cuda.is_available():
        raise MetricUnavailable(f"{spec.alias} asks for device=cuda, and there is no CUDA device here")
    try:
        pyiqa = import_module("pyiqa")
        with torch.random.fork_rng(devices=[]):
            model = pyiqa.create_metric(name, device=torch.device(device))
    except Exception as exc:
        # pyiqa fetches weights while it builds: offline that is URLError, and others from its hubs
        reason = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
        # clipiqa's CLIP needs pkg_resources, which the newest setuptools lack
        remedy = f"; {install_command('iqa')}" if isinstance(exc, ImportError) else ""
        raise MetricUnavailable(f"pyiqa cannot build {name!r}: {reason}{remedy}") from exc
    if bool(model.lower_better) == spec.higher_is_better:
        raise MetricUnavailable(f"pyiqa {spec.signature} says that {name!r} runs the other way; not ranked")

    def score(sr: Image, target: Image, mask: Mask | None = None) -> float:
        box = np.s_[:, :] if mask is None else rectangle(cropped_mask(mask, crop=crop, metric=spec.title))
        with torch.inference_mode():
            if spec.needs_target:
                a, b = cropped_pair(sr, target, crop=crop, smallest=1, metric=spec.title)
                pair = (to_tensor(a[box]).to(device), to_tensor(b[box]).to(device))
                return float(model(*pair).item())
            image = cropped(sr, crop=crop, smallest=1, metric=spec.title)
            return float(model(to_tensor(image[box]).to(device)).item())

    return score


def rectangle(mask: Mask) -> tuple[slice, slice]:
    """The box that ``mask`` fills: pyiqa scores images, not masks. Raises SampleError for other shapes."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if not mask[box].all():
        raise SampleError("the region is not a rectangle, and pyiqa scores whole images only")
    return box
