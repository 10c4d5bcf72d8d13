"""Dynamic aggregation: modulated deformable convolution around matched positions (C2-Matching, DATSR)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from refbench.nets.deform import deform_conv
from refbench.nets.deform_gather import gather_aggregate, gathers
from refbench.nets.vgg import conv3x3

TAPS = 9
"""Taps of the 3x3 kernel."""
COLUMN_MB = 32.0
"""Column buffer of one band of rows on CUDA: it should stay in the second-level cache."""


class DynamicAggregation(nn.Module):
    """Gathers texture from the reference feature at the matched positions plus learned offsets.

    ``max_residue=None`` is C2-Matching: offset = raw + pre. Otherwise DATSR (paper: DP = r tanh(Conv)):
    offset = max_residue * tanh(raw) + pre. ``similarity_in_mask`` multiplies the mask logit by the
    similarity of the match (the released DATSR code; the paper's mask has no such factor).
    ``learned_offsets=False`` and ``learned_mask=False`` switch these parts off, for ablations.
    """

    def __init__(
        self,
        channels: int,
        groups: int = 8,
        max_residue: float | None = None,
        similarity_in_mask: bool = False,
        learned_offsets: bool = True,
        learned_mask: bool = True,
    ) -> None:
        super().__init__()
        self.groups = groups
        self.max_residue = max_residue
        self.similarity_in_mask = similarity_in_mask
        self.learned_offsets = learned_offsets
        self.learned_mask = learned_mask
        self.weight = nn.Parameter(torch.empty(channels, channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(channels))
        # 18 offset channels (y, x per tap) and 9 mask logits a group
        self.conv_offset_mask = conv3x3(channels, 3 * TAPS * groups)
        nn.init.uniform_(self.weight, -((channels * TAPS) ** -0.5), (channels * TAPS) ** -0.5)
        nn.init.zeros_(self.conv_offset_mask.weight)
        nn.init.zeros_(self.conv_offset_mask.bias if self.conv_offset_mask.bias is not None else self.bias)

    def forward(
        self,
        reference: Tensor,
        feature: Tensor,
        pre_offset: Tensor,
        similarity: Tensor | None,
        origin: tuple[int, int] = (0, 0),
    ) -> Tensor:
        """(B, C, H, W) texture for ``feature`` (B, C, H, W) out of ``reference`` (B, C, h, w).

        ``pre_offset``: (B, 9, H, W, 2), x then y in pixels, the same for all groups.
        ``similarity``: (B, 1, H, W), used when ``similarity_in_mask``. ``origin``: (y, x) of the first
        pixel of ``feature``, from which displacements count.
        """
        raw = self.conv_offset_mask(feature)
        if self.similarity_in_mask and similarity is None:
            raise ValueError("similarity_in_mask needs the similarity of the matches")
        used = similarity if self.similarity_in_mask else None
        # sampling has no kernel in half precision: under autocast all of it is computed in float32
        with torch.autocast(raw.device.type, enabled=False):
            reference, raw, pre_offset = reference.float(), raw.float(), pre_offset.float()
            used = None if used is None else used.float()
            if gathers(reference, raw):
                return gather_aggregate(
                    reference,
                    raw,
                    pre_offset,
                    used,
                    self.weight,
                    self.bias,
                    self.groups,
                    self.max_residue,
                    self.learned_offsets,
                    self.learned_mask,
                    origin,
                )
            if torch.is_grad_enabled() or raw.device.type == "cpu":
                return self.sampled(reference, raw, pre_offset, used, origin)
            return self.in_bands(reference, raw, pre_offset, used, origin)

    def in_bands(
        self,
        reference: Tensor,
        raw: Tensor,
        pre_offset: Tensor,
        similarity: Tensor | None,
        origin: tuple[int, int],
        column_mb: float = COLUMN_MB,
    ) -> Tensor:
        """:meth:`sampled` a few rows at a time: offsets, masks and the operator's column buffer, nine times
        the feature map, exist for those rows only. ``column_mb``: what that buffer may take."""
        batch, _, height, width = raw.shape
        row = 4 * batch * TAPS * reference.shape[1] * width
        rows = max(1, int(column_mb * 2**20 // row))
        if rows >= height:
            return self.sampled(reference, raw, pre_offset, similarity, origin)
        parts = []
        for top in range(0, height, rows):
            band = slice(top, min(top + rows, height))
            parts.append(
                self.sampled(
                    reference,
                    raw[:, :, band],
                    pre_offset[:, :, band],
                    None if similarity is None else similarity[:, :, band],
                    (origin[0] + top, origin[1]),
                )
            )
        return torch.cat(parts, dim=2)

    def sampled(
        self,
        reference: Tensor,
        raw: Tensor,
        pre_offset: Tensor,
        similarity: Tensor | None,
        origin: tuple[int, int],
    ) -> Tensor:
        """The texture for all rows of ``raw`` (B, 27 * groups, H, W) at once, by deformable convolution."""
        split = 2 * TAPS * self.groups
        residue, logit = raw[:, :split], raw[:, split:]
        if self.max_residue is not None:
            residue = torch.tanh(residue) * self.max_residue
        if not self.learned_offsets:
            residue = torch.zeros_like(residue)
        if similarity is not None:
            logit = logit * similarity
        mask = torch.sigmoid(logit) if self.learned_mask else torch.ones_like(logit)
        batch, _, height, width = raw.shape
        # even channels are y, odd ones x: (B, 9, H, W, 2) with x first -> (B, 9, 2, H, W) with y first
        matched = pre_offset.flip(-1).permute(0, 1, 4, 2, 3).reshape(batch, 1, 2 * TAPS, height, width)
        offset = residue.reshape(batch, self.groups, 2 * TAPS, height, width) + matched
        if origin != (0, 0):
            # not by a tensor made of a list, whose copy to a card would wait for it
            pairs = offset.reshape(batch, -1, 2, height, width)
            offset = torch.stack((pairs[:, :, 0] + origin[0], pairs[:, :, 1] + origin[1]), dim=2)
        offset = offset.reshape(batch, split, height, width)
        return deform_conv(reference, offset, mask, self.weight, self.bias, self.groups)
