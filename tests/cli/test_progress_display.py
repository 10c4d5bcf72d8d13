"""The live display is whole at 80 columns, for the longest protocol that is shipped."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any, cast

from rich.console import Console

from refbench.cli.display import LiveProgress, PlainProgress, pace_text
from refbench.metrics.specs import METRICS
from refbench.store import SampleRow

PROTOCOL = "canonical@1+ref=hr(oracle: leaks HR)+perspective@1[level=12%]"
METHOD = "c2_matching (compact) [multi=per_patch]"
PSNR = next(spec for spec in METRICS if spec.alias == "psnr_y")


def cell() -> Any:
    return SimpleNamespace(
        key="k",
        method_label=METHOD,
        protocol=SimpleNamespace(id=PROTOCOL),
        job=SimpleNamespace(metrics=(PSNR,)),
    )


def drawn(progress: LiveProgress, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(progress._picture(width))
    return [line.rstrip() for line in cast("io.StringIO", console.file).getvalue().splitlines()]


def test_the_live_display_cuts_no_word() -> None:
    progress = LiveProgress()
    progress.start([cell()], {"k": 12345}, {"k": 0})
    try:
        progress.result(cell(), SampleRow("000", metrics={PSNR.signature: 31.5}))
        progress.result(cell(), SampleRow("001", 0, "error", "no"))
        lines = drawn(progress, 80)
        narrow = drawn(progress, 40)
    finally:
        progress.stop()
    assert lines[0] == f"{METHOD}  2 of 12345  PSNR-Y 31.50 dB  1 error"
    assert lines[1] == f"  {PROTOCOL}"
    assert lines[2] == "-" * 79
    assert len(lines) == 4
    assert lines[3].startswith("2 of 12345 images, ")
    assert lines[3].endswith(" left")
    assert max(map(len, lines)) <= 80
    assert max(map(len, narrow)) <= 40
    assert PROTOCOL.replace(" ", "") in "".join(narrow).replace(" ", "")
    assert not any("…" in line for line in (*lines, *narrow))


def test_plain_lines_use_plain_words() -> None:
    stream = io.StringIO()
    progress = PlainProgress(stream, every=0)
    progress.start([cell()], {"k": 2}, {"k": 3})
    progress.result(cell(), SampleRow("000", metrics={PSNR.signature: 31.5}))
    first, second = stream.getvalue().splitlines()
    assert first == "2 images to compute: 1 method, 1 protocol; 3 already there"
    assert second.startswith(f"{METHOD} · {PROTOCOL}: 1/2 PSNR-Y 31.50 dB  [1 of 2 images, ")


def test_the_pace_in_words() -> None:
    assert pace_text(0, 5, 0.0) == "0 of 5 images"
    assert pace_text(1, 5, 40.0) == "1 of 5 images, 40 s each, 2 min 40 s left"
    assert pace_text(4, 4, 2.0) == "4 of 4 images, 2.0 per second, done"
