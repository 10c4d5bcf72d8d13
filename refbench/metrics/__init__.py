"""Image metrics: pure functions of (SR, target), each with a signature that is its identity.

Importing this package imports no torch; :func:`build` does so only for the learned metrics.
"""

from refbench.metrics.build import Metric, MetricUnavailable, build
from refbench.metrics.known import known_metrics
from refbench.metrics.specs import DEFAULT_METRICS, METRICS, resolve, spec_of_signature

__all__ = [
    "DEFAULT_METRICS",
    "METRICS",
    "Metric",
    "MetricUnavailable",
    "build",
    "known_metrics",
    "resolve",
    "spec_of_signature",
]
