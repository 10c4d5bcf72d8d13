"""The training curves as one PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from refbench.files.disk import atomic_file

Rows = Sequence[Mapping[str, float]]


def draw_curves(path: Path, stages: Mapping[str, Rows], title: str) -> None:
    """One column per stage: loss above, validation scores (PCK, or dB over bicubic) below."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = {name: rows for name, rows in stages.items() if rows}
    figure = Figure(figsize=(4.5 * max(1, len(shown)), 6), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    for column, (name, rows) in enumerate(shown.items(), start=1):
        steps = [row["step"] for row in rows]
        upper = figure.add_subplot(2, len(shown), column, title=name, ylabel="loss")
        upper.plot(steps, [row["loss"] for row in rows], marker=".")
        lower = figure.add_subplot(2, len(shown), len(shown) + column, xlabel="step")
        scores = [k for k in rows[0] if k not in ("step", "loss", "cpu_seconds")]
        for score in scores:
            lower.plot(steps, [row[score] for row in rows], marker=".", label=score)
        lower.set_ylabel("dB over bicubic (PSNR-Y)" if "good" in scores else "share of matches")
        lower.legend()
        for axes in (upper, lower):
            axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as stream:
        figure.savefig(stream, dpi=110, format="png")
