"""Published numbers as data: who reported what, under which protocol, and whether a measured one agrees.

``published_results.csv`` keeps the facts with their source. ``card`` and ``reference`` are filled in only
where the source leaves no doubt; anything else stays ``unknown`` and is never compared with a measurement.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from refbench.registry import Registry
from refbench.specs import MethodSpec, PublishedResult

if TYPE_CHECKING:
    # numpy stays out of `refbench list`
    from refbench.results.record import CellRecord

UNKNOWN = "unknown"
_DATASETS = {
    "CUFED5": "cufed5", "Sun80": "sun80", "Urban100": "urban100", "Manga109": "manga109", "WR-SR": "wrsr"
}  # fmt: skip
_METHODS = {"C2-Matching": "c2_matching", "DATSR": "datsr", "TTSR": "ttsr", "MASA": "masa"}
_WEIGHTS = {"rec": "mse", "gan": "gan"}
"""refbench's names of the official weights; compact and own weights are other networks."""
_Y4, _Y0, _RGB = ("psnr_y", "ssim_y"), ("psnr_y_c0", "ssim_y_c0"), ("psnr_rgb", "ssim_rgb")
_CARD_METRICS = {
    "c2_matching@1": _Y4, "datsr@1": _Y4, "ttsr@1": _Y0, "masa@1": _Y0, "mmagic_rgb@1": _RGB
}  # fmt: skip
_FAMILY = {
    "psnr_y": "PSNR",
    "psnr_y_c0": "PSNR",
    "ssim_y": "SSIM",
    "ssim_y_c0": "SSIM",
    "psnr_rgb": "PSNR_RGB",
}
"""refbench's metrics as published tables name them."""
_STITCHED = {"ttsr@1": "stitch_ttsr", "masa@1": "stitch_masa"}
"""The policies that put all references side by side as these codes did."""
Read = Literal["text", "picture", "quotation", "spec"]
HOW_READ: Mapping[Read, str] = {
    "text": "read as text",
    "picture": "read by eye from a picture",
    "quotation": "as others quote it",
    "spec": "stated by the method's spec",
}
"""How a number came into the store."""
ROUNDING = 0.02
"""dB by which numbers of one method may differ from rounding and environment alone."""


@dataclass(frozen=True)
class Published:
    """One number somebody else reported."""

    method: str
    """As its authors write it: ``C2-Matching``."""
    variant: str
    """``rec`` (reconstruction loss only), ``gan``, or empty where the source does not say."""
    dataset: str
    """As published: ``CUFED5``."""
    metric: str
    """As published: ``PSNR``, ``SSIM``, ``PSNR_RGB``, ``LPIPS``."""
    value: float
    text: str
    """The number with the digits of its source."""
    card: str
    """``c2_matching@1`` where the protocol is certain, else ``unknown``."""
    reference: str
    """``first``, ``hr``, ``stitched: 5``, ``listed: FILE``, or ``unknown``."""
    degradation: str
    """``bicubic``, ``other`` (Real-ESRGAN and the like), or ``unknown``."""
    status: Literal["paper", "released-weights", "rerun", "unknown"]
    protocol: str
    """The source's own words."""
    source: str
    """A paper by name and year, or a repository."""
    locator: str
    """Table, file or thread of the source."""
    doi: str = ""
    """``10.48550/arXiv.2207.11938``; empty where the source is a repository."""
    read: Read = "text"
    note: str = ""
    metric_alias: str = ""
    """refbench's metric where the source names it so; empty: found by card and metric."""

    @property
    def place(self) -> str:
        """Where the number stands and how it was read, as outputs print it."""
        doi = f"doi:{self.doi}" if self.doi else ""
        return "; ".join(part for part in (self.source, doi, self.locator, HOW_READ[self.read]) if part)

    @property
    def by_eye(self) -> bool:
        """Whether somebody read the number off a picture: its last digit may be wrong."""
        return self.read == "picture"

    @property
    def shown(self) -> str:
        """The number as outputs print it, with a mark where it was read by eye."""
        return f"{self.text} (read by eye)" if self.by_eye else self.text

    @property
    def dataset_id(self) -> str:
        """refbench's name of the dataset, or the published one where there is none."""
        return _DATASETS.get(self.dataset, self.dataset)

    @property
    def method_id(self) -> str:
        """refbench's name of the method, or the published one."""
        return _METHODS.get(self.method, self.method)

    @property
    def protocol_id(self) -> str | None:
        """The protocol instance that measures the same: ``ttsr@1+ref=stitch_ttsr``; None where none does."""
        if self.card == UNKNOWN:
            return None
        if self.reference == "first":
            return self.card
        policy = _STITCHED.get(self.card) if self.reference.startswith("stitched") else None
        return None if policy is None else f"{self.card}+ref={policy}"

    @property
    def alias(self) -> str | None:
        """refbench's metric, where protocol and metric determine it; None otherwise."""
        if self.metric_alias:
            return self.metric_alias
        if self.metric == "PSNR_RGB":
            return "psnr_rgb" if self.card != UNKNOWN else None
        index = {"PSNR": 0, "SSIM": 1}.get(self.metric)
        metrics = _CARD_METRICS.get(self.card)
        return metrics[index] if index is not None and metrics is not None else None


