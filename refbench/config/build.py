"""One RunConfig from composed configuration and raw values: the last checks before anything runs."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from refbench.config.keys import DATA_OPTIONS, RUN
from refbench.config.method import method_choice
from refbench.config.suite import parse_suite, read_suite_file
from refbench.config.values import check, expand, looks_like_path
from refbench.errors import UserError
from refbench.metrics.catalog import MetricCatalog
from refbench.nets.reference_use import multi_for
from refbench.registry import Registry
from refbench.settings import ExecutorChoice, RunConfig, Shard, SuiteConfig
from refbench.specs import DataRequest, MethodSpec
from refbench.weights.resolve import ROOT_VARIABLE


def build_run(
    spec: MethodSpec,
    locator: str,
    suite: str | None,
    composed: Mapping[str, Any],
    texts: Mapping[str, str],
    raw: Mapping[str, object],
    registry: Registry,
) -> RunConfig:
    """Check every value and put the run together. Raises UserError naming the key."""
    values = _values(composed, raw)
    suite_config = _suite(suite, composed, texts)
    dataset = values["dataset"] or suite_config.dataset
    registry.dataset(dataset)
    weights = texts.get("method.weights")
    options = {
        **composed["method"]["params"],
        **{k.removeprefix("method."): v for k, v in raw.items() if k.startswith("method.")},
    }
    executor = dict(composed["executor"])
    executor.update({k.removeprefix("executor."): v for k, v in raw.items() if k.startswith("executor.")})
    if "multi" not in options and (multi := multi_for(spec, options, suite_config.multi)) is not None:
        options["multi"] = multi
    return RunConfig(
        method=method_choice(spec, locator, None if weights in (None, "null") else weights, options),
        suite=suite_config,
        dataset=dataset,
        data=_data(values, raw),
        seed=values["seed"],
        limit=values["limit"],
        device=values["device"],
        precision=values["precision"],
        images=values["images"],
        metrics=_metrics(values["metrics"], registry),
        table=values["table"],
        tracking=values["tracking"],
        tracking_uri=values["tracking.uri"],
        executor=ExecutorChoice(executor.pop("name"), executor),
        out=Path(values["out"]),
        weights_root=_weights_root(values["weights.root"]),
        against=_against(values["against"], registry),
        draws=values["draws"],
        repeat=_repeat(values["repeat"]),
        threads=values["threads"],
        memory_limit=values["memory.limit"],
        shard=Shard.parse(values["shard"]) if values["shard"] is not None else None,
    )


def _values(composed: Mapping[str, Any], raw: Mapping[str, object]) -> dict[str, Any]:
    """Every key of the table: raw as given, parsed ones checked."""
    found: dict[str, Any] = {}
    for key in RUN:
        if key.kind == "locator":
            continue
        if key.raw:
            found[key.name] = raw.get(key.name, key.default)
        elif key.name == "executor":
            found[key.name] = composed["executor"]["name"]
        else:
            found[key.name] = check(key, _at(composed, key.name))
    return found


def _at(data: Mapping[str, Any], dotted: str) -> Any:
    node: Any = data
    for part in dotted.split("."):
        node = node[part]
    return node


def _suite(suite: str | None, composed: Mapping[str, Any], texts: Mapping[str, str]) -> SuiteConfig:
    changes = {name.removeprefix("suite."): name for name in texts if name.startswith("suite.")}
    own = {name: _at(composed, full) for name, full in changes.items()}
    if texts.get("card") not in (None, "null"):
        # every protocol of the suite under this card
        own["card"] = texts["card"]
    if suite is None or not looks_like_path(suite):
        return parse_suite(
            laid_over(composed["suite"], own, "card"), f"suite {composed['suite'].get('name', suite)}"
        )
    # a user's own file is not part of Hydra's search path; its overrides are laid over it here
    path = Path(expand(suite))
    folder = None if looks_like_path(str(own.get("card", ""))) else path.parent
    return parse_suite(laid_over(read_suite_file(suite), own, suite), str(path), folder)


def laid_over(data: Mapping[str, Any], changes: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A suite's mapping with ``suite.<field>=`` changes; a changed card holds for every protocol it lists."""
    laid: dict[str, Any] = copy.deepcopy(dict(data))
    for name, value in changes.items():
        *parents, last = name.split(".")
        node = laid
        for part in parents:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise UserError(f"suite.{name}: {part} is not a mapping in {where}")
        node[last] = value
    if "card" in changes and isinstance(laid.get("protocols"), list):
        rows = laid["protocols"]
        laid["protocols"] = [{**r, "card": changes["card"]} if isinstance(r, dict) else r for r in rows]
    return laid


def _data(values: Mapping[str, Any], raw: Mapping[str, object]) -> DataRequest:
    known = {k.name: values[k.name] for k in DATA_OPTIONS}
    foreign = {k: v for k, v in raw.items() if k.startswith("data.") and k not in ("data.root", "data.ids")}
    options = {k.removeprefix("data."): str(v) for k, v in {**known, **foreign}.items() if v is not None}
    return DataRequest(
        root=values["data.root"], partial=values["data.partial"], ids=values["data.ids"], options=options
    )


def _metrics(names: tuple[str, ...], registry: Registry) -> tuple[str, ...]:
    """Names as given; ``...`` (the protocol's own) may stand among them. Every other must be known."""
    chosen = tuple(dict.fromkeys(name for name in names if name != "..."))
    if chosen:
        MetricCatalog.of(registry).of_names(chosen)
    return chosen


def _repeat(count: int) -> int:
    if count > 2:
        raise UserError(f"repeat={count}: give 1, or 2 to compare two calls on the same input")
    return count


def _weights_root(given: str | None) -> Path | None:
    text = given or os.environ.get(ROOT_VARIABLE)
    return Path(expand(text)) if text else None


def _against(name: str | None, registry: Registry) -> str | None:
    if name in (None, "none"):
        return None
    registry.method(str(name))
    return name
