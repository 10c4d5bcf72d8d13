"""Energy: arithmetic over a card's counters, and what stands where there are none."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch

from refbench.profiling import energy
from refbench.profiling.energy import NvmlCounters, calls_for, counters_of, measure_energy
from refbench.profiling.tables import ENERGY_COLUMNS, tables

CPU = torch.device("cpu")


class Counting:
    """Each call takes 3 J, and 100 ms on a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        monkeypatch.setattr(energy.time, "perf_counter", lambda: 0.1 * self.calls)

    def call(self) -> None:
        self.calls += 1

    def joules(self) -> float:
        return 1000.0 + 3.0 * self.calls

    def utilisation(self) -> float | None:
        return 0.5


def test_energy_is_the_counters_growth_over_calls_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting(monkeypatch)
    found = measure_energy([counting.call] * 4, CPU, counting)
    # rounds of four until a second has passed
    assert (found.calls, counting.calls) == (12, 12)
    assert found.seconds == pytest.approx(1.2)
    assert found.joules == pytest.approx(3.0)
    assert found.watts == pytest.approx(30.0)
    assert found.utilisation == 0.5


@pytest.mark.parametrize(("seconds", "calls"), [(5.0, 2), (0.1, 10), (0.02, 50), (1e-6, 64), (0.0, 64)])
def test_enough_calls_for_the_counters(seconds: float, calls: int) -> None:
    assert calls_for(seconds) == calls


class NvmlError(Exception):
    """As pynvml's."""


def nvml(**functions: object) -> ModuleType:
    module = ModuleType("pynvml")
    module.NVMLError = NvmlError  # type: ignore[attr-defined]
    for name, function in functions.items():
        setattr(module, name, function)
    return module


def not_supported(handle: object) -> int:
    raise NvmlError("Not Supported")


def test_nvml_counts_millijoules_and_percent() -> None:
    module = nvml(
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: 2500,
        nvmlDeviceGetUtilizationRates=lambda handle: SimpleNamespace(gpu=24, memory=3),
    )
    counters = NvmlCounters(module, object())
    assert (counters.joules(), counters.utilisation()) == (2.5, 0.24)
    assert NvmlCounters(nvml(nvmlDeviceGetUtilizationRates=not_supported), object()).utilisation() is None


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """A CUDA device as far as its identity is asked for."""
    facts = SimpleNamespace(uuid="12ab", name="a card")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: facts)
    return torch.device("cuda:0")


def test_the_card_is_found_by_uuid_and_nvml_closed(
    card: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    did: list[str] = []
    module = nvml(
        nvmlInit=lambda: did.append("init"),
        nvmlShutdown=lambda: did.append("shutdown"),
        nvmlDeviceGetHandleByUUID=did.append,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: 7000,
    )
    monkeypatch.setitem(sys.modules, "pynvml", module)
    with counters_of(card) as counters:
        assert not isinstance(counters, str)
        assert counters.joules() == 7.0
    assert did == ["init", "GPU-12ab", "shutdown"]


def test_what_is_missing_is_said(card: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    with counters_of(CPU) as said:
        assert said == "energy is counted on NVIDIA cards only"
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with counters_of(card) as said:
        assert said == "NVML is not read: pip install 'nvidia-ml-py>=12'"
    old = nvml(
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda name: name,
        nvmlDeviceGetTotalEnergyConsumption=not_supported,
    )
    monkeypatch.setitem(sys.modules, "pynvml", old)
    with counters_of(card) as said:
        assert said == "NVML: Not Supported"


def test_the_table_stands_where_energy_was_measured() -> None:
    row = {
        "method": "datsr",
        "weights": None,
        "size": [320, 512],
        "k": None,
        "status": "error",
        "error": "",
        "energy": {"joules": 12.345, "watts": 301.7, "utilisation": None, "calls": 12, "seconds": 1.234},
    }
    document = {
        "methods": [row],
        "method_growth": [],
        "matchers": [],
        "matcher_growth": [],
        "conditions": {"repeats": 5},
    }
    title, columns, lines = tables(document)[1]
    assert title == "energy of the whole card (NVML), its idle power included"
    assert columns == ENERGY_COLUMNS
    assert lines == [["datsr", "512x320", "-", "12.3", "302", "-", "12", "1.23"]]
    assert len(tables({**document, "methods": [{**row, "energy": None}]})) == 1
