"""One thing that was looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

State = Literal["ok", "missing", "problem"]
"""``missing``: something optional; ``problem``: a command will fail or its numbers cannot be trusted."""


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and what to do."""

    name: str
    state: State
    text: str
    remedy: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    """For programs: versions, bytes, paths."""

    @property
    def document(self) -> dict[str, object]:
        """The finding as JSON values."""
        found = {"name": self.name, "state": self.state, "text": self.text, "remedy": self.remedy or None}
        return found | dict(self.facts)
