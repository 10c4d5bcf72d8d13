"""The built-in metrics, as plain data (no torch, no numpy)."""

from __future__ import annotations

from refbench.specs import MetricSpec

SCALE = 4
"""The official crop is the scale: RefSR is x4 (C2-Matching and DATSR, crop_border = scale)."""


def _psnr(alias: str, space: str, crop: int, title: str) -> MetricSpec:
    return MetricSpec(
        alias=alias,
        signature=f"psnr|space={space}|range=255|round=u8|crop={crop}|v1",
        target="refbench.metrics.psnr:factory",
        unit="dB",
        decimals=2,
        title=title,
        options={"space": space, "crop": crop},
        # the worst of two 8-bit images: all black against all white
        bounds=(0.0, None),
    )


def _ssim(alias: str, space: str, crop: int, title: str) -> MetricSpec:
    return MetricSpec(
        alias=alias,
        signature=f"ssim|space={space}|range=255|round=u8|win=g11s1.5|valid|crop={crop}|v1",
        target="refbench.metrics.ssim:factory",
        decimals=4,
        title=title,
        options={"space": space, "crop": crop},
        bounds=(-1.0, 1.0),
    )


def _lpips(net: str, title: str) -> MetricSpec:
    return MetricSpec(
        alias=f"lpips_{net}",
        signature=f"lpips|net={net}|lin=v0.1|range=pm1|round=u8|crop=0|v1",
        target="refbench.metrics.lpips:factory",
        higher_is_better=False,
        title=title,
        licence="BSD-2-Clause",
        options={"net": net},
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

METRICS: tuple[MetricSpec, ...] = (
    _psnr("psnr_y", "y601", SCALE, "PSNR-Y"),
    _ssim("ssim_y", "y601", SCALE, "SSIM-Y"),
    _psnr("psnr_rgb", "rgb", SCALE, "PSNR-RGB"),
    _ssim("ssim_rgb", "rgb", SCALE, "SSIM-RGB"),
    _psnr("psnr_y_c0", "y601", 0, "PSNR-Y c0"),
    _ssim("ssim_y_c0", "y601", 0, "SSIM-Y c0"),
    _lpips("alex", "LPIPS-Alex"),
    _lpips("vgg", "LPIPS-VGG"),
    MetricSpec(
        alias="stlpips",
        signature="stlpips|net=alex|variant=shift_tolerant|weights=vST0.0|range=pm1|round=u8|crop=0|v1",
        target="refbench.metrics.stlpips:factory",
        higher_is_better=False,
        title="ST-LPIPS",
        licence="BSD-2-Clause (weights from the stlpips-pytorch wheel)",
        bounds=(0.0, None),
    ),
    *MATCHING,
)

DEFAULT_METRICS: tuple[str, ...] = ("psnr_y", "ssim_y", "psnr_rgb")
"""The canonical three (protocol ``canonical``)."""
