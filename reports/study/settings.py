"""The settings of ``refbench report format=study``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StudySettings:
    """``study.*`` of ``refbench report``."""

    pairs: int = 60
    """Questions; 0: every pair on every image."""
    hr: bool = False
    """Whether the true image is shown above each pair."""
    refs: bool = False
    """Whether the references are shown."""
    seed: int = 0
    protocol: str = ""
    """Empty: the undistorted one."""
    answers: tuple[Path, ...] = ()
    """Files that were handed back; with them the table is written instead of the page."""


def study_settings(values: Mapping[str, object]) -> StudySettings:
    """From settings that were read and checked."""
    answers = values["study.answers"]
    return StudySettings(
        pairs=int(str(values["study.pairs"])),
        hr=values["study.hr"] == "shown",
        refs=values["study.refs"] == "shown",
        seed=int(str(values["study.seed"])),
        protocol=str(values["study.protocol"] or ""),
        answers=tuple(Path(str(name)).expanduser() for name in answers)
        if isinstance(answers, Sequence)
        else (),
    )
