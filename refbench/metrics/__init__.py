"""Image metrics: pure functions of (SR, target), each with a signature that is its identity.

Importing this package imports no torch; :func:`build` does so only for the learned metrics.
"""

from refbench.metrics.build import Metric, MetricUnavailable, build
from refbench.metrics.catalog import MetricCatalog, metric_facts, recorded_specs
from refbench.metrics.specs import DEFAULT_METRICS, METRICS

__all__ = [
    "DEFAULT_METRICS",
    "METRICS",
    "Metric",
    "MetricCatalog",
    "MetricUnavailable",
    "build",
    "metric_facts",
    "recorded_specs",
]
