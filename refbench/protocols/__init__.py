"""Protocols: how a sample becomes a trial, and what its number may be compared with.

card       the named, versioned evaluation protocol (``canonical@1``): crop, LR, references, scoring
reference  which of a sample's references a method gets
transforms changes of the reference, seeded per image and draw (jitter, ...)
instance   one protocol of a suite: card + reference policy + transform at one level
"""

from refbench.protocols.instance import ProtocolInstance, build_instances

__all__ = ["ProtocolInstance", "build_instances"]
