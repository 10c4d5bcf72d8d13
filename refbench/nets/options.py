"""Options and files that the hosted nets share, as plain data for their specs (no torch)."""

from __future__ import annotations

from refbench.specs import Param, WeightsFile

MULTI = ("first", "stitch", "best", "per_patch", "average")
MULTI_PARAM = Param(
    "first",
    "several references: first (most similar), stitch (images on black, stacked), best (highest mean "
    "similarity), per_patch (one exact search over all), average (one run per reference, images weighed by "
    "match confidence)",
    MULTI,
)

FUSE_PARAM = Param("fuse", "several references: fuse (all of them, by the net itself, any number)", ("fuse",))

PADDING_PARAM = Param(
    "inside",
    "inside: any sizes, nothing padded is matched; official: zero-pad LR and reference to the larger",
    ("inside", "official"),
)

APPROX = ("pca", "coarse", "patchmatch")
APPROX_PARAM = Param(
    None,
    "search only some positions, for maps too large for the exact search: pca (64 components, best 8 "
    "re-ranked), coarse (half resolution first), patchmatch; rows record the recall, tables the name",
    (None, *APPROX),
)

VGG19 = WeightsFile(
    role="vgg19",
    name="vgg19-dcbb9e9d.pth",
    sha256_prefix="dcbb9e9d",
    hub=True,
    source="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
    url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
    licence="BSD-3-Clause (torchvision)",
)
