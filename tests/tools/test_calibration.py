"""tools/calibration.py: what its page says about other implementations holds."""

from __future__ import annotations

import re

import calibration
import pytest

PAGE = calibration.PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("source", "bound"),
    [(calibration.official, 2e-6), (calibration.scikit_image, 1e-12), (calibration.basicsr, 1e-6)],
)
def test_differences_are_within_those_of_the_page(source: object, bound: float) -> None:
    rows = list(source(calibration.pairs(2)))  # type: ignore[operator]
    assert len(rows) >= 4
    for row in rows:
        assert row.largest <= bound, row.line()
        name = re.sub(r" [\d.]+$", "", row.other)
        assert re.search(rf"^\| `{re.escape(row.ours)}` \| {re.escape(name)}", PAGE, re.MULTILINE), row.line()


def test_a_wrong_metric_would_be_seen() -> None:
    images = calibration.pairs(1)
    row = calibration.compare("psnr_y", "no luma", "dB", calibration.ours("psnr_rgb"), images)
    assert row.largest > 0.5
