"""Protocol cards: the evaluation protocol as data, named and versioned.

A card's parameters are part of every run key. Changing one needs a new version: a test pins the
shipped cards by hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.resources import files
from pathlib import PurePath
from typing import Annotated, Any, Literal

import yaml
from annotated_types import MinLen

from refbench.errors import UserError, unknown
from refbench.identity.keys import digest
from refbench.protocols.padding import HrPad, RefPad
from refbench.protocols.plugins import Plugin, load_plugin, plugin_names, plugins
from refbench.protocols.reference import ReferencePolicy
from refbench.protocols.sr_colour import ColourFix
from refbench.settings import ReferenceFile
from refbench.untrusted.schema import Count, Whole, written

TEXTS = ("title", "source", "paper", "bibtex", "prose")
"""Fields that describe a protocol and decide nothing."""


@dataclass(frozen=True)
class CardFile:
    """A protocol card: one evaluation protocol, as its file has it."""

    name: Annotated[str, MinLen(1)]
    """Name of the protocol; ``name@version`` is its id."""
    version: Whole
    """Raised when a field that makes trials or scores changes."""
    title: str
    """One line for lists and captions."""
    scale: Whole = 4
    """HR pixels per LR pixel along each side."""
    hr_crop_multiple: Whole = 4
    """HR is cropped (top-left) to a multiple of this; the crop is what is scored."""
    hr_pad: HrPad = "none"
    """Padding of the cropped HR before LR is made; SR is cut back to the crop before it is scored."""
    hr_pad_multiple: Whole = 1
    """For ``replicate-centred`` and ``zero-to-common``: the padded size is a multiple of this."""
    pad_least: Count = 0
    """For ``zero-to-common``: no side of the common size is smaller."""
    lr_kernel: Literal["pil-bicubic-aa"] = "pil-bicubic-aa"
    """PIL bicubic, a = -0.5, antialiased, 8-bit result."""
    ref_crop_multiple: Whole = 1
    """References are cropped (top-left) to a multiple of this; 1 leaves them as they are."""
    ref_pad: RefPad = "none"
    """Padding of the references after their crop."""
    ref_pad_multiple: Whole = 1
    """The padded size is a multiple of this."""
    given_lr: bool = False
    """True: only for datasets that bring their own LR images, none is made."""
    sr_fit: Literal["none", "pil-bicubic"] = "none"
    """``pil-bicubic``: SR of another size than HR is resized to it before it is scored; ``none``: what lies
    beyond HR's bottom and right is cut off."""
    colour_fix: ColourFix = "none"
    """What is done to SR before it is scored: its colours are made those of LR (``adain``, ``wavelet``)."""
    reference: ReferenceFile = field(default_factory=ReferenceFile)
    """Reference policy of suites that name none."""
    metrics: Annotated[tuple[str, ...], MinLen(1)] = ("psnr_y", "ssim_y", "psnr_rgb")
    """Metrics that the protocol reports unless the user asks for others."""
    averaging: Literal["mean-of-images"] = "mean-of-images"
    """How values of images become one number."""
    source: str = ""
    """Where the protocol is described: paper section or script."""
    paper: str = ""
    """The paper whose evaluation this is, in one line."""
    bibtex: str = ""
    """Its BibTeX entry or a key of the shipped ones; empty: nothing to cite."""
    prose: str = ""
    """The protocol in words, for tables and appendices."""


@dataclass(frozen=True)
class Card(CardFile):
    """One evaluation protocol."""

    content: str = ""
    """Of a card from the user's own file, 8 hex digits of what it says; empty for a shipped one."""

    @property
    def id(self) -> str:
        """``name@version``; ``name@version#1a2b3c4d`` for a user's own, never a shipped one's."""
        return f"{self.name}@{self.version}{f'#{self.content}' if self.content else ''}"

    def identity(self) -> dict[str, Any]:
        """The parameters that make trials: what the run key covers (texts and metrics are not in it)."""
        skip = {*TEXTS, "metrics", "averaging", "reference"}
        # fields that came later are in the keys of the cards that use them: older keys stay what they were
        later = {"pad_least": 0, "given_lr": False, "sr_fit": "none", "colour_fix": "none", "content": ""}
        found = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in skip}
        return {name: value for name, value in found.items() if name not in later or value != later[name]}


def card_names() -> tuple[str, ...]:
    """Names of the shipped cards."""
    folder = files("refbench.configs") / "protocol"
    return tuple(sorted(p.name.removesuffix(".yaml") for p in folder.iterdir() if p.name.endswith(".yaml")))


def parse_card(data: Mapping[str, Any], where: str) -> Card:
    """Check a card's mapping. Raises UserError naming the file and the field."""
    card = Card(**vars(written(CardFile, data, where)))
    ReferencePolicy.parse(card.reference, where)
    _check_sizes(card, where)
    return card


def _check_sizes(card: Card, where: str) -> None:
    """UserError where the crops and paddings do not leave whole LR pixels."""
    if card.given_lr:
        return
    deciding = {
        "none": ("hr_crop_multiple",),
        "replicate-centred": ("hr_pad_multiple",),
        "zero-to-common": ("hr_crop_multiple", "ref_crop_multiple", "pad_least"),
    }[card.hr_pad]
    if card.hr_pad == "zero-to-common" and card.hr_pad_multiple > 1:
        deciding = ("hr_pad_multiple",)
    for name in deciding:
        if getattr(card, name) % card.scale:
            raise UserError(
                f"{where}: {name}={getattr(card, name)} is not a multiple of scale={card.scale}, so LR would "
                "not have whole pixels (for sets that bring their LR: given_lr: true)"
            )


def card_key(path: str, data: Mapping[str, Any]) -> str:
    """How a suite names a user's own card: ``mylab.yaml#1a2b3c4d``, without the folder it lies in."""
    return f"{PurePath(path).name}#{card_content(data)}"


def card_content(data: Mapping[str, Any]) -> str:
    """8 hex digits of the fields that make trials and scores; a reworded title changes nothing."""
    return digest({key: value for key, value in data.items() if key not in TEXTS})[:8]


def own_card(data: Mapping[str, Any], where: str) -> Card:
    """A user's own card from its mapping. Raises UserError naming the field."""
    return replace(parse_card(data, where), content=card_content(data))


def plugin_card(name: str) -> dict[str, Any] | None:
    """What the card of an installed package says, checked; None where no package brings one of this name."""
    if name not in plugin_names("cards", card_names()):
        return None
    found, _ = load_plugin("cards", name, dict)
    parse_card(found, f"card {name} of a plugin")
    return found


def card_plugins() -> tuple[Plugin, ...]:
    """Cards of installed packages, usable or not."""
    return plugins("cards", card_names(), dict)


def load_card(name: str) -> Card:
    """The shipped card called ``name`` (``canonical`` or ``canonical@1``)."""
    plain, _, version = name.partition("@")
    if plain not in card_names():
        raise unknown("protocol card", plain, (*card_names(), *plugin_names("cards", card_names())))
    source = files("refbench.configs") / "protocol" / f"{plain}.yaml"
    card = parse_card(yaml.safe_load(source.read_text(encoding="utf-8")), f"configs/protocol/{plain}.yaml")
    if version and version != str(card.version):
        raise UserError(
            f"protocol {name!r}: this refbench ships {card.id}; numbers of other versions are not comparable"
        )
    return card
