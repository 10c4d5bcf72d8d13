"""The catalogue of a registry, and what a manifest records of its metrics."""

from __future__ import annotations

from refbench.metrics import METRICS, MetricCatalog, metric_facts, recorded_specs
from refbench.registry import Entry, Registry
from refbench.specs import MetricSpec

MAE = MetricSpec(
    "mae", "mae|v1", "plugin:factory", higher_is_better=False, unit="px", decimals=1, title="MAE"
)


def test_a_catalogue_has_what_the_registry_could_read() -> None:
    broken = Entry("bad", None, "plug 1.0 (entry point)", "KeyError: 'x'")
    registry = Registry({"metrics": [Entry("mae", MAE, "plug 1.0 (entry point)"), broken]})
    catalog = MetricCatalog.of(registry)
    assert catalog.specs == (MAE,)
    assert catalog.of_names(["mae|v1", "mae"]) == (MAE,)
    assert catalog.by_signature("mae|v1") is MAE
    aliases = {spec.alias for spec in MetricCatalog.of(Registry.discover()).specs}
    assert aliases >= {spec.alias for spec in METRICS}


def test_of_two_metrics_with_one_alias_the_first_counts() -> None:
    other = MetricSpec("mae", "mae|v2", "plugin:other")
    assert MetricCatalog([MAE, other]).of_names(["mae"]) == (MAE,)


def test_a_manifest_records_all_that_a_reader_needs() -> None:
    for spec in (*METRICS, MAE):
        (read,) = recorded_specs(metric_facts([spec]))
        shown = (
            "alias",
            "signature",
            "unit",
            "decimals",
            "higher_is_better",
            "needs_target",
            "kind",
            "title",
            "bounds",
        )
        assert [getattr(read, name) for name in shown] == [getattr(spec, name) for name in shown]
