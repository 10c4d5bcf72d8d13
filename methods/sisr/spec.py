"""SISR checkpoints: the rows of every RefSR table that use no reference."""

from __future__ import annotations

from refbench.specs import MethodSpec, Param

SPEC = MethodSpec(
    name="sisr",
    target="refbench.methods.sisr.method:Sisr",
    title="Single-image SR: any checkpoint that spandrel knows (method.weights=FILE)",
    scale=4,
    min_refs=0,
    max_refs=0,
    uses_reference=False,
    params={"overlap": Param(32, "LR pixels around each window where memory.limit cuts the image")},
    any_checkpoint="refbench.methods.sisr.checkpoint:facts",
    licence="MIT (spandrel); of the architecture: `refbench list methods sisr method.weights=FILE`",
    code=("refbench.tiling",),
    tiles=True,
)
