"""One protocol of a suite: card + reference policy + reference transform at one level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from refbench.errors import SampleError, UserError, unknown
from refbench.identity.rng import generator
from refbench.imaging import bicubic_down, mod_crop
from refbench.imaging.warp import project
from refbench.protocols.card import Card, load_card, own_card
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

    @property
    def id(self) -> str:
        """``canonical@1``, ``canonical@1+jitter@1[level=x1]``, ``canonical@1+ref=L5``."""
        text = self.card.id
        if self.reference.id:
            text += f"+{self.reference.id}"
        if self.transform is not None:
            text += f"+{load_transform(self.transform).id}[level={self.level}]"
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
        target = self._target(sample)
        refs, names = self.reference.select(sample, draw, seed, dataset, self._plain_lr(sample, target))
        refs, notes = self._transformed(refs, sample.id, draw, seed)
        if self.card.ref_crop_multiple > 1:
            refs = tuple(mod_crop(r, self.card.ref_crop_multiple) for r in refs)
        if target is None or sample.lr is not None:
            # a given LR is what the network gets: nothing is padded
            lr = self._plain_lr(sample, target)
            return Trial(
                sample_id=sample.id,
                draw=draw,
                lr=lr,
                refs=refs,
                target=target,
                ref_names=names,
                regions=_regions(sample, target),
                notes=notes,
            )
        card = self.card
        padded, frame, refs = pad_trial(
            target, refs, card.hr_pad, card.hr_pad_multiple, card.ref_pad, card.ref_pad_multiple
        )
        # MASA scores the uncropped HR: its padded frame is always a multiple of the scale
        cut = None if padded.shape == target.shape else (frame.top, frame.left, frame.height, frame.width)
        lr = bicubic_down(padded, card.scale)
        return Trial(
            sample_id=sample.id,
            draw=draw,
            lr=lr,
            refs=refs,
            target=target,
            ref_names=names,
            sr_cut=cut,
            truth=self._truth(sample, target, draw, seed),
            regions=_regions(sample, target),
            notes=notes,
        )

    def outline(
        self, sample: Sample, draw: int, seed: int, dataset: Dataset | None = None
    ) -> tuple[tuple[str, ...], tuple[int, int] | None]:
        """(reference names, (H, W) of the target) of a trial, without making it: from the sizes of its
        images. Raises SampleError as :meth:`apply` does."""
        target = self._target(sample)
        if sample.lr is not None or target is None:
            lr = self._plain_lr(sample, target)
        else:
            lr = blank(target.shape[0] // self.card.scale, target.shape[1] // self.card.scale)
        _, names = self.reference.select(sample, draw, seed, dataset, lr)
        return names, None if target is None else (target.shape[0], target.shape[1])

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
        rng = generator(seed, family.id, sample_id, draw, 0)
        back, _ = family.matrix(family.levels[self.level], rng, height, width)
        return np.linalg.inv(back).astype(np.float64)

    def _target(self, sample: Sample) -> Image | None:
        if sample.hr is None:
            return None
        multiple = self.card.hr_crop_multiple
        if min(sample.hr.shape[:2]) < max(multiple, self.card.scale):
            raise SampleError(f"{sample.id}: HR {sample.hr.shape[1]}x{sample.hr.shape[0]} is too small")
        return mod_crop(sample.hr, multiple)

    def _plain_lr(self, sample: Sample, target: Image | None) -> Image:
        """The given LR, checked; else LR of the unpadded target (what ``ref=lr`` uses)."""
        scale = self.card.scale
        if sample.lr is None:
            if target is None:
                raise SampleError(f"{sample.id}: neither HR nor LR")
            return bicubic_down(mod_crop(target, scale), scale)
        expected = (sample.lr.shape[0] * scale, sample.lr.shape[1] * scale)
        if target is not None and target.shape[:2] != expected:
            raise SampleError(
                f"{sample.id}: the given LR is {sample.lr.shape[1]}x{sample.lr.shape[0]}, the cropped HR "
                f"{target.shape[1]}x{target.shape[0]} is not {scale} times that"
            )
        return sample.lr

    def _transformed(
        self, refs: tuple[Image, ...], sample_id: str, draw: int, seed: int
    ) -> tuple[tuple[Image, ...], dict[str, str | float]]:
        notes: dict[str, str | float] = {}
        if self.transform is None or self.level is None:
            return refs, notes
        family = load_transform(self.transform)
        changed = []
        for i, ref in enumerate(refs):
            rng = generator(seed, family.id, sample_id, draw, i)
            image, facts = family.apply(ref, family.levels[self.level], rng)
            changed.append(image)
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
        reference = ReferencePolicy.parse(entry.reference, where)
        count = 1
        if entry.transform is not None:
            family = load_transform(entry.transform)
            if entry.level not in family.levels:
                raise UserError(
                    f"{where}: {unknown(f'{entry.transform} level', str(entry.level), family.levels)}"
                )
            if family.random or reference.random:
                count = draws if draws is not None else entry.draws
        elif reference.random:
            count = draws if draws is not None else entry.draws
        instance = ProtocolInstance(card, reference, entry.transform, entry.level, count, entry.control)
        if instance.id in {i.id for i in instances}:
            raise UserError(f"{where}: protocol {instance.id} is listed twice")
        instances.append(instance)
    if not instances:
        raise UserError(f"suite {suite.name}: it lists no protocol")
    return tuple(instances)


def with_draws(instance: ProtocolInstance, draws: int) -> ProtocolInstance:
    """The same protocol with another number of draws (the same keys: draws are rows)."""
    return replace(instance, draws=draws)


def control_of(instances: Sequence[ProtocolInstance]) -> ProtocolInstance | None:
    """The suite's control, if it has one."""
    return next((i for i in instances if i.control), None)


def control_id(instance: ProtocolInstance, control: ProtocolInstance | None) -> str | None:
    """What the drop of ``instance`` is measured from; an oracle loses nothing to a plain control."""
    if control is None or control.id == instance.id:
        return None
    return None if instance.reference.oracle and not control.reference.oracle else control.id
