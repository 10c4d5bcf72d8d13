"""``python tools/model_card.py FILE...``: the facts of checkpoints as Markdown, read from the files.

It prints what MODEL_CARD.md says about training: size, budget, validation curve, photos with licences.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from refbench.datasets.photos.manifest import read_manifest
from refbench.errors import UserError
from refbench.training.facts import Facts, read_facts


def budget_table(found: Sequence[Facts]) -> str:
    """One row a checkpoint: values, size, steps, cost, last validation."""
    lines = [
        "| method | values | MB | stage 1 + 2 steps | batch x patch | CPU min "
        "| PCK 1/2/4 | good | unrelated | none |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for f in found:
        stage2, stage1 = f.recipe["stage2"], f.recipe["stage1"]
        last, encoder = f.curve["stage2"][-1], f.curve.get("stage1-student")
        # a net that searches nothing has no encoder to judge
        pck = " / ".join(f"{encoder[-1][n]:.2f}" for n in ("pck1", "pck2", "pck4")) if encoder else "-"
        lines.append(
            f"| {f.method} | {f.parameters:,} | {f.path.stat().st_size / 1e6:.2f} | {stage1['teacher']} + "
            f"{stage1['student']} + {f.steps} | {stage2['batch']} x {stage2['patch']} "
            f"| {f.cpu_seconds / 60:.1f} | "
            f"{pck} | "
            f"{last['good']:+.2f} | {last['unrelated']:+.2f} | {last['none']:+.2f} |"
        )
    return "\n".join(lines)


def curve_table(found: Sequence[Facts]) -> str:
    """Validation gain with the good reference, a column a method."""
    steps = sorted({int(row["step"]) for f in found for row in f.curve["stage2"]})
    lines = ["| step | " + " | ".join(f.method for f in found) + " |", "|---|" + "---|" * len(found)]
    for step in steps:
        cells = []
        for f in found:
            row = next((r for r in f.curve["stage2"] if int(r["step"]) == step), None)
            cells.append(
                "-" if row is None else f"{row['good']:+.2f} / {row['unrelated']:+.2f} / {row['none']:+.2f}"
            )
        lines.append(f"| {step} | {' | '.join(cells)} |")
    return "\n".join(lines)


def photo_table(names: Sequence[str]) -> str:
    """Licence, author and source of each training photo, from the photo manifest."""
    rows = {row.name: row for row in read_manifest()}
    lines = ["| photo | licence | author | source |", "|---|---|---|---|"]
    for name in names:
        row = rows.get(Path(name).stem)
        if row is None:
            raise UserError(f"photo {name!r} is not in the photo manifest, so its licence is unknown")
        file = row.path.rsplit("/", 1)[-1]
        lines.append(f"| {row.name} | {row.licence} | {row.author} | {row.package} {row.version}, {file} |")
    return "\n".join(lines)


def card(paths: Sequence[Path]) -> str:
    """The generated part of the model card. UserError when the files were not trained on the same photos."""
    found = [read_facts(path) for path in paths]
    if len({f.photos for f in found}) != 1:
        raise UserError("the checkpoints were trained on different photos; one card cannot describe them")
    digests = "\n".join(f"* `{f.path.as_posix()}`: sha256 `{f.sha256}`" for f in found)
    return "\n\n".join(
        [
            "## Files",
            digests,
            "## Budget and validation",
            "PCK: matching accuracy of the encoder at 1, 2, 4 LR pixels. Last columns: PSNR-Y (crop 4)\n"
            "over Pillow bicubic in dB on the validation photos: a good, an unrelated, no reference.",
            budget_table(found),
            "Validation during stage 2 (good / unrelated / none):",
            curve_table(found),
            "## Training photos",
            f"{len(found[0].photos)} photos, fingerprint {_fingerprints(found)}.\n"
            "Fetched and checked by `refbench prepare dataset=photos`.",
            photo_table(found[0].photos),
        ]
    )


def _fingerprints(found: Sequence[Facts]) -> str:
    """Of the photos' files; the same photos decoded by another library are other files."""
    by = {
        f.data_fingerprint: [g.method for g in found if g.data_fingerprint == f.data_fingerprint]
        for f in found
    }
    if len(by) == 1:
        return f"`{next(iter(by))}`"
    return ", ".join(f"`{digest}` ({', '.join(methods)})" for digest, methods in by.items())


def main(arguments: list[str]) -> int:
    """Exit code 0, or 2 with one line on bad input."""
    try:
        print(card([Path(argument) for argument in arguments]))
    except UserError as error:
        print(f"model_card: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
