"""What the fused matcher hands to the GEMM and to its kernel on CUDA, shown without a card: no values."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from refbench.matching import checks
from refbench.matching.features import prepare
from refbench.matching.flavours import FLAVOURS
from refbench.matching.fused import Launch, fused_search, plan_slabs, slab_problem
from refbench.matching.operands import PRECISIONS, within_range
from refbench.matching.task import Task

CARD = torch.device("cuda:0")


@pytest.fixture(autouse=True)
def checks_are_put_off() -> Iterator[None]:
    token = checks._pending.set([])
    yield
    checks._pending.reset(token)


@pytest.mark.parametrize("flavour", ["c2", "srntt"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_types_layout_and_no_value_read(precision: str, flavour: str) -> None:
    """Reading a value would be an error here; operators that do not take these types would be, too."""
    style, multiplied, launches = FLAVOURS[flavour], [], []
    real = torch.mm

    def mm(query: torch.Tensor, reference: torch.Tensor, **rest: object) -> torch.Tensor:
        multiplied.append((query, reference))
        return real(query, reference, **rest)  # type: ignore[call-overload,no-any-return]

    with FakeTensorMode(), torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "mm", mm)
        query_features, reference_features = (
            within_range(
                prepare(
                    torch.empty(16, *size, device=CARD),
                    name="x", patch=3, stride=1, padding=0, per_pixel=style.per_pixel,
                ),
                precision,
            )
            for size in ((20, 18), (22, 17))
        )  # fmt: skip
        inverse = style.inverse(reference_features.patch_norm)
        task = Task(query_features, reference_features, inverse, None, 3, 1, 64.0, precision)
        slabs = plan_slabs(slab_problem(task), 64.0)
        assert slabs is not None
        score, index = fused_search(task, 4, slabs, splits=2, launch=launches.append)
    assert (tuple(score.shape), score.dtype, index.dtype) == ((4, 18, 16), torch.float32, torch.int64)
    tall = precision in ("tf32", "bf16", "fp16")
    kind = {"bf16": torch.bfloat16, "bf16x3": torch.bfloat16, "fp16": torch.float16}
    for query, reference in multiplied:
        assert query.dtype == reference.dtype == kind.get(precision, torch.float32)
        # rows of channels, of a round length: what a tensor core reads at its full rate
        assert query.stride() == (query.shape[1], 1)
        assert reference.stride() == (1, reference.shape[0])
        assert query.shape[1] == 16 * 3 if tall or precision == "bf16x3" else 16
    call: Launch
    for call in launches:
        assert call.product.dtype == torch.float32
        assert call.line % 16 == 8
        assert call.taps == ((1, 3) if tall else (3, 3))
