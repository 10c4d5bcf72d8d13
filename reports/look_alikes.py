"""Sections of a table that read alike and are not comparable: which parameter keeps them apart."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from refbench.identity.keys import differences

from .table_model import Section

_VERSION = re.compile(r"@\d+")
_OWN = re.compile(r"[^+]*#")
"""A card from a file: ``mylab@1#1a2b3c4d``."""
_PARAMETERS = "protocol.params."
_NAMES = ("protocol.id", "protocol.params.card.name", "protocol.params.card.version")
"""Told only where nothing else differs: a new version is the consequence of a changed parameter."""


def look_alikes(sections: Sequence[Section]) -> list[str]:
    """One sentence for each section that has the dataset and protocol of an earlier one but for a version.

    Sections that differ in their seed alone are told apart by their headings.
    """
    first: dict[tuple[str, str], Section] = {}
    found: list[str] = []
    for section in sections:
        name = (section.dataset_label, _plain(section, sections))
        earlier = first.setdefault(name, section)
        told = apart(earlier.compare_key, section.compare_key) if earlier is not section else []
        if told:
            both = dict.fromkeys((earlier.protocol, section.protocol))
            found.append(
                f"{section.dataset_label}, {' and '.join(both)}: several sections that are not ranked "
                f"against each other; {', '.join(told)}"
            )
    return list(dict.fromkeys(found))


def _plain(section: Section, sections: Sequence[Section]) -> str:
    """The protocol without its version; where a user's own card is among them, without the card at all."""
    if not any(_OWN.match(other.protocol) for other in sections):
        return _VERSION.sub("", section.protocol)
    return section.protocol.partition("+")[2]


def apart(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """``card.hr_crop_multiple is 4 and 8`` for every field, seeds aside, in which compare keys differ."""
    fields = [(path, x, y) for path, x, y in differences(a, b) if path != "seed"]
    telling = [field for field in fields if field[0] not in _NAMES] or fields
    return [_told(*field) for field in telling]


def _told(path: str, a: object, b: object) -> str:
    if path == "dataset":
        return f"their data differ (fingerprints {str(a)[:12]} and {str(b)[:12]})"
    return f"{path.removeprefix(_PARAMETERS)} is {a} and {b}"
