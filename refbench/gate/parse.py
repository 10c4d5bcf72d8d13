"""Reading decoded JSON from a file that people edit: every complaint names the file and the field."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from refbench.errors import UserError


@dataclass(frozen=True)
class Field:
    """A value and where it stands: ``baseline b.json: cells[0].images.004``."""

    data: object
    where: str

    def _fail(self, wanted: str) -> UserError:
        return UserError(f"{self.where}: is {type(self.data).__name__}, must be {wanted}")

    def mapping(self) -> Mapping[str, Any]:
        if not isinstance(self.data, dict):
            raise self._fail("an object")
        return self.data

    def get(self, name: str) -> Field:
        """The field ``name``; raises UserError when it is missing."""
        mapping = self.mapping()
        if name not in mapping:
            raise UserError(f"{self.where}: field {name!r} is missing")
        return Field(mapping[name], f"{self.where}: {name}")

    def fields(self) -> Iterator[tuple[str, Field]]:
        """(name, value) of every field."""
        for name, value in self.mapping().items():
            yield name, Field(value, f"{self.where}.{name}")

    def items(self) -> Iterator[Field]:
        """The entries of a list."""
        if not isinstance(self.data, list):
            raise self._fail("a list")
        for index, value in enumerate(self.data):
            yield Field(value, f"{self.where}[{index}]")

    def text(self) -> str:
        if not isinstance(self.data, str):
            raise self._fail("text")
        return self.data

    def flag(self) -> bool:
        if not isinstance(self.data, bool):
            raise self._fail("true or false")
        return self.data

    def whole(self) -> int:
        if not isinstance(self.data, int) or isinstance(self.data, bool):
            raise self._fail("a whole number")
        return self.data

    def number(self) -> float:
        if (
            not isinstance(self.data, int | float)
            or isinstance(self.data, bool)
            or not math.isfinite(self.data)
        ):
            raise self._fail("a number")
        return float(self.data)
