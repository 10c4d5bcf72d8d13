"""The table of the bundled nets: gains over bicubic by reference, from a report's CSV."""

from __future__ import annotations

import bundled_table
import pandas as pd
import pytest


def scores(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["method", "protocol", "metric", "mean"])


def test_gains_over_bicubic_a_row_per_reference() -> None:
    found = bundled_table.table(
        scores(
            ("bicubic", "canonical@1", "psnr_y", 26.0),
            ("bicubic", "canonical@1", "ssim_y", 0.7),
            ("datsr (compact)", "canonical@1", "psnr_y", 32.9),
            ("datsr (compact)", "canonical@1", "ssim_y", 0.9),
            ("datsr (compact)", "canonical@1+jitter@1[level=x1]", "psnr_y", 25.5),
            ("ttsr (compact) [multi=first]", "canonical@1+ref=L2", "psnr_y", 28.0),
            ("ttsr (compact) [multi=per_patch]", "canonical@1+ref=3best", "psnr_y", 28.25),
        )
    )
    lines = found.splitlines()
    assert lines[0] == "| reference | `edvr_ref` | `ttsr` | `c2_matching` | `mrefsr` | `datsr` |"
    assert "| L1, the best | - | - | - | - | +6.90 |" in lines
    assert "| L1, jitter x1 | - | - | - | - | -0.50 |" in lines
    assert "| L2 | - | +2.00 | - | - | - |" in lines
    assert "| 3 best | - | +2.25 | - | - | - |" in lines
    assert len(lines) == 2 + len(bundled_table.ROWS)


def test_without_a_baseline_there_is_no_gain() -> None:
    with pytest.raises(KeyError, match="bicubic"):
        bundled_table.table(scores(("datsr", "canonical@1", "psnr_y", 30.0)))
