"""The built-in metrics, as plain data (no torch, no numpy)."""

from __future__ import annotations

from refbench.specs import MetricSpec

CROP = 4
"""Of the aliases without a parameter: the official crop is the scale, x4 (C2-Matching and DATSR); a card of
another scale says its own."""
PLACES = {"crop": (), "region": ()}
ROUND = ("none",)
"""SR as the method returned it, clamped but not rounded to 8 bits: known during the run only."""
SPACES = ("rgb", "y601", "gray")


def _psnr(alias: str, space: str, crop: int, title: str) -> MetricSpec:
    return MetricSpec(
        alias=alias,
        signature=f"psnr|space={space}|range=255|round=u8|crop={crop}|v1",
        target="refbench.metrics.psnr:factory",
        unit="dB",
        decimals=2,
        title=title,
        options={"space": space, "crop": crop},
        parameters={"space": SPACES, "variant": ("pyiqa",), "round": ROUND, **PLACES},
        # the worst of two 8-bit images: all black against all white
        bounds=(0.0, None),
    )


def _ssim(alias: str, space: str, crop: int, title: str) -> MetricSpec:
    return MetricSpec(
        alias=alias,
        signature=f"ssim|space={space}|range=255|round=u8|win=g11s1.5|valid|crop={crop}|v1",
        target="refbench.metrics.ssim:factory",
        paper="Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, 2004",
        bibtex="wang2004ssim",
        decimals=4,
        title=title,
        options={"space": space, "crop": crop},
        parameters={"space": SPACES, "variant": ("pyiqa", "skimage"), "round": ROUND, **PLACES},
        bounds=(-1.0, 1.0),
    )


def _lpips(net: str, title: str) -> MetricSpec:
    return MetricSpec(
        alias=f"lpips_{net}",
        signature=f"lpips|net={net}|lin=v0.1|range=pm1|round=u8|crop=0|v1",
        target="refbench.metrics.lpips:factory",
        paper="Zhang et al., The Unreasonable Effectiveness of Deep Features, CVPR 2018",
        bibtex="zhang2018lpips",
        higher_is_better=False,
        title=title,
        licence="BSD-2-Clause",
        options={"net": net, "crop": 0},
        parameters={"mean": ("spatial", "strips"), "round": ROUND, **PLACES},
        bounds=(0.0, None),
    )


def _matching(alias: str, what: str, title: str, unit: str, better: bool) -> MetricSpec:
    return MetricSpec(
        alias=alias,
        signature=f"matching|{what}|px=hr|queries=lr-grid|k=1|v1",
        target="refbench.matching.accuracy:match_accuracy",
        higher_is_better=better,
        unit=unit,
        decimals=2 if unit else 3,
        needs_target=False,
        kind="matching",
        title=title,
        bounds=(0.0, None if unit else 1.0),
    )


MATCHING: tuple[MetricSpec, ...] = (
    _matching("match_epe", "epe", "match EPE", "px", better=False),
    _matching("match_pck1", "pck=1", "PCK@1", "", better=True),
    _matching("match_pck2", "pck=2", "PCK@2", "", better=True),
    _matching("match_pck4", "pck=4", "PCK@4", "", better=True),
    _matching("match_pck4_ceiling", "pck=4|ceiling", "PCK@4 ceiling", "", better=True),
    _matching("match_inside", "inside", "in overlap", "", better=True),
)
"""Scores of a method's own matches, for protocols that know the true correspondence."""

SETS: tuple[MetricSpec, ...] = (
    MetricSpec(
        alias="fid",
        signature="fid|net=inception-2015-12-05|resize=clean|patch=0|crop=0|v1",
        target="refbench.metrics.sets:factory",
        paper="Heusel et al., GANs Trained by a Two Time-Scale Update Rule, NeurIPS 2017",
        bibtex="heusel2017fid",
        higher_is_better=False,
        decimals=2,
        kind="set",
        title="FID",
        licence="Apache-2.0 (Inception weights)",
        options={"score": "fid", "patch": 0, "crop": 0},
        parameters={"patch": (), "crop": ()},
        bounds=(0.0, None),
    ),
    MetricSpec(
        alias="kid",
        signature="kid|net=inception-2015-12-05|resize=clean|kernel=poly3|estimate=unbiased|patch=0|crop=0|v1",
        target="refbench.metrics.sets:factory",
        paper="Binkowski et al., Demystifying MMD GANs, ICLR 2018",
        bibtex="binkowski2018kid",
        higher_is_better=False,
        decimals=5,
        kind="set",
        title="KID",
        licence="Apache-2.0 (Inception weights)",
        options={"score": "kid", "patch": 0, "crop": 0},
        parameters={"patch": (), "crop": ()},
    ),
)
"""One value for all images of a cell, see :mod:`refbench.metrics.sets`."""

