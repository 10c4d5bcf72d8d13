"""``method=external method.python=VENV/bin/python method.target=file.py:Class``."""

from __future__ import annotations

from refbench.specs import ANY_SCALE, MethodSpec, Param

SPEC = MethodSpec(
    name="external",
    target="refbench.methods.external.method:External",
    title="A method in its own Python",
    scales=ANY_SCALE,
    min_refs=0,
    max_refs=16,
    reads_files=True,
    params={
        "python": Param(
            None, "interpreter that has the method's packages; it needs numpy (default: this one)"
        ),
        "target": Param(None, "file.py:Class or package.module:Class, importable there"),
        "name": Param(None, "what tables call it, behind the method's name; default: its file and class"),
        "args": Param(None, 'keyword arguments of the class as JSON: {"checkpoint": "net.pth"}'),
        "timeout": Param(600.0, "seconds for one image"),
        "start_timeout": Param(300.0, "seconds for importing and constructing"),
    },
    # runs in the other Python, where nobody imports it from here
    code=("refbench.isolation.child",),
)