@dataclass(frozen=True)
class PublishedRow:
    """A published number next to a measured protocol and metric."""

    published: Published
    agrees: bool
    """True when card, reference and metric are certainly the same: only then is a difference shown."""
    reason: str
    """Why it is not comparable; empty where it is."""


@dataclass(frozen=True)
class SideBySide:
    """A published number and the measured cell of the same method, if there is one."""

    published: Published
    measured: float | None
    """Mean of the measured cell; None without a cell that may be compared."""
    measured_label: str
    difference: float | None
    """Measured minus published; None unless protocols, images and weights agree."""
    reason: str
    """Why there is no difference."""


@lru_cache(maxsize=1)
def load_published() -> tuple[Published, ...]:
    """Every published number that refbench ships, in the order of its file."""
    text = (files("refbench.reports") / "published_results.csv").read_text(encoding="utf-8")
    return tuple(_row(fields) for fields in csv.DictReader(text.splitlines()))


def all_published(registry: Registry) -> tuple[Published, ...]:
    """The one store: what refbench ships, and what the specs of installed plugins add."""
    specs = (entry.spec for entry in registry.entries("methods"))
    return (
        *load_published(),
        *(own for spec in specs if isinstance(spec, MethodSpec) for own in spec_published(spec)),
    )


def spec_published(spec: MethodSpec) -> tuple[Published, ...]:
    """What a plugin's spec adds. A card without a reference policy means the first reference."""
    return tuple(_of_spec(spec, result) for result in spec.published)


def _of_spec(spec: MethodSpec, result: PublishedResult) -> Published:
    card, _, reference = result.protocol.partition("+ref=")
    known = "@" in card
    return Published(
        method=spec.name,
        variant=result.variant,
        dataset=result.dataset,
        metric=_FAMILY.get(result.metric, result.metric.upper()),
        value=result.value,
        text=f"{result.value:g}",
        card=card if known else UNKNOWN,
        reference=(reference or "first") if known else UNKNOWN,
        degradation="bicubic" if known else UNKNOWN,
        status=result.status,
        protocol=result.protocol,
        source=result.source,
        locator=f"spec of {spec.name}",
        read="spec",
        metric_alias=result.metric,
    )


def _row(fields: dict[str, str]) -> Published:
    return Published(
        method=fields["method"],
        variant=fields["variant"],
        dataset=fields["dataset"],
        metric=fields["metric"],
        value=float(fields["value"]),
        text=fields["value"],
        card=fields["card"],
        reference=fields["reference"],
        degradation=fields["degradation"],
        status=_status(fields["status"]),
        protocol=fields["protocol"],
        source=fields["source"],
        locator=fields["source_locator"],
        doi=fields["doi"],
        read=_read(fields["read"]),
        note=fields["note"],
    )


def _status(text: str) -> Literal["paper", "released-weights", "rerun", "unknown"]:
    match text:
        case "paper" | "released-weights" | "rerun":
            return text
        case _:
            return "unknown"


def _read(text: str) -> Read:
    match text:
        case "text" | "picture" | "quotation":
            return text
        case _:
            raise ValueError(f"published_results.csv: read={text!r}")


