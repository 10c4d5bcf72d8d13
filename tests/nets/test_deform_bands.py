"""Dynamic aggregation in bands of rows, and under autocast: the same texture."""

from __future__ import annotations

import pytest
import torch

from refbench.nets.deform import deform_conv
from refbench.nets.dyn_agg import DynamicAggregation


@pytest.mark.parametrize(
    ("tall", "rows"), [(9, 1), (9, 2), (9, 4), (23, 7), (40, 13), (12, 11), (3, 2), (2, 1)]
)
def test_a_band_of_rows_equals_those_of_the_whole(tall: int, rows: int) -> None:
    rng = torch.Generator().manual_seed(tall + rows)
    source = torch.randn(2, 4, tall, 11, generator=rng)
    offset = 3 * torch.randn(2, 36, tall, 11, generator=rng)
    mask = torch.rand(2, 18, tall, 11, generator=rng)
    weight, bias = torch.randn(5, 4, 3, 3, generator=rng), torch.randn(5, generator=rng)
    with torch.no_grad():
        whole = deform_conv(source, offset, mask, weight, bias, 2)
        band = deform_conv(source, offset[:, :, :rows], mask[:, :, :rows], weight, bias, 2)
    assert band.shape == (2, 5, rows, 11)
    torch.testing.assert_close(band, whole[:, :, :rows], rtol=1e-4, atol=1e-4)


def _aggregation(height: int, width: int) -> tuple[DynamicAggregation, tuple[torch.Tensor, ...]]:
    rng = torch.Generator().manual_seed(1)
    net = DynamicAggregation(8, groups=2, max_residue=4.0, similarity_in_mask=True)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1, generator=rng)
    reference = torch.randn(1, 8, height + 5, width, generator=rng)
    feature = torch.randn(1, 8, height, width, generator=rng)
    pre = torch.randint(-4, 5, (1, 9, height, width, 2), generator=rng).float()
    return net.eval(), (reference, feature, pre, torch.rand(1, 1, height, width, generator=rng))


@pytest.mark.parametrize("origin", [(0, 0), (3, 2)])
def test_bands_equal_the_path_of_the_cpu(origin: tuple[int, int]) -> None:
    net, (reference, feature, pre, similarity) = _aggregation(21, 16)
    with torch.no_grad():
        wanted = net(reference, feature, pre, similarity, origin)
        raw = net.conv_offset_mask(feature)
        for column_mb in (0.004, 0.03, 32.0):
            found = net.in_bands(reference, raw, pre, similarity, origin, column_mb)
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_autocast_computes_the_sampling_in_float32() -> None:
    net, inputs = _aggregation(12, 10)
    with torch.no_grad():
        wanted = net(*inputs)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = net(*inputs)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, wanted, rtol=0, atol=0.05)
