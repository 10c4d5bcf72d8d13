"""From run settings to a frozen plan: which cells there are, which trials each has, and their keys.

Nothing is computed or written here; weights are hashed but not loaded, datasets are opened but not
decoded. A suite's cells may be shared with another suite of the same sweep (``cufed5`` is the control of
``cufed5_jitter``): they have the same key and are carried out once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from refbench.errors import UserError
from refbench.identity.code_digest import code_digest
from refbench.identity.keys import digest, run_fields
from refbench.isolation.outside import hooks_outside, method_outside
from refbench.metrics import MetricCatalog
from refbench.metrics.specs import MATCHING
from refbench.plan.job import ENOUGH, CellJob, DataJob, MethodJob, Task
from refbench.plan.method_hooks import file_identity, method_label
from refbench.plan.sharding import Load, Share, share
from refbench.protocols import ProtocolInstance, build_instances
from refbench.protocols.instance import control_id, control_of
from refbench.registry import Registry, load_class
from refbench.settings import MethodChoice, RunConfig, Shard
from refbench.specs import MethodSpec, MetricSpec, ParamValue, check_scale
from refbench.tiling.size import memory_bytes
from refbench.types import Corresponding, Counted, Dataset, Sized, Titled
from refbench.untrusted.redact import clean_config


@dataclass(frozen=True)
class Cell:
    """Method x dataset x protocol instance x seed, with everything tables and manifests say about it."""

    job: CellJob
    method: str
    weights: str
    """Weights variant or path label; which program it is, for methods that are somebody's; else empty."""
    weights_files: Mapping[str, str | None]
    """Role -> sha256 of the checkpoint files."""
    dataset: str
    dataset_label: str
    fingerprint: str
    baseline: bool
    ids: tuple[str, ...]
    control: str | None
    """Protocol id of its suite's control, for the drop; None for the control itself and for an oracle."""
    dataset_count: int | None = None
    """Samples of the dataset's copy, of which ``ids`` may be a part."""
    dataset_title: str = ""
    """The label without how much of the set there is: ``wrsr``."""
    dataset_total: int | None = None
    """Samples of the whole set, of which the copy is a part; None: it is whole, or nobody knows."""
    identity: Mapping[str, Any] = field(repr=False, default_factory=dict)
    """What the run key was made of."""
    config: RunConfig | None = field(repr=False, default=None)
    """The settings that asked for it, for the manifest."""

    @property
    def key(self) -> str:
        """Run key; also the name of its folder."""
        return self.job.key

    @property
    def protocol(self) -> ProtocolInstance:
        """Its protocol instance."""
        return self.job.protocol

    @property
    def method_label(self) -> str:
        """``datsr (compact)``: never to be mistaken for the official net, nor ``datsr (compact, approx=pca)``
        for one that matches exactly."""
        approx = dict(self.job.method.params).get("approx")
        notes = [*([self.weights] if self.weights else []), *([f"approx={approx}"] if approx else [])]
        return f"{self.method} ({', '.join(notes)})" if notes else self.method

    def trials(self) -> tuple[tuple[str, int], ...]:
        """(sample id, draw) of every trial, draws of one sample next to each other."""
        return tuple((i, d) for i in self.ids for d in range(self.protocol.draws))

    def compare_fields(self) -> dict[str, Any]:
        """What two cells must share to be ranked or compared, without the metric's signature."""
        return {
            "dataset": self.fingerprint,
            "protocol": {"id": self.protocol.id, "params": self.protocol.identity()},
            "seed": self.job.seed,
        }


