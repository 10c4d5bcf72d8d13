"""Protocol cards: the evaluation protocol as data, named and versioned.

A card's parameters are part of every run key. Changing one needs a new version: a test pins the
shipped cards by hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from importlib.resources import files
from pathlib import PurePath
from typing import Any

import yaml

from refbench.errors import UserError, unknown
from refbench.identity.keys import digest
from refbench.protocols.padding import HR_PADS, REF_PADS


@dataclass(frozen=True)
class Card:
    """One evaluation protocol."""

    name: str
    version: int
    title: str
    scale: int = 4
    hr_crop_multiple: int = 4
    """HR is cropped (top-left) to a multiple of this; the crop is what is scored."""
    hr_pad: str = "none"
    """Padding of the cropped HR before LR is made; SR is cut back to the crop before it is scored."""
    hr_pad_multiple: int = 1
    """For ``replicate-centred``: HR is padded to a multiple of this."""
    lr_kernel: str = "pil-bicubic-aa"
    """PIL bicubic, a = -0.5, antialiased, 8-bit result."""
    ref_crop_multiple: int = 1
    """References are cropped (top-left) to a multiple of this; 1 leaves them as they are."""
    ref_pad: str = "none"
    ref_pad_multiple: int = 1
    metrics: tuple[str, ...] = ("psnr_y", "ssim_y", "psnr_rgb")
    """Metrics that the protocol reports unless the user asks for others."""
    averaging: str = "mean-of-images"
    source: str = ""
    prose: str = ""
    content: str = ""
    """Of a card from the user's own file, 8 hex digits of what it says; empty for a shipped one."""

    @property
    def id(self) -> str:
        """``name@version``; ``name@version#1a2b3c4d`` for a user's own, never a shipped one's."""
        return f"{self.name}@{self.version}{f'#{self.content}' if self.content else ''}"

    def identity(self) -> dict[str, Any]:
        """The parameters that make trials: what the run key covers (texts and metrics are not in it)."""
        skip = {"title", "source", "prose", "metrics", "averaging"}
        if not self.content:
            skip.add("content")
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in skip}


def card_names() -> tuple[str, ...]:
    """Names of the shipped cards."""
    folder = files("refbench.configs") / "protocol"
    return tuple(sorted(p.name.removesuffix(".yaml") for p in folder.iterdir() if p.name.endswith(".yaml")))


def parse_card(data: Mapping[str, Any], where: str) -> Card:
    """Check a card's mapping. Raises UserError naming the file and the field."""
    known = {f.name for f in fields(Card)} - {"content"}
    for key in data:
        if key not in known:
            raise UserError(f"{where}: {unknown('card field', str(key), known)}")
    for key, kind in (("name", str), ("version", int), ("title", str)):
        if not isinstance(data.get(key), kind):
            raise UserError(f"{where}: field {key!r} is missing or not a {kind.__name__}")
    choices = {
        "hr_pad": set(HR_PADS),
        "lr_kernel": {"pil-bicubic-aa"},
        "ref_pad": set(REF_PADS),
        "averaging": {"mean-of-images"},
    }
    for key, allowed in choices.items():
        if key in data and data[key] not in allowed:
            raise UserError(f"{where}: {key}={data[key]!r}; it can be {', '.join(sorted(allowed))}")
    values = dict(data)
    if "metrics" in values:
        values["metrics"] = tuple(values["metrics"])
    return Card(**values)


def card_key(path: str, data: Mapping[str, Any]) -> str:
    """How a suite names a user's own card: ``mylab.yaml#1a2b3c4d``, without the folder it lies in."""
    return f"{PurePath(path).name}#{card_content(data)}"


def card_content(data: Mapping[str, Any]) -> str:
    """8 hex digits of the fields that make trials and scores; a reworded title changes nothing."""
    texts = ("title", "source", "prose")
    return digest({key: value for key, value in data.items() if key not in texts})[:8]


def own_card(data: Mapping[str, Any], where: str) -> Card:
    """A user's own card from its mapping. Raises UserError naming the field."""
    return replace(parse_card(data, where), content=card_content(data))


def load_card(name: str) -> Card:
    """The shipped card called ``name`` (``canonical`` or ``canonical@1``)."""
    plain, _, version = name.partition("@")
    if plain not in card_names():
        raise unknown("protocol card", plain, card_names())
    source = files("refbench.configs") / "protocol" / f"{plain}.yaml"
    card = parse_card(yaml.safe_load(source.read_text(encoding="utf-8")), f"configs/protocol/{plain}.yaml")
    if version and version != str(card.version):
        raise UserError(
            f"protocol {name!r}: this refbench ships {card.id}; numbers of other versions are not comparable"
        )
    return card
