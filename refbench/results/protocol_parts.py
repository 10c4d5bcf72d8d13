"""What a cell's protocol is made of: card, reference policy, transform and level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from refbench.errors import UserError
from refbench.protocols.degradations import Degradation, degradation_names, load_degradation
from refbench.protocols.reference import ReferencePolicy
from refbench.protocols.transforms import Transform, load_transform, transform_names
from refbench.untrusted.schema import SchemaError, fitted


@dataclass(frozen=True)
class ProtocolParts:
    """A protocol taken apart, so that cells can be gathered into curves."""

    card: str
    """``canonical@1``."""
    reference: ReferencePolicy
    transform: str | None
    """Family with its version: ``jitter@1`` of the reference, ``lr-blur@1`` of LR."""
    level: str | None

    @property
    def base(self) -> str:
        """Id of the same card and reference without a transform."""
        return f"{self.card}+{self.reference.id}" if self.reference.id else self.card


def protocol_parts(compare: Mapping[str, Any]) -> ProtocolParts | None:
    """The parts that a compare key (``Manifest.compare``) records; None where it records none."""
    protocol = compare.get("protocol")
    params = protocol.get("params") if isinstance(protocol, Mapping) else None
    if not isinstance(params, Mapping):
        return None
    card, reference = params.get("card"), params.get("reference")
    if not isinstance(card, Mapping) or not isinstance(reference, Mapping):
        return None
    known = {f.name for f in fields(ReferencePolicy)}
    if "name" not in card or "version" not in card or not set(reference) <= known:
        return None
    try:
        policy = fitted(ReferencePolicy, reference)
    except SchemaError:
        return None
    # of either the level makes a curve; an entry has one of them at most
    transform = params.get("transform") or params.get("degradation")
    found = transform if isinstance(transform, Mapping) else {}
    return ProtocolParts(
        card=f"{card['name']}@{card['version']}",
        reference=policy,
        transform=str(found["name"]) if "name" in found else None,
        level=str(found["level"]) if "level" in found else None,
    )


def level_order(transform: str) -> tuple[str, ...] | None:
    """Levels of a family (``jitter@1``), mild to strong; None for a family or version not shipped here, and
    for one whose levels have no order (flips)."""
    name = transform.partition("@")[0]
    family: Transform | Degradation
    try:
        if name in transform_names():
            family = load_transform(name)
        elif name.startswith("lr-") and name.removeprefix("lr-") in degradation_names():
            family = load_degradation(name.removeprefix("lr-"))
        else:
            return None
    except UserError:
        # a plugin that does not load here: its rows are shown, in no order of its own
        return None
    return tuple(family.levels) if family.id == transform and family.ordered else None
