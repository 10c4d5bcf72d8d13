"""Every metric that this process can name: the built-in ones and those of installed third parties."""

from __future__ import annotations

from importlib.metadata import entry_points

from refbench.metrics.specs import METRICS
from refbench.specs import MetricSpec


def known_metrics() -> tuple[MetricSpec, ...]:
    """Built-ins first. A third-party spec that cannot be read, or whose alias is taken, is left out here;
    ``refbench list metrics`` shows it with the reason."""
    found = {spec.alias: spec for spec in METRICS}
    for point in sorted(entry_points(group="refbench.metrics"), key=lambda p: p.name):
        try:
            spec = point.load()
        except (Exception, SystemExit):
            continue
        if isinstance(spec, MetricSpec) and spec.alias == point.name:
            found.setdefault(spec.alias, spec)
    return tuple(found.values())
