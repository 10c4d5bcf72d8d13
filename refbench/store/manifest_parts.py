"""The layout of what a manifest nests: what readers of it take for granted, checked as it is read.

A manifest of somebody else may hold anything. Fields that are not here may be anything too: nobody looks
into them but to compare or print them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from annotated_types import Ge, Le

from refbench.untrusted.schema import Count


@dataclass(frozen=True)
class _Facts:
    signature: str
    unit: str | None = None
    decimals: int | None = None
    higher_is_better: bool | None = None
    needs_target: bool | None = None
    kind: str | None = None
    title: str | None = None
    bounds: tuple[float | None, float | None] | None = None


@dataclass(frozen=True)
class _Gpu:
    name: str | None = None


@dataclass(frozen=True)
class _Git:
    commit: str | None = None
    dirty: bool | None = None


@dataclass(frozen=True)
class _Session:
    id: str | None = None
    started: str | None = None
    finished: str | None = None
    host: str | None = None
    cpu: str | None = None
    cpus: int | None = None
    threads: int | None = None
    device: str | None = None
    gpu: _Gpu | None = None
    packages: Mapping[str, str | None] | None = None
    git: _Git | None = None
    project: _Git | None = None
    command: tuple[str, ...] | None = None
    environment: Mapping[str, str | None] | None = None
    rows: Count | None = None


@dataclass(frozen=True)
class _Data:
    root: str | None = None
    partial: bool | None = None
    ids: tuple[str, ...] | None = None
    options: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class _Entry:
    card: str | None = None
    reference: Mapping[str, Any] | None = None
    transform: str | None = None
    level: str | None = None
    draws: int | None = None
    control: bool | None = None
    degradation: str | None = None


@dataclass(frozen=True)
class _Suite:
    name: str | None = None
    dataset: str | None = None
    title: str | None = None
    protocols: tuple[_Entry, ...] | None = None
    cards: Mapping[str, Mapping[str, Any]] | None = None


@dataclass(frozen=True)
class _Config:
    dataset: str | None = None
    data: _Data | None = None
    suite: _Suite | None = None
    words: tuple[str, ...] | None = None


@dataclass(frozen=True)
class _Compare:
    dataset: str | None = None
    seed: int | None = None


@dataclass(frozen=True)
class _Whole:
    samples: tuple[str, ...]
    draws: Annotated[int, Ge(1), Le(10_000)] = 1


@dataclass(frozen=True)
class _File:
    role: str | None = None
    name: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Parts:
    """See the module's text."""

    metrics: Mapping[str, _Facts] = field(default_factory=dict)
    sessions: tuple[_Session, ...] = ()
    weights_files: tuple[_File, ...] = ()
    config: _Config = field(default_factory=_Config)
    compare: _Compare = field(default_factory=_Compare)
    whole: _Whole | None = None
