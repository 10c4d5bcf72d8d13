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

FAMILIES = ("PSNR", "SSIM", "PSNR_RGB", "SSIM_RGB")
NOTE = (
    "published numbers are never ranked with measured ones, and the measured ones only within one dataset "
    "and protocol; unknown: the source does not say"
)
MARK = "~"
EYE = "read by eye off a picture of the table: the last digit may be wrong"


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
    head = spec.alias.partition("_")[0].upper()
    if head not in ("PSNR", "SSIM"):
        return None
    return f"{head}_RGB" if "space=rgb" in spec.signature else head


def _family(number: Published) -> str:
    """As :func:`family`: a table that says PSNR under a protocol that measures RGB means that."""
    return {"psnr_rgb": "PSNR_RGB", "ssim_rgb": "SSIM_RGB"}.get(number.alias or "", number.metric)


def literature(
    datasets: Collection[str], methods: Collection[str] = (), registry: Registry | None = None
) -> tuple[LiteratureRow, ...]:
    """Rows about refbench's datasets, in the order of the store. Numbers of another degradation are left out.

    methods: only these, by their published or refbench's name; empty: all.
    """
    groups: dict[tuple[str, ...], list[Published]] = {}
    for number in all_published(registry or Registry.discover()):
        if number.degradation == "other" or _family(number) not in FAMILIES:
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
            {(number.dataset_id, _family(number)): number for number in reversed(members)},
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
    sources: dict[str, int] = {}
    eye = False
    for dataset in dict.fromkeys(cell.dataset for cell in cells):
        for row in literature([dataset]):
            place = row.first.place
            rows.append(_published(row, dataset, sources.setdefault(place, len(sources) + 1)))
            eye = eye or row.by_eye
        rows += _measured(tables, dataset)
    shown = [k for k, name in enumerate(FAMILIES) if any(row[2 + k].text != "-" for row in rows)]
    keep = [0, 1, *(2 + k for k in shown), *range(2 + len(FAMILIES), 6 + len(FAMILIES))]
    header = ("dataset", "method", *FAMILIES, "protocol", "reference", "status", "source")
    notes = [f"{NOTE}."]
    notes += [f"{MARK}: {EYE}."] if eye else []
    notes += ["* best, ' second of the measured methods, where significant."]
    notes += [f"[{number}] {place}" for place, number in sources.items()]
    return Grid(
        "Literature and measured",
        tuple(header[k] for k in keep),
        tuple(tuple(row[k] for k in keep) for row in rows),
        tuple(notes),
    )


def _published(row: LiteratureRow, dataset: str, source: int) -> tuple[Field, ...]:
    found = [row.values.get((dataset, name)) for name in FAMILIES]
    first = row.first
    return (
        *texts(next(n.dataset for n in row.values.values() if n.dataset_id == dataset), row.label),
        *(
            Field(f"{n.text}{MARK if n.by_eye else ''}", n.value) if n is not None else Field("-")
            for n in found
        ),
        *texts(first.card, first.reference, first.status, f"[{source}]"),
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
                    *texts("measured", entry.cell.run_key[:12]),
                )
    return list(rows.values())


def _reference(cell: CellRecord) -> str:
    policy = cell.parts.reference if cell.parts is not None else None
    return "-" if policy is None else policy.id or policy.name
