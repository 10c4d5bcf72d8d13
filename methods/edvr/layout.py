"""The two layouts of EDVR checkpoints: BasicSR's names, which the net here has, and those of 2019."""

from __future__ import annotations

import re
from collections.abc import Iterable

RULES: tuple[tuple[str, str], ...] = (
    (r"^fea_L(\d)_conv(\d)", r"conv_l\1_\2"),
    (r"^pcd_align\.L(\d)_offset_conv(\d)", r"pcd_align.offset_conv\2.l\1"),
    (r"^pcd_align\.L(\d)_dcnpack", r"pcd_align.dcn_pack.l\1"),
    (r"^pcd_align\.L(\d)_fea_conv", r"pcd_align.feat_conv.l\1"),
    (r"^recon_trunk", "reconstruction"),
    (r"^HRconv", "conv_hr"),
    # the numbers are crossed: the convolution of the centre frame is tAtt_2 there and temporal_attn1 here.
    # Their shapes are equal, so nothing else would notice a swap.
    (r"^tsa_fusion\.tAtt_1", "fusion.temporal_attn2"),
    (r"^tsa_fusion\.tAtt_2", "fusion.temporal_attn1"),
    (r"^tsa_fusion\.fea_fusion", "fusion.feat_fusion"),
    (r"^tsa_fusion\.sAtt_add_(\d)", r"fusion.spatial_attn_add\1"),
    (r"^tsa_fusion\.sAtt_L(\d)", r"fusion.spatial_attn_l\1"),
    (r"^tsa_fusion\.sAtt_(\d)", r"fusion.spatial_attn\1"),
    (r"^tsa_fusion", "fusion"),
)
"""First match wins."""


def basicsr_name(name: str) -> str:
    """BasicSR's name of a tensor or module of either layout."""
    for pattern, replacement in RULES:
        changed, count = re.subn(pattern, replacement, name)
        if count:
            name = changed
            break
    return re.sub(r"\.conv_offset_mask(?=\.|$)", ".conv_offset", name)


def foreign_layout(names: Iterable[str]) -> str:
    """Why tensors of these names cannot be read, as the middle of an error line; empty when they may be."""
    names = tuple(names)
    if any(name.startswith(("pre_deblur.", "predeblur.")) for name in names):
        return "is an EDVR with a deblurring stem, which is not hosted; give one of the x4 SR checkpoints"
    if any(re.match(r"conv_first_[123]\.", name) for name in names):
        return "is an EDVR for input of HR size, which is not hosted; give one of the x4 SR checkpoints"
    if any(name.startswith(("generator.", "feat_l2_conv1.", "pcd_alignment.")) for name in names):
        return "has MMagic's layout, which is not hosted; give the checkpoint of BasicSR or of EDVR (2019)"
    return ""
