"""Peak memory of stages, with a meter of known readings and with the real one."""

from __future__ import annotations

import sys

import pytest
import torch

from refbench.profiling.meter import AllocatorMeter, ResidentMeter, measure_memory, meter_for
from refbench.stages import stage


class Ledger:
    """Memory that only the test moves."""

    def __init__(self) -> None:
        self.used = self.high = 100.0

    def take(self, amount: float) -> None:
        self.used += amount
        self.high = max(self.high, self.used)

    def restart(self) -> None:
        self.high = self.used

    def now(self) -> float:
        return self.used

    def peak(self) -> float:
        return self.high


def test_growth_of_stages_and_of_the_call() -> None:
    ledger = Ledger()

    def call() -> None:
        ledger.take(10)
        with stage("extract"):
            ledger.take(50)
            ledger.take(-50)
        with stage("match"):
            ledger.take(30)
            with stage("inner"):
                ledger.take(200)
                ledger.take(-200)
            ledger.take(-30)
        with stage("extract"):
            ledger.take(20)

    use = measure_memory(call, ledger)
    assert use.before == 100
    assert use.stages == {"extract": 50, "inner": 200, "match": 230}
    assert use.growth == 240


@pytest.mark.skipif(sys.platform != "linux", reason="resident set readings are Linux's")
def test_the_resident_set_is_seen_again_after_it_was_freed() -> None:
    def call() -> None:
        with stage("match"):
            # blocks below malloc's threshold stay with the process when freed
            blocks = [torch.ones(2**16) for _ in range(160)]
            assert len(blocks) == 160

    meter = ResidentMeter()
    first, second = measure_memory(call, meter), measure_memory(call, meter)
    for use in (first, second):
        assert 30 < use.stages["match"] < 120
        assert use.growth >= use.stages["match"] - 1


def test_the_device_chooses_the_meter() -> None:
    assert isinstance(meter_for(torch.device("cuda:0")), AllocatorMeter)
    if sys.platform == "linux":
        assert isinstance(meter_for(torch.device("cpu")), ResidentMeter)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_allocators_peak() -> None:
    device = torch.device("cuda:0")

    def call() -> None:
        with stage("match"):
            torch.ones(8 * 2**18, device=device)

    assert measure_memory(call, AllocatorMeter(device)).stages["match"] == pytest.approx(8, abs=0.6)
