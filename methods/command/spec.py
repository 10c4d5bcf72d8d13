"""``method=command method.cmd="python test.py --lr {lr} --refs {refs} --out {out}"``."""

from __future__ import annotations

from refbench.specs import ANY_SCALE, MethodSpec, Param

SPEC = MethodSpec(
    name="command",
    target="refbench.methods.command.method:Command",
    title="A method behind a command line",
    scales=ANY_SCALE,
    min_refs=0,
    max_refs=16,
    reads_files=True,
    params={
        "cmd": Param(None, "command with {lr} and {out}; also {refs} {ref} {id} {scale} {dir}"),
        "name": Param(None, "what tables call it, behind the method's name; default: its script or program"),
        "dir": Param(None, "folder to run it in (default: the current one)"),
        "timeout": Param(600.0, "seconds for one image"),
    },
)
