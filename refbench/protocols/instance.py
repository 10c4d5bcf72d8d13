"""One protocol of a suite: card + reference policy + reference transform at one level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from refbench.errors import SampleError, UserError, unknown
from refbench.identity.rng import generator
from refbench.imaging import bicubic_down, mod_crop
from refbench.imaging.warp import project
from refbench.protocols.card import Card, load_card, own_card
from refbench.protocols.degradations import load_degradation
from refbench.protocols.given import check_given, checked_image, scored_of_given
from refbench.protocols.padding import pad_trial
from refbench.protocols.reference import ORACLE, ReferencePolicy
from refbench.protocols.transforms import load_transform
from refbench.types import Dataset, Image, Sample, Trial, blank

if TYPE_CHECKING:
    from refbench.settings import SuiteConfig


@dataclass(frozen=True)
class ProtocolInstance:
    """What ``apply`` needs, as plain data: it travels to workers and into keys."""

    card: Card
    reference: ReferencePolicy = field(default_factory=ReferencePolicy)
    transform: str | None = None
    level: str | None = None
    draws: int = 1
    control: bool = False
    """The undistorted trial that the others of its suite are compared with."""
    degradation: str | None = None
    """How LR is made, at ``level``, instead of the card's way; excludes ``transform``."""

    @property
    def id(self) -> str:
        """``canonical@1``, ``canonical@1+jitter@1[level=x1]``, ``canonical@1+ref=L5``."""
        text = self.card.id
        if self.reference.id:
            text += f"+{self.reference.id}"
        if self.transform is not None:
            text += f"+{load_transform(self.transform).id}[level={self.level}]"
        if self.degradation is not None:
            text += f"+{load_degradation(self.degradation).id}[level={self.level}]"
        return text

    def identity(self) -> dict[str, Any]:
        """Everything that makes the trials, for run and compare keys. Draws are rows, not identity."""
        identity: dict[str, Any] = {
            "card": self.card.identity(),
            "reference": self.reference.identity(),
        }
        if self.transform is not None and self.level is not None:
            family = load_transform(self.transform)
            identity["transform"] = {
                "name": family.id, "level": self.level, "params": dict(family.levels[self.level])
            }  # fmt: skip
        if self.degradation is not None and self.level is not None:
            degraded = load_degradation(self.degradation)
            identity["degradation"] = {
                "name": degraded.id, "level": self.level, "params": dict(degraded.levels[self.level])
            }  # fmt: skip
        return identity

    @property
    def warning(self) -> str:
        """What every output must say of this protocol's numbers; empty for most."""
        return ORACLE if self.reference.oracle else ""

    def apply(self, sample: Sample, draw: int, seed: int, dataset: Dataset | None = None) -> Trial:
        """Make the trial of one sample and draw: pure, and the same in any order or process.

        ``dataset``: where policies that need another sample find it.
        Raises SampleError when the sample cannot be made into a trial (too small, no such reference).
        """
        card, target = self.card, self._target(sample)
        self._check_given(sample)
        if sample.lr is not None or target is None or self.reference.uses_lr:
            plain = self._plain_lr(sample, target, draw, seed)
        else:
            plain = blank(target.shape[0] // card.scale, target.shape[1] // card.scale), {}
        refs, names = self.reference.select(sample, draw, seed, dataset, plain[0], card.scale)
        refs, notes = self._transformed(refs, sample.id, draw, seed)
        if card.ref_crop_multiple > 1:
            refs = tuple(mod_crop(r, card.ref_crop_multiple) for r in refs)
        cut: tuple[int, int, int, int] | None = None
        truth = None
        if target is None or sample.lr is not None:
            # a given LR is what the network gets: nothing is padded
            lr, facts = plain
            if target is not None and card.sr_fit == "none":
                target, cut = scored_of_given(target, lr, card.scale)
        else:
            padded, frame, refs = pad_trial(
                target, refs, card.hr_pad, card.hr_pad_multiple, card.ref_pad, card.ref_pad_multiple,
                card.pad_least,
            )  # fmt: skip
            # MASA scores the uncropped HR: its padded frame is always a multiple of the scale
            if padded.shape != target.shape:
                cut = (frame.top, frame.left, frame.height, frame.width)
            lr, facts = self._made_lr(padded, sample.id, draw, seed)
            truth = self._truth(sample, target, draw, seed)
        fitted = card.sr_fit != "none" and target is not None
        return Trial(
            sample_id=sample.id,
            draw=draw,
            lr=lr,
            refs=refs,
            target=target,
            ref_names=names,
            sr_cut=cut,
            sr_fit=(target.shape[0], target.shape[1]) if fitted and target is not None else None,
            colour_fix=card.colour_fix,
            truth=truth,
            regions=_regions(sample, target),
            notes={**notes, **facts},
        )

    def outline(
        self, sample: Sample, draw: int, seed: int, dataset: Dataset | None = None
    ) -> tuple[tuple[str, ...], tuple[int, int] | None]:
        """(reference names, (H, W) of the target) of a trial, without making it: from the sizes of its
        images. Raises SampleError as :meth:`apply` does."""
        target = self._target(sample)
        self._check_given(sample)
        if sample.lr is not None or target is None:
            lr, _ = self._plain_lr(sample, target, draw, seed)
            if target is not None and self.card.sr_fit == "none":
                target, _ = scored_of_given(target, lr, self.card.scale)
        else:
            lr = blank(target.shape[0] // self.card.scale, target.shape[1] // self.card.scale)
        _, names = self.reference.select(sample, draw, seed, dataset, lr, self.card.scale)
        # SR that is fitted to HR may come in another size
        known = target is not None and self.card.sr_fit == "none"
        return names, (target.shape[0], target.shape[1]) if known and target is not None else None

    def knows_truth(self, measured: bool) -> bool:
        """Whether its trials carry the true correspondence: HR itself, or (``measured``) a first reference
        whose correspondence the dataset knows, as it is or under a known warp."""
        followed = self.transform is None or not load_transform(self.transform).moves
        known = self.reference.name == "hr" or (measured and self.reference.name == "first")
        return known and followed and self.card.ref_pad == "none" and self.card.hr_pad == "none"

    def _truth(self, sample: Sample, target: Image, draw: int, seed: int) -> npt.NDArray[np.float64] | None:
        if not self.knows_truth(sample.places is not None):
            return None
        oracle = self.reference.name == "hr"
        like = sample.hr if oracle else sample.refs[0] if sample.refs else None
        if like is None:
            return None
        moved = self._moved(sample.id, like.shape[0], like.shape[1], draw, seed)
        if oracle:
            return moved
        assert sample.places is not None
        return project(moved, sample.places[: target.shape[0], : target.shape[1]])

    def _moved(
        self, sample_id: str, height: int, width: int, draw: int, seed: int
    ) -> npt.NDArray[np.float64]:
        """3 x 3 map from points of the plain reference to points of the one that the method gets."""
        if self.transform is None or self.level is None:
            return np.eye(3)
        family = load_transform(self.transform)
        if family.matrix is None:
            return np.eye(3)
        rng = generator(seed, family.seed, sample_id, draw, 0)
        back, _ = family.matrix(family.levels[self.level], rng, height, width)
        return np.linalg.inv(back).astype(np.float64)

    def _target(self, sample: Sample) -> Image | None:
        if sample.hr is None:
            return None
        multiple = self.card.hr_crop_multiple
        if min(sample.hr.shape[:2]) < max(multiple, self.card.scale):
            raise SampleError(f"{sample.id}: HR {sample.hr.shape[1]}x{sample.hr.shape[0]} is too small")
        return mod_crop(sample.hr, multiple)

    def _check_given(self, sample: Sample) -> None:
        """SampleError where LR images are given and may not be, or the other way round."""
        if self.card.given_lr and sample.lr is None:
            raise SampleError(
                f"{sample.id}: protocol {self.card.id} scores the dataset's own LR images; it has none"
            )
        if self.degradation is not None and sample.lr is not None:
            raise SampleError(
                f"{sample.id}: the dataset gives LR images; a degradation makes its own from HR: "
                "the two are never mixed"
            )

    def _plain_lr(
        self, sample: Sample, target: Image | None, draw: int, seed: int
    ) -> tuple[Image, dict[str, str | float]]:
        """The given LR, checked; else LR of the unpadded target (what ``ref=lr`` uses), with its facts."""
        scale = self.card.scale
        if sample.lr is None:
            if target is None:
                raise SampleError(f"{sample.id}: neither HR nor LR")
            return self._made_lr(mod_crop(target, scale), sample.id, draw, seed)
        if target is not None and sample.hr is not None:
            check_given(sample.id, sample.lr, sample.hr, target, scale, self.card.sr_fit != "none")
        return sample.lr, {}

    def _made_lr(
        self, hr: Image, sample_id: str, draw: int, seed: int
    ) -> tuple[Image, dict[str, str | float]]:
        """LR of ``hr``, whose sides are multiples of the scale, and facts for the row."""
        if self.degradation is None or self.level is None:
            return bicubic_down(hr, self.card.scale), {}
        family = load_degradation(self.degradation)
        rng = generator(seed, family.seed, sample_id, draw)
        lr, facts = family.apply(hr, self.card.scale, family.levels[self.level], rng)
        size = (hr.shape[0] // self.card.scale, hr.shape[1] // self.card.scale)
        lr = checked_image(lr, f"degradation {family.id}", size)
        return lr, {f"lr.{key}": value for key, value in facts.items()}

    def _transformed(
        self, refs: tuple[Image, ...], sample_id: str, draw: int, seed: int
    ) -> tuple[tuple[Image, ...], dict[str, str | float]]:
        notes: dict[str, str | float] = {}
        if self.transform is None or self.level is None:
            return refs, notes
        family = load_transform(self.transform)
        changed = []
        for i, ref in enumerate(refs):
            rng = generator(seed, family.seed, sample_id, draw, i)
            image, facts = family.apply(ref, family.levels[self.level], rng)
            changed.append(checked_image(image, f"transform {family.id}"))
            prefix = f"{family.name}." if len(refs) == 1 else f"{family.name}.{i + 1}."
            notes.update({prefix + key: value for key, value in facts.items()})
        return tuple(changed), notes


def _regions(sample: Sample, target: Image | None) -> dict[str, npt.NDArray[np.bool_]]:
    """The sample's regions, cut like its HR. SampleError for a mask of another size than HR."""
    if sample.hr is None or target is None:
        return {}
    for name, mask in sample.regions.items():
        if mask.shape != sample.hr.shape[:2]:
            height, width = sample.hr.shape[:2]
            raise SampleError(
                f"{sample.id}: region {name} has shape {mask.shape}, HR {(height, width)}; one mask pixel is "
                "needed per HR pixel"
            )
    return {name: mask[: target.shape[0], : target.shape[1]] for name, mask in sample.regions.items()}


def build_instances(suite: SuiteConfig, draws: int | None = None) -> tuple[ProtocolInstance, ...]:
    """The protocol instances of a suite; ``draws`` overrides the suite's number where draws differ."""
    instances: list[ProtocolInstance] = []
    # forty levels of one card read its file once
    names = dict.fromkeys(entry.card for entry in suite.protocols)
    cards = {
        name: own_card(suite.cards[name], name) if name in suite.cards else load_card(name) for name in names
    }
    for entry in suite.protocols:
        where = f"suite {suite.name}"
        card = cards[entry.card]
        reference = ReferencePolicy.parse(entry.reference or card.reference, where)
        random = reference.random
        if entry.transform is not None:
            family = load_transform(entry.transform)
            _check_level(where, entry.transform, entry.level, family.levels)
            random = random or family.random
        if entry.degradation is not None:
            degraded = load_degradation(entry.degradation)
            _check_level(where, entry.degradation, entry.level, degraded.levels)
            if card.given_lr:
                raise UserError(
                    f"{where}: protocol {card.id} scores given LR images; "
                    f"leave degradation: {entry.degradation} out"
                )
            random = random or degraded.random
        count = 1
        if random:
            count = draws if draws is not None else entry.draws
        instance = ProtocolInstance(
            card, reference, entry.transform, entry.level, count, entry.control, entry.degradation
        )
        if instance.id in {i.id for i in instances}:
            raise UserError(f"{where}: protocol {instance.id} is listed twice")
        instances.append(instance)
    if not instances:
        raise UserError(f"suite {suite.name}: it lists no protocol")
    return tuple(instances)


def _check_level(where: str, family: str, level: str | None, levels: Mapping[str, object]) -> None:
    if level not in levels:
        raise UserError(f"{where}: {unknown(f'{family} level', str(level), levels)}")


def control_of(instances: Sequence[ProtocolInstance]) -> ProtocolInstance | None:
    """The suite's control, if it has one."""
    return next((i for i in instances if i.control), None)


def control_id(instance: ProtocolInstance, control: ProtocolInstance | None) -> str | None:
    """What the drop of ``instance`` is measured from; an oracle loses nothing to a plain control."""
    if control is None or control.id == instance.id:
        return None
    return None if instance.reference.oracle and not control.reference.oracle else control.id
