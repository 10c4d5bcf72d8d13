"""Swin transformer layers of DATSR's residual feature aggregation, with the official state_dict keys.

The blocks work on images in NHWC layout, one row of windows at a time: a slab of 8 image rows stays in
the cache through normalisation, attention and MLP. That, fused attention and four masks instead of
one per window make them several times faster than the usual roll / partition / reverse over whole
images, with the same result.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refbench.nets.vgg import conv3x3

from .swin_attention import WindowAttention, shift_mask, shift_masks


class Mlp(nn.Module):
    """fc2(GELU(fc1(x))), GELU with erf."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(..., dim) -> (..., dim)."""
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


def _drop_path(x: Tensor, rate: float) -> Tensor:
    """Stochastic depth: drop whole images of the batch, (B, ...), keeping the expectation."""
    keep = torch.rand(x.shape[0], *([1] * (x.dim() - 1)), device=x.device) >= rate
    return x * keep.to(x.dtype) / (1.0 - rate)


class SwinTransformerBlock(nn.Module):
    """z += Attn(norm1 z); z += MLP(norm2 z), in windows of the image shifted by ``shift``."""

    attn_mask: Tensor

    def __init__(
        self,
        dim: int,
        heads: int,
        window: int,
        shift: int,
        mlp_ratio: float,
        drop: float,
        nominal: int | None,
    ) -> None:
        super().__init__()
        self.window = window
        self.shift = shift
        self.drop = drop
        if shift and nominal is not None:
            # Part of the official checkpoints. The forward pass uses four masks for any size instead;
            # refbench.weights checks that the loaded buffer says the same.
            self.register_buffer("attn_mask", shift_masks(nominal, nominal, window, shift))
        self.norm1 = nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, window, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))

    def forward(self, image: Tensor) -> Tensor:
        """(B, H, W, C) -> the same; in place, slab by slab, unless gradients are recorded."""
        if torch.is_grad_enabled():
            return self._differentiable(image)
        down, across = image.shape[1] // self.window, image.shape[2] // self.window
        bias = self.attn.bias()
        inner, last = (self._biases(bias, last_row, across) for last_row in (False, True))
        for picture in image:
            for row in range(down):
                slab = self._windows(picture, row, across)
                slab = slab + self.attn(self.norm1(slab), last if row == down - 1 else inner)
                slab += self.mlp(self.norm2(slab))
                self._put(picture, row, across, slab)
        return image

    def _biases(self, bias: Tensor, last_row: bool, across: int) -> list[tuple[int, Tensor]]:
        """Position bias plus shift mask for one row of windows: alike but for the last window."""
        if not self.shift:
            return [(across, bias)]
        inner, corner = (
            # made where the bias is: copying it to a card would wait for the card
            bias + shift_mask(self.window, self.shift, last_row, last, bias.device).to(bias)
            for last in (False, True)
        )
        return [(across - 1, inner), (1, corner)] if across > 1 else [(1, corner)]

    def _windows(self, picture: Tensor, row: int, across: int) -> Tensor:
        """(across, window^2, C) copy of one row of windows of ``picture`` (H, W, C)."""
        w, top = self.window, row * self.window + self.shift
        slab = picture[top : top + w]
        if slab.shape[0] < w:
            slab = torch.cat((slab, picture[: w - slab.shape[0]]))
        if self.shift:
            slab = torch.cat((slab[:, self.shift :], slab[:, : self.shift]), dim=1)
        channels = picture.shape[2]
        return slab.reshape(w, across, w, channels).transpose(0, 1).reshape(across, w * w, channels)

    def _put(self, picture: Tensor, row: int, across: int, windows: Tensor) -> None:
        """The inverse of :meth:`_windows`, written into ``picture``."""
        w, top, width = self.window, row * self.window + self.shift, picture.shape[1]
        slab = windows.view(across, w, w, -1).transpose(0, 1)
        whole = min(w, picture.shape[0] - top)
        for rows, into in (
            (slice(0, whole), slice(top, top + whole)),
            (slice(whole, w), slice(0, w - whole)),
        ):
            if rows.start == rows.stop:
                continue
            target, source = picture[into], slab[rows].reshape(rows.stop - rows.start, width, -1)
            target[:, self.shift :] = source[:, : width - self.shift]
            if self.shift:
                target[:, : self.shift] = source[:, width - self.shift :]

    def _differentiable(self, image: Tensor) -> Tensor:
        """The same arithmetic on whole images and without writing in place."""
        batch, height, width, channels = image.shape
        w, down, across = self.window, height // self.window, width // self.window
        bias = self.attn.bias()
        if self.shift:
            masks = shift_masks(height, width, w, self.shift, bias.device).to(bias)
            bias = (bias + masks[:, None]).repeat(batch, 1, 1, 1)
        x = (
            torch.roll(self.norm1(image), (-self.shift, -self.shift), (1, 2))
            if self.shift
            else self.norm1(image)
        )
        x = x.view(batch, down, w, across, w, channels).transpose(2, 3).reshape(-1, w * w, channels)
        x = self.attn(x, [(x.shape[0], bias)])
        x = x.view(batch, down, across, w, w, channels).transpose(2, 3).reshape(image.shape)
        if self.shift:
            x = torch.roll(x, (self.shift, self.shift), (1, 2))
        dropping = self.training and self.drop > 0
        image = image + (_drop_path(x, self.drop) if dropping else x)
        x = self.mlp(self.norm2(image))
        out: Tensor = image + (_drop_path(x, self.drop) if dropping else x)
        return out


