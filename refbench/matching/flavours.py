"""How the official matchers normalise."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Flavour:
    """Normalisation and padding of one official matcher."""

    per_pixel: bool
    """L2-normalise the channels of every pixel first."""
    pads: bool
    """Zero-pad by patch // 2, so that every pixel has a patch; otherwise none."""
    epsilon: float
    additive: bool
    """Divide by norm + epsilon (C2-Matching) rather than by max(norm, epsilon) (TTSR)."""

    def inverse(self, norm: Tensor) -> Tensor:
        """1 / guarded norm, in the dtype of ``norm``."""
        guarded = norm + self.epsilon if self.additive else norm.clamp(min=self.epsilon)
        return guarded.reciprocal()


FLAVOURS: dict[str, Flavour] = {
    # C2-Matching and DATSR, methods specification 1.0, items 1 to 4
    "c2": Flavour(per_pixel=True, pads=False, epsilon=1e-5, additive=True),
    # SRNTT (its PyTorch port): raw query features, no padding
    "srntt": Flavour(per_pixel=False, pads=False, epsilon=1e-5, additive=True),
    # TTSR SearchTransfer, methods specification 1.3
    "ttsr": Flavour(per_pixel=False, pads=True, epsilon=1e-12, additive=False),
}
