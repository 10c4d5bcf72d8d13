"""NIQE against another implementation: that of mmagic 1.2.0, run on the same images and the same model."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
import skimage.data
from PIL import Image as PilImage

from refbench.errors import SampleError
from refbench.metrics import METRICS, MetricCatalog, build
from refbench.metrics.niqe import niqe
from refbench.types import Image

EXPECTED = {
    "000_0.png": 5.333859814862613,
    "000_1.png": 4.726583410176124,
    "000_3.png": 4.493233831267714,
    "000_4.png": 7.093232106911649,
    "000_5.png": 5.854887719936756,
    "001_3.png": 5.280326695604913,
    "001_5.png": 4.600391736303623,
    "astronaut": 3.143547967070775,
    "chelsea": 2.6255265586038643,
    "coffee": 4.891288603109538,
}
"""niqe_core of mmagic (luma rounded, no crop); its resize is in float32."""


def image(name: str) -> Image:
    if name.endswith(".png"):
        folder = files("refbench.datasets.sample.images")
        with (folder / name).open("rb") as file:
            return np.asarray(PilImage.open(file).convert("RGB"))
    pixels: Image = getattr(skimage.data, name)()[:400, :500]
    return pixels


@pytest.mark.parametrize("name", EXPECTED)
def test_equal_to_another_implementation(name: str) -> None:
    assert niqe(image(name)) == pytest.approx(EXPECTED[name], abs=1e-4)


def test_parameters_and_small_images() -> None:
    spec, cropped = MetricCatalog(METRICS).of_names(["niqe", "niqe:crop=4"])
    photo = image("chelsea")
    assert not spec.needs_target
    assert build(spec)(photo, photo) == niqe(photo)
    assert build(cropped)(photo, photo) == niqe(photo[4:-4, 4:-4])
    with pytest.raises(SampleError, match="too small for NIQE: needs 96 px a side"):
        niqe(photo[:95])
    with pytest.raises(SampleError, match="NIQE needs two blocks of 96x96; 150x120 has one"):
        niqe(photo[:120, :150])
