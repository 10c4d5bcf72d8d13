"""The literature's numbers as rows: one per method, variant and source, the user's own beneath."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from refbench.registry import Registry
from refbench.results.record import CellRecord
from refbench.specs import MetricSpec

from .grid_model import Field, Grid, texts
from .published import UNKNOWN, Published, all_published
from .table_model import Table

FAMILIES = ("PSNR", "SSIM", "PSNR_RGB")
NOTE = (
    "published numbers are never ranked with measured ones, and the measured ones only within one dataset "
    "and protocol; unknown: the source does not say"
)
EYE = "read by eye: taken off a picture of the table, its last digit may be wrong"


@dataclass(frozen=True)
class LiteratureRow:
    """What one source says about one method."""

    method: str
    variant: str
    """``rec``, ``gan`` or empty."""
    first: Published
    """One of its numbers. Of rows that are not :func:`merged`, all have its source, card and reference."""
    values: Mapping[tuple[str, str], Published]
    """(refbench's dataset, ``PSNR``) -> number."""

    @property
    def label(self) -> str:
        """``DATSR-rec``, as tables of the field write it."""
        return f"{self.method}-{self.variant}" if self.variant else self.method

    @property
    def by_eye(self) -> bool:
        """Whether somebody read it off a picture."""
        return any(number.by_eye for number in self.values.values())


def family(spec: MetricSpec) -> str | None:
    """The name that published tables have for a metric; None where the name alone would not tell."""
    if spec.alias.startswith("psnr_rgb"):
        return "PSNR_RGB"
    head = spec.alias.partition("_")[0].upper()
    return head if head in ("PSNR", "SSIM") else None


def literature(
    datasets: Collection[str], methods: Collection[str] = (), registry: Registry | None = None
) -> tuple[LiteratureRow, ...]:
    """Rows about refbench's datasets, in the order of the store. Numbers of another degradation are left out.

    methods: only these, by their published or refbench's name; empty: all.
    """
    groups: dict[tuple[str, ...], list[Published]] = {}
    for number in all_published(registry or Registry.discover()):
        if number.degradation == "other" or number.metric not in FAMILIES:
            continue
        if number.dataset_id not in datasets:
            continue
        if methods and not {number.method, number.method_id} & set(methods):
            continue
        key = (
            number.method, number.variant, number.status, number.source, number.locator, number.card,
            number.reference,
        )  # fmt: skip
        groups.setdefault(key, []).append(number)
    return tuple(
        LiteratureRow(
            members[0].method,
            members[0].variant,
            members[0],
            {(number.dataset_id, number.metric): number for number in reversed(members)},
        )
        for members in groups.values()
    )


_STATUS = ("paper", "released-weights")


def merged(rows: Sequence[LiteratureRow]) -> tuple[LiteratureRow, ...]:
    """One row per method and variant, for print: each number from the paper, else from released weights.

    Of two places that quote a paper the one with more numbers counts, then the one that was not read by eye.
    Reruns by others are left out.
    """
    groups: dict[tuple[str, str], list[LiteratureRow]] = {}
    for row in rows:
        if row.first.status in _STATUS:
            groups.setdefault((row.method, row.variant), []).append(row)
    found = []
    for (method, variant), members in groups.items():
        # sorted is stable: the store's order decides between equals
        ordered = sorted(
            members, key=lambda row: (_STATUS.index(row.first.status), -len(row.values), row.by_eye)
        )
        values: dict[tuple[str, str], Published] = {}
        for row in ordered:
            taken = {dataset for dataset, _ in values}
            values.update({key: number for key, number in row.values.items() if key[0] not in taken})
        found.append(LiteratureRow(method, variant, ordered[0].first, values))
    return tuple(found)


def literature_grid(tables: Sequence[Table], cells: Sequence[CellRecord]) -> Grid:
    """The literature's table of the cells' datasets, with the measured methods beneath.

    Marks of measured numbers are those of the comparison tables: within one dataset and protocol.
    """
    rows: list[tuple[Field, ...]] = []
    datasets = list(dict.fromkeys(cell.dataset for cell in cells))
    for dataset in datasets:
        rows += [_published(row, dataset) for row in literature([dataset])]
        rows += _measured(tables, dataset)
    eye = any(field.text.endswith("(read by eye)") for row in rows for field in row)
    return Grid(
        "Literature and measured",
        ("dataset", "method", "PSNR", "SSIM", "PSNR_RGB", "protocol", "reference", "status", "source"),
        tuple(rows),
        (f"{NOTE}.", *([f"{EYE}."] if eye else [])),
    )


def _published(row: LiteratureRow, dataset: str) -> tuple[Field, ...]:
    found = [row.values.get((dataset, name)) for name in FAMILIES]
    first = row.first
    return (
        *texts(next(n.dataset for n in row.values.values() if n.dataset_id == dataset), row.label),
        *(Field(n.shown, n.value) if n is not None else Field("-") for n in found),
        *texts(first.card, first.reference, first.status, f"{first.source}; {first.locator}"),
    )


def _measured(tables: Sequence[Table], dataset: str) -> list[tuple[Field, ...]]:
    rows: dict[tuple[str, str, str], tuple[Field, ...]] = {}
    for table in tables:
        for section in table.sections:
            for entry in section.entries:
                if entry.cell.dataset != dataset:
                    continue
                shown: dict[str, Field] = {}
                for spec, score in zip(table.columns, entry.scores, strict=True):
                    name = family(spec)
                    if name is None or name in shown or score.summary is None or score.summary.mean is None:
                        continue
                    mark = {"best": "*", "second": "'", "": ""}[score.mark]
                    value = score.summary.mean
                    shown[name] = Field(f"{value:.{spec.decimals}f}{mark}", value)
                key = (section.dataset_label, section.protocol, entry.cell.method_label)
                rows[key] = (
                    *texts(section.dataset_label, entry.cell.method_label),
                    *(shown.get(name, Field("-")) for name in FAMILIES),
                    *texts(section.protocol, UNKNOWN if entry.cell.parts is None else _reference(entry.cell)),
                    *texts("measured", f"run {entry.cell.run_key[:12]}"),
                )
    return list(rows.values())


def _reference(cell: CellRecord) -> str:
    policy = cell.parts.reference if cell.parts is not None else None
    return "-" if policy is None else policy.id or policy.name
