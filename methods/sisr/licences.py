"""Licences of the architectures that spandrel implements, as their authors' repositories state them."""

from __future__ import annotations

ARCHITECTURES = {
    "Compact": "BSD-3-Clause (Real-ESRGAN)",
    "DAT": "Apache-2.0",
    "ESRGAN": "Apache-2.0",
    "HAT": "Apache-2.0",
    "OmniSR": "Apache-2.0",
    "SPAN": "Apache-2.0",
    "Swin2SR": "Apache-2.0",
    "SwinIR": "Apache-2.0",
}
ELSEWHERE = "permissive; see __arch/LICENSE of {name} in spandrel's repository"
"""spandrel itself carries permissive licences only; the others are in its package of extras."""


def architecture_licence(name: str) -> str:
    """One line for an architecture's identifier in spandrel."""
    return ARCHITECTURES.get(name, ELSEWHERE.format(name=name))
