"""BibTeX: the entries that refbench ships, those of plugins, and the keys that a text cites."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files

from refbench.errors import UserError
from refbench.metrics import MetricCatalog
from refbench.protocols.card import Card
from refbench.registry import Registry
from refbench.specs import DatasetSpec, MethodSpec, MetricSpec

from ..published import Published

_START = re.compile(r"^@\w+\{([A-Za-z0-9:_.+/-]+),", re.MULTILINE)
_CITE = re.compile(r"\\cite\{([^}]*)\}")
METHODS = {
    "SRCNN": "dong2014srcnn", "SRGAN": "ledig2017srgan", "SRResNet": "ledig2017srgan", "EDSR": "lim2017edsr",
    "MDSR": "lim2017edsr", "RCAN": "zhang2018rcan", "ENet": "sajjadi2017enhancenet",
    "ESRGAN": "wang2018esrgan", "RRDBNet": "wang2018esrgan", "RankSRGAN": "zhang2019ranksrgan",
    "RSRGAN": "zhang2019ranksrgan", "CSNLN": "mei2020csnln", "SwinIR": "liang2021swinir",
    "CrossNet": "zheng2018crossnet", "SRNTT": "zhang2019srntt", "SSEN": "shim2020ssen",
    "TTSR": "yang2020ttsr", "CIMR": "yan2020cimr", "MASA": "lu2021masa",
    "C2-Matching": "jiang2021c2matching", "AMRSR": "pesavento2021amrsr", "AMSA": "xia2022amsa",
    "DATSR": "cao2022datsr", "MRefSR": "zhang2023lmr", "HiTSR": "aslahishahri2024hitsr",
}  # fmt: skip
"""Methods of the literature, as tables name them -> key of their paper."""
SOURCES = {
    "Zj-BinXia/AMSA (AAAI 2022)": "xia2022amsa",
    "marcopesavento/AMRSR (ICCV 2021)": "pesavento2021amrsr",
    "ReFIR (NeurIPS 2024)": "guo2024refir",
    "Cao et al., DATSR (ECCV 2022)": "cao2022datsr",
    "HiTSR (2024)": "aslahishahri2024hitsr",
    "open-mmlab/mmagic": "mmagic2023",
}
"""Where published numbers were read -> key of that paper; places without one are named in words."""


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, str]:
    """Key -> entry of everything in ``references.bib``."""
    return _entries((files("refbench.reports") / "references.bib").read_text(encoding="utf-8"))


def _entries(text: str) -> dict[str, str]:
    starts = list(_START.finditer(text))
    ends = [*(m.start() for m in starts[1:]), len(text)] if starts else []
    return {m[1]: text[m.start() : end].strip() for m, end in zip(starts, ends, strict=True)}


class Bibliography:
    """Keys to cite by, for whatever carries a ``bibtex`` field."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._catalog = MetricCatalog.of(registry)
        self._own: dict[str, str] = {}

    def key(self, bibtex: str) -> str:
        """The key of a ``bibtex`` field: an entry of a plugin, or the key of a shipped one; empty: none."""
        if bibtex in shipped():
            return bibtex
        found = _entries(bibtex.strip())
        for key, entry in found.items():
            self._own.setdefault(key, entry)
        return next(iter(found), "")

    def method(self, name: str) -> str:
        """Key of a method's paper."""
        spec = self._spec("methods", name)
        return self.key(spec.bibtex) if isinstance(spec, MethodSpec) else ""

    def dataset(self, name: str) -> str:
        """Key of the paper that introduced a dataset."""
        spec = self._spec("datasets", name)
        return self.key(spec.bibtex) if isinstance(spec, DatasetSpec) else ""

    def metric(self, spec: MetricSpec) -> str:
        """Key of a metric's paper; rows record a metric without it, so that the catalogue is asked."""
        try:
            return self.key(self._catalog.by_signature(spec.signature).bibtex)
        except UserError:
            return ""

    def card(self, card: Card) -> str:
        """Key of the paper whose evaluation a card is."""
        return self.key(card.bibtex)

    @staticmethod
    def literature(number: Published) -> str:
        """Key of the paper of a published number's method."""
        return METHODS.get(number.method, "")

    @staticmethod
    def source(number: Published) -> str:
        """Key of the paper that a published number was read in."""
        return SOURCES.get(number.source, "")

    def bib(self, texts: Iterable[str]) -> str:
        """``refs.bib``: the entry of every key that the texts cite, and no other one."""
        known = {**self._own, **shipped()}
        return "\n\n".join(known[key] for key in cited(texts)) + "\n"

    def _spec(self, kind: str, name: str) -> object:
        entries = self._registry.entries("methods" if kind == "methods" else "datasets")
        return next((e.spec for e in entries if e.name == name), None)


def cite(*keys: str) -> str:
    r"""``~\cite{a,b}`` without the empty ones; empty where nothing is left."""
    named = list(dict.fromkeys(key for key in keys if key))
    return rf"~\cite{{{','.join(named)}}}" if named else ""


def cited(texts: Iterable[str]) -> list[str]:
    """Every key that the texts cite, sorted."""
    return sorted({key.strip() for text in texts for keys in _CITE.findall(text) for key in keys.split(",")})
