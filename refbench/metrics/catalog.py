"""The metrics that one process can name: made once from the registry and handed to whoever needs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from refbench.errors import UserError, unknown
from refbench.metrics.composite import COMPOSITES, composite_spec
from refbench.metrics.names import parameters_between, split_name, with_parameters
from refbench.metrics.pyiqa_names import PYIQA_PREFIX, pyiqa_spec, pyiqa_version
from refbench.metrics.specs import DEFAULT_METRICS, HINTS
from refbench.specs import MetricSpec

if TYPE_CHECKING:
    from refbench.registry import Registry


class MetricCatalog:
    """Metric specs by name and by signature; ``pyiqa:NAME`` is resolved on demand.

    >>> from refbench.metrics.specs import METRICS
    >>> catalog = MetricCatalog(METRICS)
    >>> [spec.title for spec in catalog.of_names(["psnr_y", "ssim_y:crop=2:region=covered"])]
    ['PSNR-Y', 'SSIM-Y c2 [covered]']
    """

    def __init__(self, specs: Iterable[MetricSpec]) -> None:
        """``specs``: of two with one alias the first counts."""
        self._by_alias: dict[str, MetricSpec] = {}
        for spec in specs:
            self._by_alias.setdefault(spec.alias, spec)
        self._by_signature = {spec.signature: spec for spec in reversed(self._by_alias.values())}

    @classmethod
    def of(cls, registry: Registry) -> MetricCatalog:
        """Every metric that ``registry`` could read: built-in ones and those of installed third parties."""
        entries = registry.entries("metrics")
        return cls(entry.spec for entry in entries if isinstance(entry.spec, MetricSpec))

    @property
    def specs(self) -> tuple[MetricSpec, ...]:
        """Every spec, in the order given."""
        return tuple(self._by_alias.values())

    def of_names(self, names: Sequence[str]) -> tuple[MetricSpec, ...]:
        """Specs for metric names, in the order given, each once.

        ``names`` are aliases or ``pyiqa:NAME``, with parameters or without (``psnr_y:crop=2``), or full
        signatures. Raises UserError for an empty list, and for unknown names, parameters and values, with a
        suggestion.
        """
        if not names:
            raise UserError(
                f"metrics= is empty; name at least one, e.g. metrics=[{','.join(DEFAULT_METRICS)}]"
            )
        found: dict[str, MetricSpec] = {}
        for name in names:
            spec = self._of_name(name)
            found.setdefault(spec.signature, spec)
        return tuple(found.values())

    def by_signature(self, signature: str) -> MetricSpec:
        """The spec with a stored signature; one of pyiqa may name another version than the installed one.

        Raises UserError for a signature that no known metric has.
        """
        if signature in self._by_signature:
            return self._by_signature[signature]
        for spec in (*self.specs, *map(composite_spec, COMPOSITES)):
            given = parameters_between(spec, signature)
            if given is not None:
                return with_parameters(spec, given)
        if signature.startswith("pyiqa|name="):
            return _of_pyiqa(signature)
        raise unknown("metric signature", signature, self._by_signature)

    def _of_name(self, name: str) -> MetricSpec:
        if "|" in name:
            return self.by_signature(name)
        head, given = split_name(name)
        if head in HINTS and head not in self._by_alias:
            raise UserError(f"no metric {head!r}; did you mean {' or '.join(HINTS[head])}?")
        if head.startswith(PYIQA_PREFIX):
            base = pyiqa_spec(head.removeprefix(PYIQA_PREFIX))
        elif head in self._by_alias:
            base = self._by_alias[head]
        elif head in COMPOSITES:
            base = composite_spec(head)
        else:
            raise unknown("metric", head, [*sorted(self._by_alias), *COMPOSITES, f"{PYIQA_PREFIX}NAME"])
        made = with_parameters(base, given)
        # psnr_y:crop=0 is psnr_y_c0: one identity, one column
        return self._by_signature.get(made.signature, made)


def _of_pyiqa(signature: str) -> MetricSpec:
    """The spec of a stored signature of pyiqa, of whatever version."""
    fields = dict(text.partition("=")[::2] for text in signature.split("|"))
    base = pyiqa_spec(fields["name"])
    # the same with the version that is installed here
    here = signature.replace(f"pkg={fields.get('pkg')}", f"pkg={pyiqa_version()}")
    given = parameters_between(base, here)
    return replace(with_parameters(base, given) if given else base, signature=signature)


def metric_facts(specs: Iterable[MetricSpec]) -> dict[str, dict[str, object]]:
    """What a manifest records of its metrics, by alias: all that a reader of rows needs to print them."""
    return {
        spec.alias: {
            "signature": spec.signature,
            "unit": spec.unit,
            "decimals": spec.decimals,
            "higher_is_better": spec.higher_is_better,
            "needs_target": spec.needs_target,
            "kind": spec.kind,
            "title": spec.title,
            "bounds": list(spec.bounds),
        }
        for spec in specs
    }


def recorded_specs(metrics: Mapping[str, Mapping[str, object]]) -> tuple[MetricSpec, ...]:
    """The specs that a manifest records, see :func:`metric_facts`. They can be shown and compared, whether
    or not the metric is installed here, but not computed (``target`` is empty)."""
    return tuple(_recorded(alias, facts) for alias, facts in metrics.items())


def _recorded(alias: str, facts: Mapping[str, object]) -> MetricSpec:
    decimals, bounds = facts.get("decimals"), facts.get("bounds")
    least, greatest = bounds if isinstance(bounds, list) and len(bounds) == 2 else (None, None)
    return MetricSpec(
        alias=alias,
        signature=str(facts["signature"]),
        target="",
        higher_is_better=facts.get("higher_is_better") is not False,
        unit=str(facts.get("unit") or ""),
        decimals=decimals if isinstance(decimals, int) and 0 <= decimals <= 9 else 4,
        needs_target=facts.get("needs_target") is not False,
        kind=str(facts.get("kind") or "image"),
        title=str(facts.get("title") or alias),
        bounds=(least, greatest),
    )
