"""From what was typed to the cells of a profile: sizes, K, methods with their options, matchers."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from refbench.config.method import check_param, check_weights, unknown_option
from refbench.errors import UserError, unknown
from refbench.execution.device import resolve_device
from refbench.isolation.outside import method_outside
from refbench.profiling.cells import FUSED, MATCHERS, Conditions, MatcherCell, MethodCell, shown
from refbench.registry import Registry, is_file_locator
from refbench.specs import MethodSpec, ParamValue

DEFAULT_SIZES = ("160x160",)
FEATURE_CHANNELS = 256
"""Channels of the features that the official nets match (relu3_1), at a quarter of HR's size."""
_SIZE = re.compile(r"(\d+)x(\d+)(?:x(\d+))?")


@dataclass(frozen=True)
class ProfileRequest:
    """What one call measures."""

    methods: tuple[MethodCell, ...]
    matchers: tuple[MatcherCell, ...]
    conditions: Conditions
    timeout: float | None = None
    """Seconds for a cell; None: no limit."""

    @property
    def key(self) -> str:
        """Twelve hex digits that name the request: the same cells under the same conditions."""
        cells = [asdict(replace(cell, trace=None)) for cell in self.methods]
        document = [cells, [asdict(cell) for cell in self.matchers], asdict(self.conditions)]
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:12]


def build_request(values: Mapping[str, Any], registry: Registry) -> ProfileRequest:
    """Check the settings of ``refbench profile`` (its ``KEYS``) and cross them. Raises UserError."""
    locators, matchers = tuple(values["method"]), tuple(values["matchers"])
    if not locators and not matchers:
        raise UserError("profile: give method= (what to profile), or matchers= to compare matchers")
    device = resolve_device(values["device"])
    for name in matchers:
        if name not in MATCHERS:
            raise unknown("matcher", name, MATCHERS)
        if name in FUSED and not device.startswith("cuda"):
            raise UserError(f"matchers={name} runs on CUDA alone, and device is {device}")
    if values["timeout"] is not None and values["timeout"] <= 0:
        raise UserError(f"timeout={values['timeout']}: give seconds above 0, or leave it out")
    ks = tuple(_whole("k", word) for word in values["k"])
    conditions = Conditions(
        device=device,
        precision=values["precision"],
        threads=values["threads"],
        repeats=values["repeats"],
        warmup=values["warmup"],
        seed=values["seed"],
        probe_seconds=float(values["probe_seconds"]),
    )
    sizes = [_pair("sizes", word) for word in values["sizes"] or DEFAULT_SIZES]
    cells = tuple(_method_cells(values, locators, sizes, ks, registry))
    trace = values["trace"]
    if trace is not None:
        if not cells:
            raise UserError("trace= is of a method's call; give method=")
        cells = tuple(_traced(cells, Path(trace)))
    if values["features"]:
        features = [_triple("features", word) for word in values["features"]]
    else:
        features = [(max(3, h // 4), max(3, w // 4), FEATURE_CHANNELS) for h, w in sizes]
    compared = tuple(
        MatcherCell(name, shape, k) for shape, k, name in itertools.product(features, ks or (1,), matchers)
    )
    return ProfileRequest(cells, compared, conditions, values["timeout"])


def _method_cells(
    values: Mapping[str, Any],
    locators: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    ks: Sequence[int],
    registry: Registry,
) -> Iterator[MethodCell]:
    specs = [(text, method_outside(registry, text)) for text in map(_expanded, locators)]
    options = {
        name.removeprefix("method."): value for name, value in values.items() if name.startswith("method.")
    }
    weights = options.pop("weights", None)
    options = {name: value for name, value in options.items() if value is not None}
    for name in options if specs else ():
        if not any(name in spec.params for _, spec in specs):
            raise unknown_option(specs[0][1], name)
    if ks and "k" in options:
        raise UserError("k= and method.k= are the same; leave one of them out")
    if ks and specs and not values["matchers"] and not any("k" in spec.params for _, spec in specs):
        raise UserError(f"k=: {', '.join(spec.name for _, spec in specs)} has no option k; leave k= out")
    for locator, spec in specs:
        chosen = _weights(spec, weights, values["weights.root"], single=len(specs) == 1)
        params: dict[str, ParamValue] = {
            name: check_param(spec, name, value) for name, value in options.items() if name in spec.params
        }
        own = params.pop("k", None)
        mixed = ks if ks and "k" in spec.params else (own if isinstance(own, int) else None,)
        for size, k in itertools.product(sizes, mixed):
            _fits(size, spec)
            ref_size = _pair("ref_size", values["ref_size"]) if values["ref_size"] else size
            yield MethodCell(locator, chosen, values["weights.root"], params, size, ref_size, k)


def _weights(spec: MethodSpec, text: str | None, root: str | None, single: bool) -> str | None:
    """The choice for one method, checked by resolving it: a missing file is known before anything runs."""
    from refbench.execution.loader import resolve_weights
    from refbench.profiling.random_weights import is_random

    if not spec.takes_weights and not single:
        return None
    if is_random(text):
        if not spec.variants:
            raise UserError(f"method.weights={text}: {spec.name} has no weights; leave method.weights= out")
        return text
    chosen = check_weights(spec, text)
    if spec.takes_weights:
        try:
            resolve_weights(spec, chosen, Path(root) if root is not None else None)
        except UserError as error:
            raise UserError(
                f"{error}; to measure costs without a checkpoint: method.weights=random"
            ) from error
    return chosen


def _fits(size: tuple[int, int], spec: MethodSpec) -> None:
    if any(side % spec.scale for side in size):
        raise UserError(
            f"sizes={shown(size)}: HR sides must be multiples of {spec.scale}, the scale of {spec.name}"
        )


def _traced(cells: Sequence[MethodCell], path: Path) -> Iterator[MethodCell]:
    """The trace file as it was named for a single cell; with the cell in its name for several."""
    for number, cell in enumerate(cells):
        own = path if len(cells) == 1 else path.with_name(f"{path.stem}-{number}-{_slug(cell)}{path.suffix}")
        yield replace(cell, trace=str(own.resolve()))


def _slug(cell: MethodCell) -> str:
    name = Path(cell.locator.partition(".py")[0]).name
    return f"{name}-{shown(cell.size)}" + ("" if cell.k is None else f"-k{cell.k}")


def _expanded(text: str) -> str:
    return str(Path(text).expanduser()) if is_file_locator(text) else text


def _pair(key: str, word: str) -> tuple[int, int]:
    """(H, W) of what :func:`.cells.shown` writes."""
    found = _SIZE.fullmatch(word)
    if found is None or found[3] is not None or not int(found[1]) * int(found[2]):
        raise UserError(f"{key}={word}: give WIDTHxHEIGHT in pixels, e.g. 512x320")
    return int(found[2]), int(found[1])


def _triple(key: str, word: str) -> tuple[int, int, int]:
    """(H, W, C)."""
    found = _SIZE.fullmatch(word)
    if found is None or found[3] is None or min(int(found[1]), int(found[2])) < 3 or not int(found[3]):
        raise UserError(f"{key}={word}: give WIDTHxHEIGHTxCHANNELS, sides from 3, e.g. 125x83x256")
    return int(found[2]), int(found[1]), int(found[3])


def _whole(key: str, word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise UserError(f"{key}={word}: give whole numbers from 1, e.g. {key}=1,4")
    return int(word)
