"""Reference policies: which image or images stand in for the reference, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib import import_module
from typing import Any

import numpy as np

from refbench.errors import SampleError, UserError, unknown
from refbench.identity.rng import generator
from refbench.protocols import stitching, substitutes
from refbench.protocols.given import checked_image
from refbench.protocols.plugins import Plugin, load_plugin, plugin_names, plugins
from refbench.settings import ReferenceFile
from refbench.types import Dataset, Image, Sample
from refbench.untrusted.schema import written

POLICIES = {
    "first": "the first reference (the most similar one where the dataset grades them)",
    "level": "the reference of one grade: level=1..N (CUFED5's L1..L5)",
    "count": "several references: count=1..N in order=best, worst or random",
    "upto": "the first references: count=1..N, or all where a sample has fewer",
    "all": "every reference, best first",
    "stitch_ttsr": "all references on black 500 x 500 squares, one under the other (TTSR's)",
    "stitch_masa": "all references centred, borders repeated to 512 x 512, one under the other (MASA's)",
    "hr": "the HR image itself: an upper bound, labelled as an oracle that leaks HR",
    "lr": "the LR image itself, at its own size (Urban100's use in TTSR and MASA)",
    "other": "the HR image of another sample of the set, chosen per draw",
    "foreign": "a photograph of another kind: one of scikit-image's CC0 textures, chosen per draw",
    "noise": "uniform colour noise of the first reference's size, fresh per draw",
    "constant": "a mid-grey image of the first reference's size (or of HR's): no information",
    "shuffled": "the first reference cut into 16 x 16 patches that change places, per draw",
}
ORACLE = "oracle: leaks HR"
RANDOM = frozenset({"other", "foreign", "noise", "shuffled"})
Chosen = tuple[tuple[Image, ...], tuple[str, ...]]


Select = Callable[
    [Sample, Image, np.random.Generator, Dataset | None, int], tuple[Sequence[Image], Sequence[str]]
]


@dataclass(frozen=True)
class Policy:
    """A policy that an installed package brings (entry point group ``refbench.references``)."""

    name: str
    version: int
    title: str
    select: Select
    """(sample, LR, generator, dataset, scale) -> (images, their names), both as long; SampleError where the
    sample lacks what it takes. The generator is seeded by seed, policy, sample and draw."""
    random: bool = False
    """Whether draws differ."""
    oracle: bool = False
    """Whether what it gives leaks the ground truth: every output says so."""
    imports: tuple[str, ...] = ()
    """Modules that ``select`` imports when it is first called."""


@dataclass(frozen=True)
class ReferencePolicy:
    """A policy with its parameters, e.g. ``level`` with ``level=5``."""

    name: str = "first"
    level: int | None = None
    count: int | None = None
    order: str | None = None
    plugin: str | None = None
    """Of a package's policy ``name@version#1a2b3c4d``, with 8 hex digits of its code."""
    leaks: bool | None = None
    """True for a package's oracle."""

    @staticmethod
    def parse(said: ReferenceFile | Mapping[str, Any], where: str) -> ReferencePolicy:
        """Check what a suite or a card says under ``reference:``; raises UserError naming the field."""
        if not isinstance(said, ReferenceFile):
            said = written(ReferenceFile, said, f"{where}: reference")
        name, level, count, order = said.policy, said.level, said.count, said.order
        if name not in POLICIES and name not in policy_names():
            raise UserError(f"{where}: {unknown('reference policy', name, policy_names())}")
        for field, value, takers in (("level", level, ("level",)), ("count", count, ("count", "upto"))):
            if (value is not None) != (name in takers):
                raise UserError(
                    f"{where}: reference.{field}=1..N goes with policy: {field}, and only with it"
                )
        if order is not None and name != "count":
            raise UserError(f"{where}: reference.order goes with policy: count, and only with it")
        made = ReferencePolicy(name, level, count, order or ("best" if name == "count" else None))
        if name in POLICIES:
            return made
        policy, content = load_plugin("references", name, Policy)
        return replace(made, plugin=f"{name}@{policy.version}#{content}", leaks=policy.oracle or None)

    @property
    def _loaded(self) -> Policy:
        policy, content = load_plugin("references", self.name, Policy)
        if self.plugin != f"{self.name}@{policy.version}#{content}":
            raise UserError(f"reference policy {self.plugin}: what is installed is another version")
        return policy

    @property
    def random(self) -> bool:
        """Whether draws differ."""
        if self.plugin is not None:
            return self._loaded.random
        return self.name in RANDOM or self.order == "random"

    @property
    def uses_lr(self) -> bool:
        """Whether :meth:`select` reads the pixels of LR, not its size alone."""
        return self.name == "lr" or self.plugin is not None

    def import_needs(self) -> None:
        """Import what :meth:`select` imports when it is first called."""
        for name in self._loaded.imports if self.plugin is not None else ():
            import_module(name)
        if self.name == "foreign":
            # scikit-image imports its readers when the first picture is read
            substitutes.photograph(substitutes.FOREIGN[0])

    @property
    def oracle(self) -> bool:
        """Whether the reference leaks the ground truth."""
        return self.name == "hr" or bool(self.leaks)

    @property
    def id(self) -> str:
        """Empty for the default, else what the protocol's name shows: ``ref=L5``, ``ref=3best``."""
        if self.name == "first":
            return ""
        if self.name == "level":
            return f"ref=L{self.level}"
        if self.name == "count":
            return f"ref={self.count}{self.order}"
        if self.name == "upto":
            return f"ref=upto{self.count}"
        name = self.plugin or self.name
        return f"ref={name}({ORACLE})" if self.oracle else f"ref={name}"

    def identity(self) -> dict[str, Any]:
        """For run and compare keys; unset fields are left out, so new ones do not change old keys."""
        return {f.name: v for f in fields(self) if (v := getattr(self, f.name)) is not None}

    def select(
        self, sample: Sample, draw: int, seed: int, dataset: Dataset | None, lr: Image, scale: int
    ) -> Chosen:
        """References and their names. Raises SampleError when the sample lacks what is asked for."""
        rng = generator(seed, "reference", self.name, sample.id, draw)
        if self.plugin is not None:
            images, found = self._loaded.select(sample, lr, rng, dataset, scale)
            if len(images) != len(found):
                raise SampleError(
                    f"reference policy {self.plugin} gave {len(images)} images and {len(found)} names"
                )
            whose = f"reference policy {self.plugin}"
            return tuple(checked_image(image, whose) for image in images), tuple(str(name) for name in found)
        maker = _MAKERS.get(self.name)
        if maker is not None:
            image, name = maker(sample, lr, rng, dataset, scale)
            return (image,), (name,)
        if not sample.refs:
            return (), ()
        names = sample.ref_names or tuple(f"ref{i + 1}" for i in range(len(sample.refs)))
        picked = self._picked(sample, rng)
        return tuple(sample.refs[i] for i in picked), tuple(names[i] for i in picked)

    def _picked(self, sample: Sample, rng: np.random.Generator) -> list[int]:
        there = len(sample.refs)
        if self.name == "all":
            return list(range(there))
        if self.name == "upto":
            return list(range(min(there, self.count or there)))
        if self.name == "count" and self.count is not None:
            if self.count > there:
                raise SampleError(f"{sample.id}: {self.count} references asked for, it has {there}")
            if self.order == "random":
                return [int(i) for i in rng.permutation(there)[: self.count]]
            best_first = range(there) if self.order == "best" else range(there - 1, -1, -1)
            return list(best_first)[: self.count]
        index = 0 if self.level is None else self.level - 1
        if index >= there:
            raise SampleError(f"{sample.id}: reference L{index + 1} asked for, it has {there}")
        return [index]


def policy_names() -> tuple[str, ...]:
    """Names of the policies: shipped ones and those of installed packages."""
    return (*POLICIES, *plugin_names("references", POLICIES))


def policy_plugins() -> tuple[Plugin, ...]:
    """Policies of installed packages, usable or not."""
    return plugins("references", POLICIES, Policy)


_MAKERS: Mapping[
    str, Callable[[Sample, Image, np.random.Generator, Dataset | None, int], tuple[Image, str]]
] = {
    "stitch_ttsr": stitching.on_black,
    "stitch_masa": stitching.replicated,
    "hr": substitutes.own_hr,
    "lr": substitutes.own_lr,
    "other": substitutes.other_sample,
    "foreign": substitutes.foreign,
    "noise": substitutes.noise,
    "constant": substitutes.constant,
    "shuffled": substitutes.shuffled,
}
