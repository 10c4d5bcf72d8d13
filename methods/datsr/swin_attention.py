"""Window attention of Swin transformers: position bias, shift masks, and attention inside windows."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MASKED = -100.0
"""Added to the score of two tokens that only became neighbours by the cyclic shift."""


def relative_position_index(window: int) -> Tensor:
    """(window^2, window^2) int64: (dy + window-1) * (2 window - 1) + dx + window-1, d = query - key."""
    axis = torch.arange(window)
    y, x = (a.reshape(-1) for a in torch.meshgrid(axis, axis, indexing="ij"))
    dy, dx = y[:, None] - y[None, :], x[:, None] - x[None, :]
    return (dy + window - 1) * (2 * window - 1) + dx + window - 1


def _edge_labels(window: int, shift: int, last: bool, device: torch.device | None) -> Tensor:
    """Region of each of a window's rows (or columns): in the last window the wrapped part differs."""
    labels = torch.zeros(window, dtype=torch.int64, device=device)
    if last:
        labels[window - shift :] = 1
    return labels


def shift_mask(
    window: int, shift: int, last_row: bool, last_column: bool, device: torch.device | None = None
) -> Tensor:
    """(window^2, window^2) float32 mask of one window: 0 or :data:`MASKED`; made on ``device``.

    After a cyclic shift only the last row and the last column of windows mix regions, so four masks
    describe an image of any size.
    """
    rows = _edge_labels(window, shift, last_row, device)
    columns = _edge_labels(window, shift, last_column, device)
    label = (2 * rows[:, None] + columns[None, :]).reshape(-1)
    differ = label[:, None] != label[None, :]
    return torch.zeros(differ.shape, device=device).masked_fill_(differ, MASKED)


def shift_masks(
    height: int, width: int, window: int, shift: int, device: torch.device | None = None
) -> Tensor:
    """(windows, window^2, window^2) masks of all windows, row-major: the checkpoint's ``attn_mask``."""
    down, across = height // window, width // window
    kinds = {
        (r, c): shift_mask(window, shift, r, c, device) for r in (False, True) for c in (False, True)
    }  # fmt: skip
    return torch.stack([kinds[i == down - 1, j == across - 1] for i in range(down) for j in range(across)])


class WindowAttention(nn.Module):
    """Multi-head self-attention inside windows with a learned relative position bias."""

    relative_position_index: Tensor

    def __init__(self, dim: int, window: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.window = window
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        self.register_buffer("relative_position_index", relative_position_index(window))
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def bias(self) -> Tensor:
        """(heads, window^2, window^2) position bias."""
        tokens = self.window * self.window
        table = self.relative_position_bias_table[self.relative_position_index.view(-1)]
        return table.view(tokens, tokens, self.heads).permute(2, 0, 1).contiguous()

    def forward(self, windows: Tensor, biases: list[tuple[int, Tensor]]) -> Tensor:
        """(n, window^2, dim) -> the same; ``biases`` lists (count, bias + mask) over consecutive windows.

        A bias is (heads, t, t) or one per window, (count, heads, t, t).
        """
        count, tokens, dim = windows.shape
        qkv = self.qkv(windows).view(count, tokens, 3, self.heads, dim // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        parts = []
        start = 0
        for number, bias in biases:
            stop = start + number
            mask = bias if bias.dim() == 4 else bias.expand(number, -1, -1, -1)
            parts.append(
                F.scaled_dot_product_attention(query[start:stop], key[start:stop], value[start:stop], mask)
            )
            start = stop
        attended = parts[0] if len(parts) == 1 else torch.cat(parts)
        out: Tensor = self.proj(attended.transpose(1, 2).reshape(count, tokens, dim))
        return out
