"""``refbench prepare metric=NAME``: the network behind a metric, where the metric looks for it."""

from __future__ import annotations

import argparse
from typing import Any

from refbench.errors import UserError
from refbench.metrics import MetricCatalog, MetricUnavailable, build
from refbench.metrics.backbones import ADDRESSES, BACKBONES, backbone_of, verified_backbone
from refbench.registry import Registry
from refbench.untrusted.downloads import Remote, fetch
from refbench.weights.resolve import hub_folder


def prepare_metric(args: argparse.Namespace, values: dict[str, Any]) -> int:
    """Fetch and verify the file that the metric needs, or say which to put where; 1 when it cannot run."""
    (spec,) = MetricCatalog.of(Registry.discover()).of_names([values["metric"]])
    net, fetched, reason = backbone_of(spec), False, ""
    if net is not None:
        name, prefix = BACKBONES[net]
        path = hub_folder() / name
        if not path.is_file():
            source = Remote(ADDRESSES[net] + name, prefix, prefix=True, kind="sha256")
            args.output.note(f"{name} from {source.host} to {path}")
            try:
                fetch(source, path)
                fetched = True
            except UserError as error:
                reason = f"{error}; fetch {ADDRESSES[net]}{name} yourself and put it at {path}"
    if not reason:
        try:
            if net is not None:
                verified_backbone(net)
            build(spec)
        except MetricUnavailable as error:
            reason = error.reason
    file = str(hub_folder() / BACKBONES[net][0]) if net is not None else None
    args.output.emit(
        {"metric": spec.alias, "file": file, "fetched": fetched, "ok": not reason, "reason": reason or None}
    )
    if reason:
        args.output.line(f"{spec.alias}: cannot be computed: {reason}")
        return 1
    what = f"{'fetched' if fetched else 'present'}: {file}; " if file else ""
    args.output.line(f"{what}{spec.alias} can be computed ({spec.signature})")
    return 0
