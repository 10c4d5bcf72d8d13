"""A golden file being worked through: its inputs, and the book of what was compared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from refbench.conformance.golden_fill import fill_module, key_problems
from refbench.conformance.golden_report import ArrayResult, GoldenReport
from refbench.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

RTOL = 1e-4
ATOL = 1e-5
"""The largest difference may be RTOL of the largest stored value plus ATOL. An array is judged on its own
scale: element by element, one value near zero in thousands differs on another machine."""
MEAN_RTOL = 1e-5
MEAN_ATOL = 1e-6
"""The same for the root of the mean square, which notices what is slightly wrong everywhere."""
MARGIN = 1e-5
"""Best minus second best similarity below which an index may flip between correct implementations."""
SUFFIXES = ("@samp", "@stride", "@shape", "@stat")
INPUTS = re.compile(r".*_uint8$|match/margin$|.*/margin$|pad_tdlr$")
"""Arrays that a case gives rather than asks for."""

AnyArray = npt.NDArray[Any]


class GoldenCase:
    """Arrays of a golden file and, one by one, the results of comparing with them.

    ``optional``: names that may stay uncompared; every other array that is never compared is a failure.
    """

    def __init__(
        self,
        method: str,
        path: Path,
        arrays: Mapping[str, AnyArray],
        networks: Mapping[str, Any],
        optional: Sequence[str] = (),
        device: str = "cpu",
    ) -> None:
        self.method = method
        self.path = path
        self.arrays = arrays
        self.networks = networks
        self.optional = tuple(optional)
        self.device = device
        self.results: list[ArrayResult] = []
        self.notes: list[str] = []
        self._calls: Counter[str] = Counter()
        self._given: set[str] = set()

    @property
    def names(self) -> list[str]:
        """Base names of the arrays to compare, in file order."""
        bases = dict.fromkeys(re.sub(r"@(samp|stride|shape|stat)$", "", name) for name in self.arrays)
        return [name for name in bases if not INPUTS.match(name) and name not in self._given]

    def entries(self, network: str) -> Sequence[Mapping[str, Any]]:
        """The key list of ``network``; UserError when the keys file has none."""
        try:
            found: Sequence[Mapping[str, Any]] = self.networks[network]["state_dict"]
        except KeyError:
            known = ", ".join(self.networks)
            raise UserError(f"keys: no network {network!r} in the key list; it has {known}") from None
        return found

    def fill(
        self,
        module: nn.Module,
        network: str,
        leave_out: str = "",
        rename: Callable[[str], str] = lambda name: name,
    ) -> None:
        """Check ``module``'s keys against the list and give it the golden weights.

        Listed keys that start with ``leave_out`` (if any) are not part of a checkpoint. ``rename``: from a
        listed key to the module's own; values are those of the listed one.
        """
        entries = [e for e in self.entries(network) if not leave_out or not e["name"].startswith(leave_out)]
        self.fill_as(module, network, entries, rename)

    def fill_as(
        self,
        module: nn.Module,
        network: str,
        entries: Sequence[Mapping[str, Any]],
        rename: Callable[[str], str] = lambda name: name,
    ) -> None:
        """:meth:`fill` with ``entries`` in place of those of ``network``; an earlier result is replaced."""
        self.results = [r for r in self.results if r.name != f"keys/{network}"]
        problems = key_problems(module, entries, rename)
        count = sum(p.numel() for p in module.parameters())
        detail = f"{len(entries)} tensors, {count:,} parameters"
        if problems:
            self.results.append(ArrayResult(f"keys/{network}", "fail", detail="; ".join(problems[:3])))
            raise _Stop
        wrong = fill_module(module, entries, rename)
        module.to(self.device)
        status: Any = "fail" if wrong else "pass"
        detail = f"crc32 differs: {', '.join(wrong[:3])}" if wrong else detail
        self.results.append(ArrayResult(f"keys/{network}", status, detail=detail))

    def image(self, name: str, *, signed: bool = False) -> Tensor:
        """An 8-bit input as float32 (1, 3, H, W) in [0, 1], or in [-1, 1]. UserError when it is absent."""
        import torch

        if name not in self.arrays:
            raise UserError(f"{self.path}: no input {name!r}; is it a golden file of {self.method}?")
        u8 = torch.from_numpy(np.ascontiguousarray(self.arrays[name])).permute(2, 0, 1)[None].float()
        u8 = u8.to(self.device)
        return u8 / 127.5 - 1.0 if signed else u8 / 255.0

    def given(self, name: str) -> Tensor:
        """An input that is stored as the tensor it is. UserError when it is absent."""
        import torch

        if name not in self.arrays:
            raise UserError(f"{self.path}: no input {name!r}; is it a golden file of {self.method}?")
        self._given.add(name)
        return torch.from_numpy(np.ascontiguousarray(self.arrays[name])).to(self.device)

    def has(self, name: str) -> bool:
        """Whether an array called ``name`` is stored, whole or sampled."""
        return name in self.arrays or f"{name}@samp" in self.arrays

    def compare(self, name: str, value: Tensor) -> None:
        """Compare ``value`` with the stored array (whole, or its samples and statistics)."""
        if not self.has(name):
            return
        mine = value.detach().cpu().contiguous().numpy()
        if name in self.arrays:
            wanted = self.arrays[name]
            shape = wanted.shape
        else:
            wanted = self.arrays[f"{name}@samp"]
            shape = tuple(int(s) for s in self.arrays[f"{name}@shape"])
        if mine.shape != shape:
            detail = f"shape {mine.shape}, stored {shape}"
            self.results.append(ArrayResult(name, "fail", detail=detail))
            return
        statistics = mine
        if name not in self.arrays:
            mine = mine.reshape(-1)[:: int(self.arrays[f"{name}@stride"])]
        self._book(name, mine, wanted, statistics)

    def _book(self, name: str, mine: AnyArray, wanted: AnyArray, whole: AnyArray) -> None:
        exact = wanted.astype(np.float64)
        difference = np.abs(mine.astype(np.float64) - exact)
        largest = float(difference.max()) if difference.size else 0.0
        scale = float(np.abs(exact).max()) if exact.size else 0.0
        ratio = _rms(difference) / _rms(exact) if scale else None
        bound = ATOL + RTOL * scale if exact.size else 0.0
        wrong = int((~(difference <= bound)).sum())
        detail = f"{wrong} beyond {bound:.2g} ({RTOL:g} of the largest value + {ATOL:g})" if wrong else ""
        if difference.size and not wrong:
            typical, allowed = _rms(difference), MEAN_ATOL + MEAN_RTOL * _rms(exact)
            if typical > allowed:
                wrong, detail = 1, f"root mean square of the difference {typical:.2g}, over {allowed:.2g}"
        if f"{name}@stat" in self.arrays:
            every = whole.astype(np.float64)
            own = np.array([every.mean(), np.abs(every).mean(), every.std()])
            if not np.allclose(own, self.arrays[f"{name}@stat"], RTOL, ATOL):
                wrong += 1
                detail = f"mean, mean abs, std of the whole are {own}, stored {self.arrays[f'{name}@stat']}"
        status: Any = "fail" if wrong or not np.isfinite(largest) else "pass"
        self.results.append(ArrayResult(name, status, largest, int(mine.size), detail, scale, ratio))

    def index(self, name: str, value: Tensor, margin: AnyArray) -> Tensor:
        """Compare an index map where ``margin`` allows no tie; returns the map to go on with.

        Where a near-tie flipped, or where the maps truly differ (a failure), the stored indices replace
        the own ones, so that everything behind them is still tested; a note says so.
        """
        import torch

        wanted = self.arrays[name].astype(np.int64)
        mine = value.detach().cpu().numpy()
        if mine.shape != wanted.shape:
            self.results.append(
                ArrayResult(name, "fail", detail=f"shape {mine.shape}, stored {wanted.shape}")
            )
            raise _Stop
        differ = mine != wanted
        clear = differ & (margin > MARGIN)
        ties = int((differ & ~clear).sum())
        status: Any = "fail" if clear.any() else "pass"
        detail = f"{int(clear.sum())} of {wanted.size} indices differ" if clear.any() else ""
        if ties:
            self.notes.append(
                f"{name}: {ties} of {wanted.size} indices flipped where best and second best differ by less "
                f"than {MARGIN:g}; the golden indices are used for the rest"
            )
        largest = float(clear.sum() and np.abs(mine - wanted)[clear].max())
        self.results.append(ArrayResult(name, status, largest, int(wanted.size) - ties, detail))
        return torch.from_numpy(wanted).to(value.device)

    def watch(self, net: nn.Module, without: Sequence[str] = ()) -> None:
        """Compare every ``act/<module>`` of ``net`` as it is computed (``#j``: j-th call, ``.j``: member).

        ``without``: modules whose outputs are stored in another form; the caller compares those.
        """
        modules = dict(net.named_modules())
        wanted = {
            re.sub(r"#\d+$", "", name.removeprefix("act/")) for name in self.names if name.startswith("act/")
        }
        for name in sorted(wanted.difference(without)):
            members = re.sub(r"\.\d+$", "", name)
            module = modules.get(name) if name in modules else modules.get(members)
            if module is not None:
                path = name if name in modules else members
                if not module._forward_hooks:
                    module.register_forward_hook(self._hook(path))

    def _hook(self, path: str) -> Any:
        def compare(module: nn.Module, inputs: Any, output: Any) -> None:
            call = self._calls[path]
            self._calls[path] += 1
            members = enumerate(output) if isinstance(output, tuple | list) else ((None, output),)
            for j, member in members:
                name = f"act/{path}" + ("" if j is None else f".{j}")
                if call == 0:
                    self.compare(name, member)
                self.compare(f"{name}#{call}", member)

        return compare

    def report(self) -> GoldenReport:
        """Results in file order, with everything that was never compared."""
        done = {result.name for result in self.results}
        for name in self.names:
            if name not in done:
                optional = name in self.optional
                self.results.append(
                    ArrayResult(
                        name,
                        "skip" if optional else "missing",
                        detail="may be skipped" if optional else "stored but not compared",
                    )
                )
        return GoldenReport(self.method, self.path, tuple(self.results), tuple(self.notes))


def _rms(values: AnyArray) -> float:
    return float(np.sqrt(np.square(values).mean()))


class _Stop(Exception):
    """The case cannot go on: what was booked so far is the report."""


def stopped(error: BaseException) -> bool:
    """Whether ``error`` is how a case ends early after booking its failure."""
    return isinstance(error, _Stop)
