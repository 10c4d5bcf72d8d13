"""The bicubic baseline: no weights, no reference."""

from __future__ import annotations

from refbench.specs import ANY_SCALE, MethodSpec

SPEC = MethodSpec(
    name="bicubic",
    target="refbench.methods.bicubic.method:Bicubic",
    title="Bicubic (PIL, a = -0.5)",
    display="Bicubic",
    scales=ANY_SCALE,
    min_refs=0,
    max_refs=0,
    uses_reference=False,
    tiles=True,
)