@dataclass(frozen=True)
class SuitePlan:
    """One suite on one dataset with one seed: the cells that its table compares."""

    name: str
    title: str
    dataset_label: str
    seed: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Plan:
    """Everything a ``run`` will do."""

    suites: tuple[SuitePlan, ...]
    shard: Shard | None = None
    """Which part of the plan is carried out; None: all of it."""
    share: Share | None = field(repr=False, default=None)
    """What belongs to ``shard``."""
    notes: tuple[str, ...] = ()
    """Lines for the user about the data, e.g. files that were left out."""

    def cells(self) -> tuple[Cell, ...]:
        """Every cell once, grouped by method so that each one's weights load once."""
        unique: dict[str, Cell] = {}
        for suite in self.suites:
            for cell in suite.cells:
                known = unique.get(cell.key)
                if known is None or len(cell.trials()) > len(known.trials()):
                    unique[cell.key] = cell
        jobs: list[MethodJob] = []
        for cell in unique.values():
            if cell.job.method not in jobs:
                jobs.append(cell.job.method)
        return tuple(sorted(unique.values(), key=lambda c: jobs.index(c.job.method)))

    def trials(self, cell: Cell) -> tuple[tuple[str, int], ...]:
        """Those of the cell's trials that this run carries out: all, or its shard's."""
        if self.share is None:
            return cell.trials()
        return tuple(trial for trial in cell.trials() if (cell.key, trial[0]) in self.share)

    def unbounded(self) -> tuple[str, ...]:
        """The methods that have a memory limit and cannot keep to it: they do not run in tiles."""
        jobs = (cell.job.method for cell in self.cells())
        names = (job.spec.name for job in jobs if job.memory_limit is not None and not job.spec.tiles)
        return tuple(dict.fromkeys(names))

    def tasks(self, done: Mapping[str, set[tuple[str, int]]]) -> list[Task]:
        """The trials that are not in ``done`` (run key -> finished trials), in the order of :meth:`cells`.

        The first of each cell tells what the method is; what it computes only where there are enough trials
        for the extra call that counting takes.
        """
        found: list[Task] = []
        for cell in self.cells():
            finished = done.get(cell.key, set())
            left = [trial for trial in self.trials(cell) if trial not in finished]
            count = "flops" if len(left) >= ENOUGH else "parameters"
            found += [Task(cell.key, *trial, "" if i else count) for i, trial in enumerate(left)]
        return found


def metrics_of(
    instance: ProtocolInstance, config: RunConfig, dataset: Dataset, catalog: MetricCatalog
) -> tuple[MetricSpec, ...]:
    """The protocol's own metrics, the user's, and those of matching where the truth is known."""
    known = instance.knows_truth(isinstance(dataset, Corresponding))
    matching = tuple(spec.alias for spec in MATCHING) if known else ()
    try:
        own = catalog.of_names(instance.card.metrics)
    except UserError as error:
        raise UserError(f"protocol {instance.card.id}, metrics: {error}") from error
    asked = catalog.of_names([*config.metrics, *matching]) if config.metrics or matching else ()
    return tuple({spec.signature: spec for spec in (*own, *asked)}.values())


