"""The tables of docs/protocols.md and docs/metrics.md, made from what refbench ships.

    python tools/doc_tables.py            write them into the pages
    python tools/doc_tables.py --check    exit 1 where a page says something else

A table stands between ``<!-- table: NAME -->`` and ``<!-- end of table -->``. A test does what --check does.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from refbench.metrics import METRICS
from refbench.metrics.composite import COMPOSITES, composite_spec
from refbench.metrics.pyiqa_names import pyiqa_spec
from refbench.protocols.card import Card, card_names, load_card
from refbench.protocols.degradations import FAMILIES as DEGRADATIONS
from refbench.protocols.degradations import load_degradation
from refbench.protocols.reference import ORACLE, POLICIES, RANDOM
from refbench.protocols.transforms import FAMILIES as TRANSFORMS
from refbench.protocols.transforms import load_transform
from refbench.specs import MetricSpec

WITHOUT_PAPER = {
    "psnr": "10 log10(255^2 / MSE); luma and border as in mmsr/utils/metrics.py of C2-Matching 6d60149",
    "matching": "refbench's own; PCK after Yang and Ramanan, Articulated Human Detection, TPAMI 2013",
}
"""First field of a signature -> source, for metrics whose spec names no paper."""
DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = ("protocols.md", "metrics.md")
BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = False) -> str:
    """A Markdown table; a bar inside a cell is escaped. ``numbers``: columns after the first to the right."""
    cells = [[cell.replace("|", "\\|") or "-" for cell in row] for row in (columns, *rows)]
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    rule = "|---|" + ("---:|" if numbers else "---|") * (len(columns) - 1)
    return "\n".join([lines[0], rule, *lines[1:]]) + "\n"


def cards() -> str:
    """Every shipped card with every field that decides a trial or a score."""
    columns = (
        "card", "scale", "LR", "HR cut to multiples of", "HR padded before LR is made", "references",
        "references cut to multiples of", "references padded", "SR before scoring", "metrics", "averaging",
        "source",
    )  # fmt: skip
    return table(columns, [_card(load_card(name)) for name in card_names()])


def _card(card: Card) -> tuple[str, ...]:
    pads = {"zero-to-common": "black, bottom and right, to the common size of HR and references"}
    pads |= {"replicate-centred": "border repeated on all sides", "replicate-right-bottom": "border repeated"}

    def pad(kind: str, multiple: int) -> str:
        size = f", to multiples of {multiple}" if multiple > 1 else ""
        least = f", at least {card.pad_least}" if card.pad_least and kind == "zero-to-common" else ""
        return "no" if kind == "none" else pads[kind] + size + least

    after = ["resized to HR by PIL bicubic"] if card.sr_fit != "none" else []
    after += [f"colours fixed ({card.colour_fix})"] if card.colour_fix != "none" else []
    return (
        f"`{card.id}`",
        f"x{card.scale}",
        "given" if card.given_lr else f"{card.lr_kernel}, or given",
        "not cut" if card.hr_crop_multiple == 1 else str(card.hr_crop_multiple),
        pad(card.hr_pad, card.hr_pad_multiple),
        " ".join(str(value) for value in card.reference.said().values()),
        "not cut" if card.ref_crop_multiple == 1 else str(card.ref_crop_multiple),
        pad(card.ref_pad, card.ref_pad_multiple),
        ", ".join(after) or "as it is",
        ", ".join(f"`{name}`" for name in card.metrics),
        card.averaging,
        "; ".join(text for text in (card.paper, card.source) if text),
    )


def policies() -> str:
    """Every reference policy."""
    rows = []
    for name, what in POLICIES.items():
        draws = (
            "differ" if name in RANDOM else "differ for order=random" if name == "count" else "are the same"
        )
        rows.append((f"`{name}`", what, draws, ORACLE if name == "hr" else ""))
    return table(("policy", "what the method gets", "draws", "label"), rows)


def transforms() -> str:
    """Every transform of the reference."""
    rows = []
    for name in TRANSFORMS:
        family = load_transform(name)
        known = (
            f"`{family.official_level}` as in the official code"
            if family.official_level
            else "refbench's own"
        )
        rows.append(
            (f"`{family.id}`", _levels(family.levels), "differ" if family.random else "are the same", known)
        )
    return table(("transform", "levels and their parameters", "draws", "levels are"), rows)


def degradations() -> str:
    """Every degradation of LR."""
    rows = []
    for name in DEGRADATIONS:
        family = load_degradation(name)
        what = " ".join((family.apply.__doc__ or "").partition("\n\n")[0].split())
        draws = "differ" if family.random else "are the same"
        rows.append((f"`{name}` (`{family.id}`)", _levels(family.levels), what, draws))
    return table(("degradation", "levels and their parameters", "what is done", "draws"), rows)


def _levels(levels: object) -> str:
    assert isinstance(levels, dict)
    if all(set(params) == {"kernel"} for params in levels.values()):
        return ", ".join(f"`{name}`" for name in levels)
    shown = (
        f"`{name}` ({', '.join(f'{k} {v:g}' for k, v in params.items())})" for name, params in levels.items()
    )
    return ", ".join(shown)


def metrics() -> str:
    """Every metric with its parameters."""
    rows = [_metric(spec) for spec in METRICS]
    any_of_pyiqa = pyiqa_spec("dists")
    signature = re.sub(r"pkg=[^|]*", "pkg=VERSION", any_of_pyiqa.signature).replace("dists", "NAME")
    rows.append(
        ("`pyiqa:NAME`", f"`{signature}`", _parameters(any_of_pyiqa), "by metric", "by metric",
         "[IQA-PyTorch](https://github.com/chaofengc/IQA-PyTorch); the metric's own paper")
    )  # fmt: skip
    for name in COMPOSITES:
        spec = composite_spec(name)
        signature = re.sub(r"parts=[^|]*", "parts=DIGEST", spec.signature)
        source = spec.paper or "NTIRE 2026 challenge on image super-resolution x4, perceptual track"
        rows.append((f"`{name}`", f"`{signature}`", _parameters(spec), "higher", "image", source))
    return table(("metric", "signature", "parameters", "better", "a value per", "source"), rows)


def _metric(spec: MetricSpec) -> tuple[str, ...]:
    per = {"image": "image", "set": "cell", "matching": "image, of the matches"}[spec.kind]
    better = "higher" if spec.higher_is_better else "lower"
    return (
        f"`{spec.alias}`",
        f"`{spec.signature}`",
        _parameters(spec),
        better,
        per,
        spec.paper or WITHOUT_PAPER[spec.signature.partition("|")[0]],
    )


def _parameters(spec: MetricSpec) -> str:
    names = (
        name + (f" ({', '.join(choices)})" if choices else "") for name, choices in spec.parameters.items()
    )
    return ", ".join(names)


TABLES: dict[str, Callable[[], str]] = {
    "cards": cards,
    "policies": policies,
    "transforms": transforms,
    "degradations": degradations,
    "metrics": metrics,
}


def with_tables(page: str) -> str:
    """The text of a page with each of its tables as it is now."""
    return BLOCK.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], page)


def main() -> int:
    """Write or check every page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a page differs")
    arguments = parser.parse_args()
    stale = []
    for name in PAGES:
        path = DOCS / name
        page = path.read_text(encoding="utf-8")
        made = with_tables(page)
        if made != page:
            stale.append(name)
            if not arguments.check:
                path.write_text(made, encoding="utf-8")
    if stale:
        print(f"{'differ from what refbench ships' if arguments.check else 'written'}: {', '.join(stale)}")
    return 1 if stale and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
