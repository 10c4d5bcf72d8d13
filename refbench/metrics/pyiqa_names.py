"""Names and directions of the per-image metrics of pyiqa 0.1.16, so that no import is needed to plan a run.

pyiqa is an optional package (extra ``iqa``): its licence is PolyForm-Noncommercial-1.0.0.
The direction is checked against the installed pyiqa when the metric is built.
"""

from __future__ import annotations

from importlib import metadata

from refbench.errors import UserError, unknown
from refbench.specs import MetricSpec

PYIQA_PREFIX = "pyiqa:"

_FR_LOWER = """
lpips lpips-vgg lpips+ lpips-vgg+ stlpips stlpips-vgg dists deepdc gmsd nlpd mad pieapp msswd
afine_fr afine_all_scale afine_all
"""
_FR_HIGHER = """
ahiq ckdn ssim ssimc psnr psnry fsim ms_ssim vif vsi cw_ssim fgresq_pair topiq_fr topiq_fr-pipal
wadiqam_fr dmm
"""
_NR_LOWER = "piqe niqe niqe_matlab ilniqe brisque brisque_matlab pi afine_nr"
_NR_HIGHER = """
nrqm cnniqa musiq musiq-ava musiq-paq2piq musiq-spaq nima nima-koniq nima-spaq nima-vgg16-ava
paq2piq dbcnn maniqa maniqa-pipal maniqa-kadid clipiqa clipiqa+ clipiqa+_vitL14_512
clipiqa+_rn50_512 fgresq tres tres-flive hyperiqa metaiqa uranker entropy topiq_nr topiq_nr-flive
topiq_nr-spaq topiq_nr-face topiq_nr_swin-face topiq_nr-face-v1 topiq_iaa topiq_iaa_res50 laion_aes
liqe liqe_mix wadiqam_nr qalign qalign_8bit qalign_4bit qrealign qrealign-mini qrealign-lite
qrealign-pro compare2score unique arniqa arniqa-live arniqa-csiq arniqa-tid arniqa-kadid
arniqa-clive arniqa-flive arniqa-spaq maclip qualiclip qualiclip+ qualiclip+-clive qualiclip+-flive
qualiclip+-spaq
"""
_NOT_NEGATIVE = """
lpips lpips-vgg lpips+ lpips-vgg+ stlpips stlpips-vgg gmsd nlpd mad psnr psnry vif entropy
"""
_UP_TO_ONE = "ssim ssimc fsim vsi"
"""Bounds that follow from a metric's formula; learned scores have none that could be relied on."""
_PER_SET = ("fid", "sfid", "fid_dinov2", "inception_score", "clipscore")


def _directions() -> dict[str, tuple[bool, bool]]:
    """name -> (higher is better, needs the target)."""
    table: dict[str, tuple[bool, bool]] = {}
    for names, higher, reference in (
        (_FR_LOWER, False, True),
        (_FR_HIGHER, True, True),
        (_NR_LOWER, False, False),
        (_NR_HIGHER, True, False),
    ):
        table.update(dict.fromkeys(names.split(), (higher, reference)))
    return table


def pyiqa_version() -> str:
    """The installed version of pyiqa, or ``none``. Reads package metadata only."""
    try:
        return metadata.version("pyiqa")
    except metadata.PackageNotFoundError:
        return "none"


def pyiqa_spec(name: str) -> MetricSpec:
    """The spec of ``pyiqa:<name>``; the installed version is part of the signature.

    Raises UserError for names that pyiqa does not have and for its metrics of whole image sets.
    """
    if name in _PER_SET:
        own = "; refbench has fid and kid" if name == "fid" else ""
        raise UserError(
            f"metric 'pyiqa:{name}' scores a set of images, pyiqa:NAME needs a value per image{own}"
        )
    table = _directions()
    if name not in table:
        raise unknown("pyiqa metric", name, table)
    higher, reference = table[name]
    return MetricSpec(
        alias=f"{PYIQA_PREFIX}{name}",
        signature=f"pyiqa|name={name}|range=1|round=u8|crop=0|pkg={pyiqa_version()}|v1",
        target="refbench.metrics.pyiqa:factory",
        higher_is_better=higher,
        needs_target=reference,
        title=f"pyiqa {name}",
        licence="PolyForm-Noncommercial-1.0.0",
        options={"name": name, "crop": 0, "device": "cpu"},
        parameters={"crop": (), "region": (), "device": ("cpu", "cuda")},
        bounds=(
            0.0 if name in _NOT_NEGATIVE.split() else None,
            1.0 if name in _UP_TO_ONE.split() else None,
        ),
    )