METRICS: tuple[MetricSpec, ...] = (
    _psnr("psnr_y", "y601", CROP, "PSNR-Y"),
    _ssim("ssim_y", "y601", CROP, "SSIM-Y"),
    _psnr("psnr_rgb", "rgb", CROP, "PSNR-RGB"),
    _ssim("ssim_rgb", "rgb", CROP, "SSIM-RGB"),
    _psnr("psnr_y_c0", "y601", 0, "PSNR-Y c0"),
    _ssim("ssim_y_c0", "y601", 0, "SSIM-Y c0"),
    _lpips("alex", "LPIPS-Alex"),
    _lpips("vgg", "LPIPS-VGG"),
    MetricSpec(
        alias="stlpips",
        signature="stlpips|net=alex|variant=shift_tolerant|weights=vST0.0|range=pm1|round=u8|crop=0|v1",
        target="refbench.metrics.stlpips:factory",
        paper="Ghildyal and Liu, Shift-Tolerant Perceptual Similarity Metric, ECCV 2022",
        bibtex="ghildyal2022stlpips",
        higher_is_better=False,
        title="ST-LPIPS",
        licence="BSD-2-Clause (weights from the stlpips-pytorch wheel)",
        options={"crop": 0},
        parameters={"crop": ()},
        bounds=(0.0, None),
    ),
    MetricSpec(
        alias="dists",
        signature="dists|net=vgg|weights=0.1|resize=none|range=1|round=u8|crop=0|v1",
        target="refbench.metrics.dists:factory",
        paper="Ding et al., Unifying Structure and Texture Similarity, TPAMI 2022",
        bibtex="ding2022dists",
        higher_is_better=False,
        title="DISTS",
        licence="MIT",
        options={"crop": 0},
        parameters={"crop": ()},
        # alpha and beta are not negative and sum to 1; each likeness is at most 1 and at least -1
        bounds=(0.0, 2.0),
    ),
    MetricSpec(
        alias="niqe",
        signature="niqe|space=y601|model=pristine|block=96|resize=matlab|round=luma|crop=0|v1",
        target="refbench.metrics.niqe:factory",
        paper="Mittal et al., Making a Completely Blind Image Quality Analyzer, SPL 2013",
        bibtex="mittal2013niqe",
        higher_is_better=False,
        needs_target=False,
        title="NIQE",
        licence="permissive, see refbench/metrics/data/NOTICE.txt",
        options={"space": "y601", "crop": 0},
        parameters={"space": ("y601", "gray"), "crop": ()},
        bounds=(0.0, None),
    ),
    *SETS,
    *MATCHING,
)

DEFAULT_METRICS: tuple[str, ...] = ("psnr_y", "ssim_y", "psnr_rgb")
"""The canonical three (protocol ``canonical``)."""

HINTS = {
    "lpips": ("lpips_alex", "lpips_vgg"),
    "musiq": ("pyiqa:musiq",),
    "musiq-koniq": ("pyiqa:musiq",),
    "pyiqa:musiq-koniq": ("pyiqa:musiq",),
    "clipiqa": ("pyiqa:clipiqa",),
    "maniqa": ("pyiqa:maniqa",),
    "psnr": ("psnr_y", "psnr_rgb"),
    "ssim": ("ssim_y", "ssim_rgb"),
}
"""Names that people use for what is called otherwise here; an answer, not another alias: the identity of a
number must be chosen. ``musiq-koniq`` was renamed in pyiqa: its default is the KonIQ model."""
