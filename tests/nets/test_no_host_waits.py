"""No forward pass waits for the card, shown without one: the nets run on CUDA tensors that have no values.

Where a value is read back, torch's fake tensors must refuse; copies between host and card are counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from refbench.matching import checks, fused_use
from refbench.matching.checks import deferred_checks
from refbench.methods.c2_matching.config import RELEASED as C2_RELEASED
from refbench.methods.c2_matching.model import C2Model
from refbench.methods.datsr.config import RELEASED as DATSR_RELEASED
from refbench.methods.datsr.model import DatsrModel
from refbench.methods.ttsr.config import RELEASED as TTSR_RELEASED
from refbench.methods.ttsr.model import TtsrModel

pytestmark = pytest.mark.slow

CARD = torch.device("cuda:0")
READS = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "unique", "bincount")


class Waits(TorchDispatchMode):
    """Names of operators that make the host wait for the device."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        if name.startswith(READS):
            self.found.append(name)
        target = kwargs.get("device")
        source = next((a for a in args if isinstance(a, torch.Tensor)), None)
        moved = source is not None and target is not None and torch.device(target).type != source.device.type
        if name == "_to_copy" and moved:
            self.found.append(f"{name} to {target}")
        return func(*args, **kwargs)


def waits_of(run: Callable[[], object]) -> list[str]:
    """What ``run`` waited for; checks that wait for the end of a call are read outside."""
    with Waits() as waits:
        run()
    return waits.found


def test_the_stand_in_sees_what_waits() -> None:
    with FakeTensorMode():
        x = torch.empty(4, device=CARD)
        assert waits_of(lambda: x + 1) == []
        assert waits_of(lambda: x.cpu()) == ["_to_copy to cpu"]
        with pytest.raises(DataDependentOutputException):
            waits_of(lambda: bool(x.isfinite().all()))


@pytest.mark.parametrize(
    ("build", "config"), [(C2Model, C2_RELEASED), (DatsrModel, DATSR_RELEASED), (TtsrModel, TTSR_RELEASED)]
)
def test_no_forward_pass_waits_for_the_card(build: Any, config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # no kernel runs on tensors without values; its launches wait for nothing
    monkeypatch.setattr(fused_use, "refusal", lambda *_: "no values")
    model = build(config).eval()
    named = [*model.named_parameters(), *model.named_buffers()]
    with FakeTensorMode(), torch.no_grad():
        state = {name: torch.empty(t.shape, dtype=t.dtype, device=CARD) for name, t in named}
        lr, up, ref = (torch.empty(1, 3, s, s, device=CARD) for s in (16, 64, 64))
        inputs = (lr, up, ref, ref) if build is TtsrModel else (lr, up, ref)

        def forward() -> None:
            token = checks._pending.set([])
            try:
                torch.func.functional_call(model, state, inputs)
            finally:
                checks._pending.reset(token)

        assert waits_of(forward) == []


def test_checks_that_are_put_off_are_made() -> None:
    flags = [torch.tensor(True), torch.tensor(False)]

    def called() -> None:
        with deferred_checks():
            assert checks.waits(CARD)
            pending = checks._pending.get()
            assert pending is not None
            pending += [(flags[0], "the first"), (flags[1], "the second")]

    with pytest.raises(ValueError, match="the second"):
        called()
    assert not checks.waits(CARD)
    with pytest.raises(ValueError, match="now"), deferred_checks():
        checks.require(torch.tensor(False), "now")