class Planner:
    """Opens each dataset and hashes each method's weights once for all cells of a sweep."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._catalog = MetricCatalog.of(registry)
        self._datasets: dict[str, Dataset] = {}
        self._weights: dict[tuple[str, str | None, str | None], Any] = {}
        self._code: dict[str, str] = {}
        self._told: dict[object, tuple[str | None, str]] = {}
        self._device = "cpu"

    def plan(self, configs: Sequence[RunConfig], device: str = "cpu") -> Plan:
        """The plan of a sweep on ``device``. Raises UserError for anything that cannot be run as asked."""
        self._device = device
        groups: dict[tuple[str, str, int], list[RunConfig]] = {}
        for config in configs:
            groups.setdefault((config.suite.name, config.dataset, config.seed), []).append(config)
        suites = tuple(self._suite(group) for group in groups.values())
        opened = [data for data in self._datasets.values() if isinstance(data, Counted)]
        plan = Plan(suites, notes=tuple(note for data in opened for note in data.notes))
        shard = configs[0].shard if configs else None
        return plan if shard is None else replace(plan, shard=shard, share=share(self._loads(plan), shard))

    def _loads(self, plan: Plan) -> list[Load]:
        """The plan's cells as their division sees them; each dataset tells its image sizes once."""
        sizes: dict[str, dict[str, int]] = {}
        groups: dict[str, int] = {}
        loads = []
        for cell in plan.cells():
            dataset = self._datasets[cell.job.data.id]
            known = sizes.setdefault(cell.job.data.id, {})
            if isinstance(dataset, Sized):
                known.update({i: dataset.pixels(i) for i in cell.ids if i not in known})
            group = groups.setdefault(repr(cell.job.method), len(groups))
            loads.append(Load(cell.key, group, cell.ids, known))
        return loads

    def _suite(self, configs: Sequence[RunConfig]) -> SuitePlan:
        first = configs[0]
        instances = build_instances(first.suite, first.draws)
        cells: dict[str, Cell] = {}
        against = first.against
        entries = [(config, config.method, False) for config in configs]
        if against is not None:
            mine = [e for e in entries if e[1].name == against]
            entries = [e for e in entries if e[1].name != against]
            # the user's own bicubic is the baseline: it is not scored twice
            choice = mine[0][1] if mine else MethodChoice(against, locator=against)
            entries.insert(0, (first, choice, True))
        for config, method, is_baseline in entries:
            for instance in instances:
                cell = self._cell(config, method, instance, is_baseline, control_of(instances))
                cells[cell.key] = cell
        chosen = tuple(cells.values())
        return SuitePlan(first.suite.name, first.suite.title, chosen[0].dataset_label, first.seed, chosen)

    def _data(self, config: RunConfig) -> tuple[DataJob, Dataset]:
        spec = self._registry.dataset(config.dataset)
        if config.data.root is None and spec.embedded:
            spec = self._registry.dataset(spec.embedded)
        job = DataJob(spec.target, config.data)
        if job.id not in self._datasets:
            self._datasets[job.id] = load_class(spec.target)(config.data)
        dataset = self._datasets[job.id]
        return replace(job, fingerprint=dataset.fingerprint), dataset

    def _digest(self, spec: MethodSpec) -> str:
        if spec.target not in self._code:
            self._code[spec.target] = code_digest(spec)
        return self._code[spec.target]

    def _cell(
        self,
        config: RunConfig,
        choice: MethodChoice,
        instance: ProtocolInstance,
        baseline: bool,
        control: ProtocolInstance | None,
    ) -> Cell:
        spec = method_outside(self._registry, choice.locator or choice.name)
        variant, files, own_scale = self._resolve(spec, choice.weights, config)
        check_scale(spec, own_scale, variant, instance.card.scale, f"protocol {instance.card.id}")
        data_job, dataset = self._data(config)
        ids = dataset.ids()[: config.limit] if config.limit is not None else dataset.ids()
        params = {name: p.default for name, p in spec.params.items()} | dict(choice.params)
        locator = choice.locator or choice.name
        foreign = self._registry.is_third_party(locator)
        input_files, label = self._hooks(spec, locator, foreign, params, ids)
        identity = run_fields(
            method=spec.name,
            code=self._digest(spec),
            weights={**files, **({"files": input_files} if input_files else {})},
            # a key for a service in `method.cmd` changes no image, and has no place in a manifest
            params=clean_config(params),
            dataset=dataset.fingerprint,
            protocol=instance.id,
            protocol_params=instance.identity(),
            seed=config.seed,
            precision=config.precision,
        )
        job = CellJob(
            key=digest(identity),
            method=MethodJob(
                spec=spec,
                locator=locator,
                weights=choice.weights,
                weights_root=config.weights_root,
                params=tuple(sorted(params.items())),
                device=self._device,
                precision=config.precision,
                memory_limit=memory_bytes(config.memory_limit),
                weights_sha256=tuple(sorted(files.items())),
                own_process=foreign,
            ),
            data=data_job,
            protocol=instance,
            seed=config.seed,
            metrics=metrics_of(instance, config, dataset, self._catalog),
            images=config.images == "png",
            repeat=config.repeat,
        )
        return Cell(
            job=job,
            method=spec.name,
            weights=variant or label,
            weights_files=files,
            dataset=dataset.name,
            dataset_label=dataset.label,
            fingerprint=dataset.fingerprint,
            baseline=baseline,
            ids=tuple(ids),
            control=control_id(instance, control),
            dataset_count=dataset.count if isinstance(dataset, Counted) else len(dataset.ids()),
            dataset_title=dataset.title if isinstance(dataset, Titled) else dataset.label,
            dataset_total=dataset.total if isinstance(dataset, Titled) else None,
            identity=identity,
            config=replace(config, method=choice),
        )

    def _hooks(
        self,
        spec: MethodSpec,
        locator: str,
        foreign: bool,
        params: Mapping[str, ParamValue],
        ids: Sequence[str],
    ) -> tuple[str | None, str]:
        """(identity of the files that a method reads, its label)."""
        if not spec.reads_files:
            return None, ""
        if not foreign:
            cls = load_class(spec.target)
            return file_identity(cls, params, ids), method_label(cls, params)
        # one process for all protocols of a study
        key = (locator, repr(sorted(params.items())), tuple(ids))
        if key not in self._told:
            self._told[key] = hooks_outside(locator, spec.target, params, ids)
        return self._told[key]

    def _resolve(
        self, spec: MethodSpec, weights: str | None, config: RunConfig
    ) -> tuple[str, Mapping[str, str | None], int | None]:
        """Label, digests by role, and the scale that these weights are for, where they alone decide it."""
        if not spec.takes_weights:
            return "", {}, None
        from refbench.weights import resolve

        key = (spec.name, weights, str(config.weights_root))
        if key not in self._weights:
            self._weights[key] = resolve(spec, weights, config.weights_root)
        found = self._weights[key]
        return found.variant, dict(found.sha256), found.scale
