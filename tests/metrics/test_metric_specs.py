from __future__ import annotations

import subprocess
import sys

import pytest

from refbench.errors import UserError
from refbench.metrics import DEFAULT_METRICS, METRICS, MetricCatalog

CATALOG = MetricCatalog(METRICS)


def test_aliases_are_the_documented_ones() -> None:
    aliases = [spec.alias for spec in METRICS if spec.kind == "image"]
    assert aliases == [
        "psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb", "psnr_y_c0", "ssim_y_c0",
        "lpips_alex", "lpips_vgg", "stlpips", "dists", "niqe",
    ]  # fmt: skip
    assert len({spec.signature for spec in METRICS}) == len(METRICS)


def test_signature_of_psnr_y_is_fixed() -> None:
    # stored results are joined on this text: changing it orphans them
    assert CATALOG.of_names(["psnr_y"])[0].signature == "psnr|space=y601|range=255|round=u8|crop=4|v1"


def test_resolve_keeps_order_and_drops_repeats() -> None:
    specs = CATALOG.of_names(["ssim_y", "psnr_y", "ssim_y"])
    assert [spec.alias for spec in specs] == ["ssim_y", "psnr_y"]
    assert [spec.alias for spec in CATALOG.of_names(DEFAULT_METRICS)] == ["psnr_y", "ssim_y", "psnr_rgb"]


def test_resolve_takes_signatures() -> None:
    for spec in METRICS:
        assert CATALOG.of_names([spec.signature]) == (spec,)
        assert CATALOG.by_signature(spec.signature) is spec


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("psnry", "no metric 'psnry'; did you mean 'psnr_y'?"),
        ("lpips_alx", "no metric 'lpips_alx'; did you mean 'lpips_alex'?"),
        ("pyiqa:dist", "no pyiqa metric 'dist'; did you mean 'dists'?"),
        (
            "pyiqa:fid",
            "metric 'pyiqa:fid' scores a set of images, pyiqa:NAME needs a value per image; "
            "refbench has fid and kid",
        ),
    ],
)
def test_misspelt_names_get_suggestions(name: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        CATALOG.of_names([name])
    assert str(caught.value) == message


def test_no_names_is_an_error() -> None:
    with pytest.raises(UserError, match=r"metrics= is empty; name at least one, e\.g\. metrics=\[psnr_y"):
        CATALOG.of_names([])


def test_pyiqa_directions_and_references() -> None:
    dists, niqe, musiq = CATALOG.of_names(["pyiqa:dists", "pyiqa:niqe", "pyiqa:musiq"])
    assert (dists.higher_is_better, dists.needs_target) == (False, True)
    assert (niqe.higher_is_better, niqe.needs_target) == (False, False)
    assert (musiq.higher_is_better, musiq.needs_target) == (True, False)


def test_pyiqa_signature_of_another_version_is_kept() -> None:
    signature = "pyiqa|name=dists|range=1|round=u8|crop=0|pkg=0.1.99|v1"
    spec = CATALOG.by_signature(signature)
    assert (spec.alias, spec.signature) == ("pyiqa:dists", signature)
    with pytest.raises(UserError, match=r"no metric signature 'psnr\|v0'"):
        CATALOG.by_signature("psnr|v0")


def test_planning_imports_nothing_heavy() -> None:
    code = (
        "import sys; from refbench.metrics import METRICS, MetricCatalog;"
        "MetricCatalog(METRICS).of_names(['psnr_y', 'lpips_alex', 'pyiqa:dists']);"
        "print([m for m in ('torch', 'skimage', 'lpips', 'pyiqa', 'scipy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
