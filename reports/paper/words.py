"""Protocols, metrics and statistics in words, from what cards, signatures and cells record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from refbench.protocols.reference import POLICIES
from refbench.results.record import CellRecord
from refbench.specs import MetricSpec

SPACES = {"y601": "the luma channel (BT.601)", "rgb": "RGB", "gray": "grey values"}


def card_params(cell: CellRecord) -> Mapping[str, Any]:
    """The card's fields as the cell records them; empty where it records none."""
    protocol = cell.compare_key.get("protocol")
    params = protocol.get("params") if isinstance(protocol, Mapping) else None
    card = params.get("card") if isinstance(params, Mapping) else None
    return card if isinstance(card, Mapping) else {}


def protocol_words(cell: CellRecord) -> str:
    """``HR cropped to multiples of 4, LR by PIL bicubic (antialiased, 8 bit), reference: the first ...``."""
    card = card_params(cell)
    parts = []
    multiple = card.get("hr_crop_multiple")
    if isinstance(multiple, int) and multiple > 1:
        parts.append(f"HR cropped to multiples of {multiple}")
    if card.get("hr_pad", "none") != "none":
        parts.append(f"HR padded ({card['hr_pad']}, multiples of {card.get('hr_pad_multiple')})")
    if card.get("lr_kernel") == "pil-bicubic-aa":
        parts.append("LR by PIL bicubic (antialiased, 8 bit)")
    if cell.parts is not None:
        policy = cell.parts.reference
        parts.append(f"reference: {POLICIES.get(policy.name, policy.name)}")
        if cell.parts.transform is not None:
            parts.append(f"reference distorted by {cell.parts.transform} at level {cell.parts.level}")
    return ", ".join(parts)


def metric_words(specs: Sequence[MetricSpec]) -> list[str]:
    """``PSNR-Y and SSIM-Y: the luma channel (BT.601), 8-bit images, 4 pixels cut from each border``, from the
    signatures; metrics that were made alike share a sentence."""
    alike: dict[str, list[str]] = {}
    for spec in specs:
        alike.setdefault(_metric_details(spec), []).append(name_of(spec))
    return [f"{listed(names)}: {details}." for details, names in alike.items()]


def _metric_details(spec: MetricSpec) -> str:
    values = dict(field.partition("=")[::2] for field in spec.signature.split("|")[1:] if "=" in field)
    parts = [f"{values['net']} features"] if "net" in values else []
    if "space" in values:
        parts.append(SPACES.get(values["space"], values["space"]))
    if values.get("round") == "u8":
        parts.append("8-bit images")
    if "crop" in values:
        crop = values["crop"]
        parts.append(f"{crop} pixels cut from each border" if crop != "0" else "no border cut")
    if spec.kind == "matching":
        parts.append("the method's own matches against the true correspondence")
    if spec.region:
        parts.append(f"region {spec.region}")
    return ", ".join(parts)


def name_of(spec: MetricSpec) -> str:
    """``PSNR-Y``."""
    return spec.title or spec.alias


def listed(items: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def protocol_label(protocol: str, cards: Sequence[str]) -> str:
    """A protocol's column head: without the card where all share it, without versions.

    ``jitter x2`` for ``canonical@1+jitter@1[level=x2]``; ``undistorted`` for the card alone.
    """
    card, _, rest = protocol.partition("+")
    if len(set(cards)) > 1:
        return protocol if not rest else f"{card} {_short(rest)}"
    return _short(rest) if rest else "undistorted"


def _short(rest: str) -> str:
    text = rest.replace("ref=", "ref. ").replace("[level=", " ").replace("]", "")
    return " ".join(part.partition("@")[0] + (" " + part.partition(" ")[2] if "@" in part else "")
                    for part in text.split("+"))  # fmt: skip
