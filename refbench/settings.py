"""What a command was asked to do, as plain frozen data.

:mod:`refbench.config` makes these from overrides; everything else only reads them, so no other module
needs to know where configuration comes from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge

from refbench.errors import UserError
from refbench.specs import DataRequest, ParamValue

_SHARD = re.compile(r"\s*(-?\d+)\s*/\s*(-?\d+)\s*")


@dataclass(frozen=True)
class Shard:
    """Shard ``number`` of ``count``, counted from 1 as job arrays and test runners do."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @staticmethod
    def parse(text: str) -> Shard:
        """``"2/8"``. Raises UserError for another form and for numbers out of range."""
        found = _SHARD.fullmatch(text)
        if found is None:
            raise UserError(f"shard={text}: give it as i/n, for example shard=1/4 to shard=4/4")
        number, count = int(found[1]), int(found[2])
        if count < 1:
            raise UserError(f"shard={text}: the number of shards is 1 or more")
        if not 1 <= number <= count:
            counted = "; they are counted from 1, not from 0" if number == 0 else ""
            raise UserError(f"shard={text}: there are shards 1/{count} to {count}/{count}{counted}")
        return Shard(number, count)


@dataclass(frozen=True)
class MethodChoice:
    """``method=NAME method.weights=... method.<param>=...``."""

    name: str
    """Plain id (``datsr``), also for a method that came from a file."""
    weights: str | None = None
    """Variant name or a path; None: the method's default for this weights root."""
    params: Mapping[str, ParamValue] = field(default_factory=dict)
    """Only what the user said, types checked against the method's spec."""
    locator: str = ""
    """What names it in the registry: the id, or ``path/to/file.py:SPEC``."""


@dataclass(frozen=True)
class ReferenceFile:
    """Which of a sample's references a method gets, as suites and cards say it."""

    policy: str = "first"
    """A reference policy, e.g. ``first``, ``level``, ``count``, ``all``, ``hr``."""
    level: Annotated[int, Ge(1)] | None = None
    """Of ``policy: level``: the grade of the reference, 1..N."""
    count: Annotated[int, Ge(1)] | None = None
    """Of ``policy: count`` and ``upto``: how many references, 1..N."""
    order: Literal["best", "worst", "random"] | None = None
    """Of ``policy: count``: which of them; default ``best``."""

    def said(self) -> dict[str, ParamValue]:
        """The fields that have a value."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class ProtocolEntry:
    """One protocol instance of a suite: a card, a reference policy and at most one transform level."""

    card: str = "canonical"
    """Name of a protocol card in configs/protocol, or a key of ``SuiteConfig.cards``."""
    reference: Mapping[str, ParamValue] = field(default_factory=dict)
    """Which references the method sees, and how they are combined; empty: as the card says."""
    transform: str | None = None
    """What is done to the references (``jitter``); None: nothing."""
    level: str | None = None
    """Strength of the transform or degradation (``x1``); None where it has no levels."""
    draws: int = 1
    """Random draws per image."""
    control: bool = False
    """True for the undistorted entry that drops are measured from."""
    degradation: str | None = None
    """How LR is made from HR instead of the card's way (``blur``); None: the card's way."""


@dataclass(frozen=True)
class SuiteConfig:
    """A named list of protocol instances on one dataset (configs/suite/*.yaml or the user's own file)."""

    name: str
    dataset: str
    title: str = ""
    protocols: tuple[ProtocolEntry, ...] = (ProtocolEntry(control=True),)
    cards: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The user's own cards, ``FILE#<8 hex>`` -> what the file says, so that a manifest holds them whole."""
    multi: tuple[str, ...] = ()
    """``method.multi`` for methods that have the option: the first of these that a method knows."""


@dataclass(frozen=True)
class ExecutorChoice:
    """``executor=NAME executor.<param>=...``."""

    name: str = "serial"
    params: Mapping[str, ParamValue] = field(default_factory=dict)


@dataclass(frozen=True)
class RunConfig:
    """Everything ``refbench run`` needs for one method on one suite with one seed."""

    method: MethodChoice
    suite: SuiteConfig
    dataset: str
    """Plain dataset id; the suite's own unless ``dataset=`` says otherwise."""
    data: DataRequest = field(default_factory=DataRequest)
    seed: int = 0
    limit: int | None = None
    """Use only the first this many samples; None: all."""
    device: str = "auto"
    precision: Literal["fp32", "tf32", "bf16"] = "fp32"
    images: Literal["none", "png"] = "png"
    """Whether SR images are kept; they are what ``refbench score`` reads later."""
    table: Literal["brief", "full"] = "brief"
    """Whether the printed table has one line per method, or intervals, power and signatures as well."""
    metrics: tuple[str, ...] = ()
    """Aliases, full signatures or ``pyiqa:NAME``, in addition to those of the protocol's card."""
    tracking: Literal["mlflow", "none"] = "mlflow"
    tracking_uri: str | None = None
    """None: sqlite inside the results folder."""
    executor: ExecutorChoice = field(
        default_factory=lambda: ExecutorChoice("serial", {"timeout": None, "retries": 2})
    )
    out: Path = Path("results")
    weights_root: Path | None = None
    """``weights.root=``, else $REFBENCH_WEIGHTS, else None."""
    against: str | None = "bicubic"
    """The method that the others are compared with, added to the run; None: no comparison."""
    draws: int | None = None
    """Replaces the draws of every entry that has more than one; None: as the suite says."""
    repeat: int = 1
    """Calls of the method on each input; 2 finds out methods whose results differ from call to call."""
    threads: int | None = None
    memory_limit: str | None = None
    """``4GB``: bound on the matcher's and the network's working memory."""
    shard: Shard | None = None
    """Which part of the plan this run carries out; None: all of it."""
    words: tuple[str, ...] = field(default=(), compare=False, repr=False)
    """The settings as ``key=value`` words: typed again, they ask for the same run."""
