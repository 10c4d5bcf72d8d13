"""Limits of the gate that are not numbers it can use."""

from __future__ import annotations

import pytest

from refbench.errors import UserError
from refbench.gate import limits_from


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tolerance": {"psnr_y": "much"}}, "tolerance.psnr_y=much: must be a number from 0"),
        ({"tolerance": {"psnr_y": -1}}, "tolerance.psnr_y=-1: must be a number from 0"),
        ({"tolerance": {}, "image": {"psnr_y": "x"}}, "image.psnr_y=x: must be a number from 0"),
        ({"tolerance": {}, "mode": "strickt"}, "mode=strickt: no such mode; give paired or strict"),
        ({"tolerance": {}, "perf_ratio": 0.5}, "perf.ratio=0.5: must be at least 1"),
    ],
)
def test_bad_limits_are_usage_errors(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as caught:
        limits_from(**arguments)  # type: ignore[arg-type]
    assert str(caught.value) == message
