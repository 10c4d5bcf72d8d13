"""``method=folder method.dir=DIR method.suffix=_mse``: SR images made elsewhere."""

from __future__ import annotations

from refbench.specs import ANY_SCALE, MethodSpec, Param

SPEC = MethodSpec(
    name="folder",
    target="refbench.methods.folder.method:Folder",
    title="SR images from a folder",
    scales=ANY_SCALE,
    min_refs=0,
    max_refs=0,
    uses_reference=False,
    reads_files=True,
    params={
        "dir": Param(None, "folder that holds the SR images"),
        "name": Param(None, "what tables call it, behind the method's name; default: nothing"),
        "suffix": Param("", "what follows the sample id or reference name: 006_mse.png has suffix _mse"),
    },
)
