"""What a person chooses for print: the settings of ``format=paper``, ``crops`` and ``figures``, read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .selection import Selection, parse_names
from .study.settings import StudySettings, study_settings
from .style import STYLES, FigureStyle, figure_style


@dataclass(frozen=True)
class PrintOptions:
    """The choices of one report."""

    selection: Selection = field(default_factory=Selection)
    columns: tuple[str, ...] = ()
    digits: tuple[str, ...] = ()
    layout: str = "pair"
    transpose: bool = False
    interval: str = "none"
    marks: str = "significance"
    width: str = "auto"
    published: str = "none"
    crop: str | None = None
    difference: bool = False
    style: FigureStyle = STYLES["page"]
    study: StudySettings = field(default_factory=StudySettings)


def print_options(values: Mapping[str, object]) -> PrintOptions:
    """The options from settings that were read and checked. Raises UserError."""
    serif = values.get("figure.serif")
    return PrintOptions(
        selection=Selection(
            methods=_words(values["methods"]),
            datasets=_words(values["datasets"]),
            protocols=_words(values["protocols"]),
            names=parse_names(_words(values["names"])),
        ),
        columns=_words(values["columns"]),
        digits=_words(values["digits"]),
        layout=str(values["layout"]),
        transpose=bool(values["transpose"]),
        interval=str(values["interval"]),
        marks=str(values["marks"]),
        width=str(values["width"]),
        published=str(values["published"]),
        crop=None if values["crop"] is None else str(values["crop"]),
        difference=bool(values["difference"]),
        study=study_settings(values),
        style=figure_style(str(values["figure.style"]), None if serif is None else bool(serif)),
    )


def _words(value: object) -> tuple[str, ...]:
    return tuple(str(word) for word in value) if isinstance(value, Sequence) else ()