class _ResidualGroup(nn.Module):
    """Holds the blocks under the official key ``residual_group.blocks``."""

    def __init__(self, blocks: list[SwinTransformerBlock]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, image: Tensor) -> Tensor:
        for block in self.blocks:
            image = block(image)
        return image


class Rstb(nn.Module):
    """Residual Swin transformer block: a group of blocks, a convolution, and the input added."""

    def __init__(self, dim: int, blocks: list[SwinTransformerBlock]) -> None:
        super().__init__()
        self.residual_group = _ResidualGroup(blocks)
        self.conv = conv3x3(dim, dim)

    def forward(self, image: Tensor) -> Tensor:
        """(B, H, W, C) -> the same; the input is left unchanged."""
        x = self.residual_group(image if torch.is_grad_enabled() else image.clone())
        # NHWC memory is what channels-last convolutions read: no layout copy on either side
        out: Tensor = image + self.conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return out


class _PatchEmbed(nn.Module):
    """The normalisation of the tokens (official key ``patch_embed.norm``)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.norm(image)
        return out


class SwinLayers(nn.Module):
    """DATSR's SwinBlock: token norm, RSTBs, norm (SwinIR's deep feature part without the last conv).

    ``nominal``: size for which the official net stores mask buffers; None stores none. Height and
    width must be multiples of ``window``; ValueError otherwise.
    """

    def __init__(
        self,
        dim: int,
        depths: tuple[int, ...],
        heads: tuple[int, ...],
        window: int = 8,
        mlp_ratio: float = 2.0,
        drop_path: float = 0.1,
        nominal: int | None = None,
    ) -> None:
        super().__init__()
        self.window = window
        self.patch_embed = _PatchEmbed(dim)
        rates = torch.linspace(0, drop_path, max(sum(depths), 1)).tolist()
        layers, first = [], 0
        for depth, number in zip(depths, heads, strict=True):
            blocks = [
                SwinTransformerBlock(
                    dim,
                    number,
                    window,
                    0 if b % 2 == 0 else window // 2,
                    mlp_ratio,
                    rates[first + b],
                    nominal,
                )
                for b in range(depth)
            ]
            layers.append(Rstb(dim, blocks))
            first += depth
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        if x.shape[2] % self.window or x.shape[3] % self.window:
            raise ValueError(f"size {tuple(x.shape[2:])} is not a multiple of the window, {self.window}")
        image = self.patch_embed(x.permute(0, 2, 3, 1).contiguous())
        for layer in self.layers:
            image = layer(image)
        out: Tensor = self.norm(image)
        return out.permute(0, 3, 1, 2)