def published_rows(
    dataset: str, protocol: str, metric: str, numbers: Iterable[Published] | None = None
) -> tuple[PublishedRow, ...]:
    """Published numbers to show next to measured ones, never ranked with them.

    dataset: plain id (``cufed5``). protocol: instance id (``c2_matching@1``). metric: alias (``psnr_y``).
    numbers: of :func:`all_published`; default: those that refbench ships.
    Numbers of another degradation than bicubic, and of another quantity (SSIM next to PSNR), are left out.
    """
    family = metric.split("_")[0].upper()
    found = []
    for published in load_published() if numbers is None else numbers:
        same_family = published.metric.split("_")[0] == family
        if published.dataset_id != dataset or not same_family or published.degradation == "other":
            continue
        reason = _protocol_differs(published, protocol, metric)
        found.append(PublishedRow(published, not reason, reason))
    return tuple(found)


def _protocol_differs(published: Published, protocol: str, metric: str) -> str:
    if published.card == UNKNOWN:
        return "its protocol is unknown"
    if published.protocol_id is None:
        return f"its reference is {published.reference}"
    if published.protocol_id != protocol:
        return f"protocol {published.protocol_id}, measured {protocol}"
    if published.alias != metric:
        return f"metric {published.alias or published.metric}, measured {metric}"
    return ""


def side_by_side(cells: Sequence[CellRecord]) -> tuple[SideBySide, ...]:
    """Published numbers of the cells' datasets, each with its difference where that is fair.

    A difference needs the same card, reference and metric, the complete dataset, and the official weights
    of the same variant; where one is missing, ``reason`` says which.
    """
    datasets = {cell.dataset for cell in cells}
    found = [
        _side_by_side(published, [cell for cell in cells if cell.dataset == published.dataset_id])
        for published in all_published(Registry.discover())
        if published.dataset_id in datasets
        and published.degradation != "other"
        and published.metric in ("PSNR", "SSIM", "PSNR_RGB")
    ]
    measured = {cell.method for cell in cells}
    return tuple(sorted(found, key=lambda b: (b.published.method_id not in measured, b.published.dataset)))


def of_methods(rows: Iterable[SideBySide], methods: Collection[str]) -> tuple[SideBySide, ...]:
    """The rows about refbench's methods ``methods``."""
    return tuple(row for row in rows if row.published.method_id in methods)


def _side_by_side(published: Published, cells: Sequence[CellRecord]) -> SideBySide:
    own = [cell for cell in cells if cell.method == published.method_id]
    if not own:
        return SideBySide(published, None, "", None, "not measured")
    if published.protocol_id is None or published.alias is None:
        return SideBySide(published, None, "", None, _protocol_differs(published, "", ""))
    same = [c for c in own if c.protocol == published.protocol_id and published.alias in c.metrics]
    if not same:
        return SideBySide(published, None, "", None, f"not measured under {published.protocol_id}")
    weights = _WEIGHTS.get(published.variant)
    official = [cell for cell in same if weights is not None and cell.weights == weights]
    if not official:
        return SideBySide(
            published, None, "", None, f"measured with other weights ({same[0].weights or '-'})"
        )
    cell = official[0]
    mean = cell.metrics[published.alias].mean
    if cell.dataset_label != cell.dataset or mean is None:
        return SideBySide(published, mean, cell.method_label, None, f"measured on {cell.dataset_label}")
    return SideBySide(published, mean, cell.method_label, mean - published.value, "")


def contradictions(rows: Iterable[Published]) -> tuple[str, ...]:
    """Sentences on numbers of one method that the paper and its released weights do not share."""
    groups: dict[tuple[str, str, str, str], list[Published]] = {}
    for row in rows:
        groups.setdefault((row.method, row.variant, row.dataset, row.metric), []).append(row)
    found = []
    for (method, variant, dataset, metric), members in groups.items():
        papers = [row for row in members if row.status == "paper"]
        released = [row for row in members if row.status == "released-weights"]
        limit = ROUNDING if metric.startswith("PSNR") else ROUNDING / 10
        found += [
            f"{method} ({variant}) on {dataset}, {metric}: {paper.text} in the paper ({paper.source}), "
            f"{other.text} from the released weights ({other.locator}); both are shown, neither is ranked"
            for paper in papers
            for other in released
            # one reference against five stitched ones does not contradict it, and what is unknown never does
            if UNKNOWN not in (paper.reference, paper.card)
            and (paper.reference, paper.card) == (other.reference, other.card)
            and abs(paper.value - other.value) > limit
        ]
    return tuple(found)
