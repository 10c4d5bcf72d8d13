"""Methods that each break one clause, and two that keep them all. Loaded by path, as a user's file is."""

from __future__ import annotations

import gc
import os
from dataclasses import replace

import torch
import torch.nn.functional as F

from refbench.errors import SampleError
from refbench.specs import MethodSpec, Param
from refbench.types import Trial


class Good:
    """Nearest-neighbour LR plus the mean colour of the references: uses them, honestly and simply."""

    def __init__(self, weights, device, gain=0.1):
        self.gain = 0.1 if gain is None else gain

    def base(self, inp):
        return F.interpolate(inp.lr[None], scale_factor=inp.scale, mode="nearest")[0]

    def __call__(self, inp):
        sr = self.base(inp)
        for ref in inp.refs:
            sr = sr + self.gain * (ref.mean((1, 2), keepdim=True) - 0.5)
            sr = sr + self.gain * ref[:, :1, :1]
        return sr


class RefusesSmall(Good):
    """Says of a small reference that it cannot use it."""

    least = 16

    def __call__(self, inp):
        if min(min(ref.shape[1:]) for ref in inp.refs) < self.least:
            raise SampleError("too small to match")
        return super().__call__(inp)


class RefusesMany(RefusesSmall):
    least = 30


class Single(Good):
    def __call__(self, inp):
        return self.base(inp)


class WrongShape(Good):
    def __call__(self, inp):
        return inp.lr


class NoTensor(Good):
    def __call__(self, inp):
        return super().__call__(inp).numpy()


class WrongDtype(Good):
    def __call__(self, inp):
        return super().__call__(inp).double()


class NotFinite(Good):
    def __call__(self, inp):
        sr = super().__call__(inp)
        return sr / (inp.lr.std() > 0)


class Range255(Good):
    def __call__(self, inp):
        return super().__call__(inp) * 255


class RangeSigned(Good):
    def __call__(self, inp):
        return super().__call__(inp) * 2 - 1


class Random(Good):
    def __call__(self, inp):
        return super().__call__(inp) + 0.01 * torch.rand(1)


class RandomSeesHr(Random):
    def __call__(self, inp):
        held = [t for t in gc.get_objects() if type(t) is Trial and t.target is not None]
        return super().__call__(inp) + sum(float(t.target.mean()) for t in held)


class RandomIgnores(Good):
    def __call__(self, inp):
        return self.base(inp) + 0.01 * torch.rand(1)


class Unseedable(Good):
    """Its own generator, which no global seed reaches."""

    def __init__(self, weights, device, gain=0.1):
        super().__init__(weights, device, gain)
        self.own = torch.Generator().manual_seed(1)

    def __call__(self, inp):
        return super().__call__(inp) + 1e-4 * torch.rand(1, generator=self.own)


class UnseedableIgnores(Unseedable):
    def __call__(self, inp):
        return self.base(inp) + 0.01 * torch.rand(1, generator=self.own)


class Remembers(Good):
    seen = 0.0

    def __call__(self, inp):
        sr = super().__call__(inp) + 0.01 * self.seen
        self.seen = float(inp.lr.shape[1] % 7)
        return sr


class MultiplesOfEight(Good):
    def __call__(self, inp):
        if any(side % 8 for side in inp.lr.shape[1:]):
            raise RuntimeError("size must be a multiple of 8")
        return super().__call__(inp)


class CropsOdd(Good):
    def __call__(self, inp):
        height, width = inp.lr.shape[1:]
        return super().__call__(replace(inp, lr=inp.lr[:, : height // 2 * 2, : width // 2 * 2]))


class OneRefOnly(Good):
    def __call__(self, inp):
        (ref,) = inp.refs
        return super().__call__(replace(inp, refs=(ref,)))


class SeesHr(Good):
    """Searches memory for the trial that the harness holds."""

    def __call__(self, inp):
        held = [t for t in gc.get_objects() if type(t) is Trial and t.target is not None]
        # other tests of the process may have left trials behind: however many, their sum stays in range
        seen = sum(float(t.target.mean()) for t in held) % 1.0
        return (0.9 * super().__call__(inp) + 0.1 * seen).clamp(0, 1)


class WantsHr(Good):
    def __call__(self, inp, hr):
        return super().__call__(inp)


class IgnoresReference(Good):
    def __call__(self, inp):
        return self.base(inp)


class WritesInput(Good):
    def __call__(self, inp):
        inp.lr.mul_(0.5)
        return super().__call__(inp)


class WritesReference(Good):
    def __call__(self, inp):
        sr = super().__call__(inp)
        for ref in inp.refs:
            ref.zero_()
        return sr


class ChangesFolder(Good):
    def __call__(self, inp):
        os.chdir("/")
        return super().__call__(inp)


class ChangesDtype(Good):
    def __call__(self, inp):
        torch.set_default_dtype(torch.float64)
        return super().__call__(inp).float()


class ChangesThreadsAtLoad(Good):
    def __init__(self, weights, device, gain=0.1):
        super().__init__(weights, device, gain)
        torch.set_num_threads(torch.get_num_threads() + 1)


class NoGain(Good):
    def __init__(self, weights, device):
        self.gain = 0.1


def _spec(name, cls, **changes):
    plain = MethodSpec(
        name=name, target=f":{cls.__name__}", min_refs=0, max_refs=2, params={"gain": Param(0.1, "strength")}
    )
    return replace(plain, **changes)


GOOD = _spec("good", Good)
REFUSESSMALL = _spec("refusessmall", RefusesSmall, min_refs=1)
REFUSESMANY = _spec("refusesmany", RefusesMany, min_refs=1)
SINGLE = _spec("single", Single, max_refs=0, uses_reference=False)
UNRANGED = _spec("unranged", Good, min_refs=3, max_refs=2)
UNUSABLE = _spec("unusable", Good, max_refs=0)
NOGAIN = _spec("nogain", NoGain)
WANTSHR = _spec("wantshr", WantsHr)
WRONGSHAPE = _spec("wrongshape", WrongShape)
NOTENSOR = _spec("notensor", NoTensor)
WRONGDTYPE = _spec("wrongdtype", WrongDtype)
NOTFINITE = _spec("notfinite", NotFinite)
RANGE255 = _spec("range255", Range255)
RANGESIGNED = _spec("rangesigned", RangeSigned)
RANDOM = _spec("random", Random)
ADMITSRANDOM = _spec("admitsrandom", Random, deterministic=False)
REMEMBERS = _spec("remembers", Remembers)
MULTIPLES = _spec("multiples", MultiplesOfEight)
CROPSODD = _spec("cropsodd", CropsOdd)
ONEREFONLY = _spec("onerefonly", OneRefOnly, max_refs=3)
SEESHR = _spec("seeshr", SeesHr)
IGNORES = _spec("ignores", IgnoresReference)
SECRETLYUSES = _spec("secretlyuses", Good, max_refs=0, uses_reference=False)
WRITESINPUT = _spec("writesinput", WritesInput)
WRITESREFERENCE = _spec("writesreference", WritesReference)
CHANGESFOLDER = _spec("changesfolder", ChangesFolder)
CHANGESDTYPE = _spec("changesdtype", ChangesDtype)
CHANGESTHREADS = _spec("changesthreads", ChangesThreadsAtLoad)
RANDOMSEESHR = _spec("randomseeshr", RandomSeesHr, deterministic=False)
RANDOMIGNORES = _spec("randomignores", RandomIgnores, deterministic=False)
UNSEEDABLE = _spec("unseedable", Unseedable, deterministic=False)
UNSEEDABLEIGNORES = _spec("unseedableignores", UnseedableIgnores, deterministic=False)
