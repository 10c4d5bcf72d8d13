"""Reference policies: which of a sample's references the method gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from refbench.errors import SampleError, UserError, unknown
from refbench.specs import ParamValue
from refbench.types import Image, Sample

POLICIES = {
    "first": "the first reference (the most similar one where the dataset grades them)",
    "level": "the reference of one grade: params level=1..N (CUFED5's L1..L5)",
    "all": "every reference, best first",
    "constant": "a mid-grey image of the first reference's size (or of HR's): no information",
}


@dataclass(frozen=True)
class ReferencePolicy:
    """A policy with its parameters, e.g. ``level`` with ``level=5``."""

    name: str = "first"
    level: int | None = None

    @staticmethod
    def parse(data: Mapping[str, ParamValue], where: str) -> ReferencePolicy:
        """Check a suite's ``reference:`` mapping; raises UserError naming the field."""
        name = str(data.get("policy", "first"))
        if name not in POLICIES:
            raise UserError(f"{where}: {unknown('reference policy', name, POLICIES)}")
        for key in data:
            if key not in {"policy", "level"}:
                raise UserError(f"{where}: {unknown('reference field', key, ('policy', 'level'))}")
        level = data.get("level")
        if (level is not None) != (name == "level"):
            raise UserError(f"{where}: reference.level=1..N goes with policy: level, and only with it")
        if level is not None and (not isinstance(level, int) or level < 1):
            raise UserError(f"{where}: reference.level={level!r} is not a whole number from 1")
        return ReferencePolicy(name, level)

    @property
    def id(self) -> str:
        """Empty for the default, else what the protocol's name shows: ``ref=L5``."""
        if self.name == "first":
            return ""
        return f"ref=L{self.level}" if self.name == "level" else f"ref={self.name}"

    def select(self, sample: Sample) -> tuple[tuple[Image, ...], tuple[str, ...]]:
        """References and their names. Raises SampleError when the sample lacks the one asked for."""
        names = sample.ref_names or tuple(f"ref{i + 1}" for i in range(len(sample.refs)))
        if self.name == "constant":
            like = sample.refs[0] if sample.refs else sample.hr if sample.hr is not None else sample.lr
            if like is None:
                raise SampleError(f"{sample.id}: nothing to take a constant reference's size from")
            return (np.full_like(like, 128),), ("constant",)
        if not sample.refs:
            return (), ()
        if self.name == "all":
            return sample.refs, names
        index = 0 if self.level is None else self.level - 1
        if index >= len(sample.refs):
            raise SampleError(f"{sample.id}: reference L{index + 1} asked for, it has {len(sample.refs)}")
        return (sample.refs[index],), (names[index],)
