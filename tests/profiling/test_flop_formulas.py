"""FLOPs against closed formulas."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torchvision.ops import deform_conv2d

from refbench.execution.measure.flops import flop_counter
from refbench.matching import match
from refbench.nets.dyn_agg import DynamicAggregation
from refbench.profiling.counting import count_work
from refbench.stages import stage


def counted(call: Callable[[], object]) -> int:
    with torch.inference_mode(), flop_counter() as counter:
        call()
    return counter.get_total_flops()


def test_a_convolution() -> None:
    x, w = torch.randn(2, 3, 6, 7), torch.randn(5, 3, 3, 3)
    assert counted(lambda: F.conv2d(x, w, padding=1)) == 2 * (2 * 5 * 6 * 7) * (3 * 3 * 3)


@pytest.mark.parametrize("masked", [False, True])
def test_a_deformable_convolution_samples_and_convolves(masked: bool) -> None:
    x, w = torch.randn(1, 8, 5, 6), torch.randn(4, 4, 3, 3)
    offset = torch.zeros(1, 2 * 2 * 9, 5, 6)
    mask = torch.ones(1, 2 * 9, 5, 6) if masked else None
    found = counted(lambda: deform_conv2d(x, offset, w, padding=1, mask=mask))
    sampled = 8 * (8 * 9 * 5 * 6)
    assert found == sampled + 2 * (4 * 5 * 6) * (4 * 9)


def test_gathers_count_as_the_operator_that_they_replace() -> None:
    torch.manual_seed(0)
    layer = DynamicAggregation(8, groups=2)
    reference, feature = torch.randn(1, 8, 5, 6), torch.randn(1, 8, 5, 6)
    offset = torch.zeros(1, 9, 5, 6, 2)
    offset_branch = 2 * (27 * 2 * 5 * 6) * (8 * 9)
    as_gathers = counted(lambda: layer(reference, feature, offset, None))
    assert as_gathers == offset_branch + 8 * (8 * 9 * 5 * 6) + 2 * (8 * 5 * 6) * (8 * 9)


@pytest.mark.parametrize("masked", [False, True])
def test_attention_is_two_products_a_head(masked: bool) -> None:
    q, k, v = (torch.randn(3, 2, 16, 8) for _ in range(3))
    mask = torch.zeros(3, 2, 16, 16) if masked else None
    found = counted(lambda: F.scaled_dot_product_attention(q, k, v, mask))
    assert found == 2 * (2 * 3 * 2 * 16 * 16 * 8)


def test_an_embedding_bag_counts_its_weights() -> None:
    table, index = torch.randn(10, 6), torch.randint(10, (4, 3))
    weights = torch.rand(4, 3)
    assert counted(lambda: F.embedding_bag(index, table, mode="sum")) == 4 * 3 * 6
    assert counted(lambda: F.embedding_bag(index, table, per_sample_weights=weights, mode="sum")) == (
        2 * 4 * 3 * 6
    )


def test_sampling_on_a_grid() -> None:
    x, grid = torch.randn(1, 3, 5, 5), torch.zeros(1, 4, 7, 2)
    assert counted(lambda: F.grid_sample(x, grid, align_corners=False)) == 8 * (3 * 4 * 7)
    assert counted(lambda: F.grid_sample(x, grid, mode="nearest", align_corners=False)) == 0


@pytest.mark.parametrize("flavour", ["c2", "ttsr"])
def test_products_inside_the_matcher_are_counted(flavour: str) -> None:
    query, reference = torch.randn(16, 12, 11), torch.randn(16, 10, 13)
    found = counted(lambda: match(query, reference, flavour=flavour))  # type: ignore[arg-type]
    pad = 2 if flavour == "ttsr" else 0
    least = 2 * 16 * (12 + pad) * (11 + pad) * (10 + pad) * (13 + pad)
    # tiles overlap by a patch, so a little more than one product of all pixel pairs
    assert least <= found <= 1.6 * least


def test_stages_get_what_runs_inside_them() -> None:
    a = torch.randn(8, 8)

    def call() -> None:
        a @ a
        with stage("extract"):
            a @ a
        with stage("match"):
            a @ a
            with stage("inner"):
                a @ a
        with stage("match"):
            a @ a

    stages, other, total = count_work(call)
    product = 2 * 8**3
    assert {name: work.flops for name, work in stages.items()} == {
        "extract": product,
        "inner": product,
        "match": 3 * product,
    }
    assert (other.flops, total.flops) == (product, 5 * product)
    assert total.operator_bytes == 5 * 3 * 8 * 8 * 4


def test_torchs_own_table_is_left_alone() -> None:
    from torch.utils.flop_counter import flop_registry

    before = dict(flop_registry)
    counted(lambda: deform_conv2d(torch.ones(1, 1, 3, 3), torch.zeros(1, 18, 1, 1), torch.ones(1, 1, 3, 3)))
    assert flop_registry == before
