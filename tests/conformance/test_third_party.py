"""``verify`` on third-party code: in a process of its own, which may die, and with bait laid out."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbench.conformance.kit import CLAUSES, Request, verify_method
from refbench.conformance.outside import verify_outside
from refbench.errors import UserError
from refbench.registry import spec_in_file

METHOD = """
import os, sys
import torch
from refbench.specs import MethodSpec, Param

class Nearest:
    def __init__(self, weights, device, how=""):
        self.how = how
        if how == "init": os._exit(0)
    def __call__(self, inp):
        sr = inp.lr.repeat_interleave(inp.scale, 1).repeat_interleave(inp.scale, 2)
        if self.how == "exit": os._exit(0)
        if self.how == "raise": raise RuntimeError("boom")
        if self.how == "hook":
            torch.nn.modules.module.register_module_forward_hook(lambda module, given, made: made)
        if self.how == "patch":
            from PIL import Image, ImageFile
            Image.Image.resize = lambda self, *a, **k: self
            torch.clamp = lambda x, *a, **k: x
            ImageFile.LOAD_TRUNCATED_IMAGES = True
        if self.how == "file" and os.path.exists(inp.sample_id + "_0.png"):
            import numpy as np
            from PIL import Image
            hr = np.asarray(Image.open(inp.sample_id + "_0.png"), dtype=np.float32) / 255
            sr = torch.from_numpy(hr.transpose(2, 0, 1).copy())
        if self.how == "frames":
            frame = sys._getframe()
            while frame is not None:
                for value in frame.f_locals.values():
                    target = getattr(value, "target", None)
                    if hasattr(target, "shape") and target.shape[:2] == tuple(sr.shape[1:]):
                        return torch.from_numpy(target.transpose(2, 0, 1).copy()).float() / 255
                frame = frame.f_back
        return sr

SPEC = MethodSpec("own", ":Nearest", max_refs=0, uses_reference=False, params={"how": Param("", "")})
"""


@pytest.fixture
def method(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(METHOD)
    return path


def request(method: Path, how: str) -> Request:
    return Request(f"{method}:SPEC", params={"how": how}, device="cpu")


def test_a_method_that_leaves_its_process_fails_and_the_report_is_whole(method: Path) -> None:
    report = verify_outside(request(method, "exit"), 1)
    assert [clause.id for clause in report.clauses] == [clause[0] for clause in CLAUSES]
    first, second, *rest = report.failures()
    assert first.detail == "the method's process ended with exit code 0 during a call"
    assert second.detail == f"as under {first.id}"
    assert {clause.detail for clause in rest[1:]} == {f"as under {rest[0].id}"}
    assert rest[0].detail == "not tried: its process ended before"


def test_a_constructor_that_leaves_its_process_is_one_line(method: Path) -> None:
    with pytest.raises(UserError, match=r"^the method's process ended with exit code 0 while it was loaded"):
        verify_outside(request(method, "init"), 1)


@pytest.mark.parametrize(
    ("how", "clause", "details"),
    [
        ("", "", []),
        ("hook", "process", ["hooks of torch: _global_forward_hooks"]),
        (
            "patch",
            "process",
            ["torch.clamp", "PIL.Image.Image.resize", "PIL.ImageFile.LOAD_TRUNCATED_IMAGES"],
        ),
        ("file", "hr-swap", ["it sees the HR image"]),
        ("frames", "hr-swap", ["it sees the HR image"]),
        ("raise", "process", ["RuntimeError: boom (own.py:13)"]),
    ],
)
def test_what_a_method_does_to_its_process_and_where_it_looks(
    method: Path, how: str, clause: str, details: list[str]
) -> None:
    import torch
    from PIL import Image

    before = torch.clamp, Image.Image.resize
    report = verify_method(spec_in_file(f"{method}:SPEC"), params={"how": how}, device="cpu")
    failed = {found.id: found.detail for found in report.failures()}
    if not clause:
        assert failed == {}
        return
    for detail in details:
        assert detail in failed[clause]
    if how == "raise":
        assert failed["shape"] == "as under process", "said once"
    assert (torch.clamp, Image.Image.resize) == before, "put back"
