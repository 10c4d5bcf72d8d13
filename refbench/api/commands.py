"""The parts of the front door that the command line calls with settings that it has read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refbench.api.results import ReportResult, RunResult
from refbench.errors import UserError
from refbench.isolation.outside import method_outside

if TYPE_CHECKING:
    from refbench.auditing.audit import AuditResult
    from refbench.conformance.golden_report import GoldenReport
    from refbench.conformance.report import ConformanceReport
    from refbench.exchange import Exported
    from refbench.execution.runner import Progress
    from refbench.execution.upscale import UpscaleResult
    from refbench.plan.planner import Cell, Plan
    from refbench.registry import Registry
    from refbench.reports.site.write import Site
    from refbench.settings import RunConfig
    from refbench.specs import MethodSpec
    from refbench.tracking.types import TrackingResult


def run_configs(
    registry: Registry,
    method: str | Sequence[str],
    suite: str | Path | Sequence[str | Path],
    settings: Mapping[str, object],
) -> list[RunConfig]:
    """The runs that Python settings ask for; a list of methods or suites is a sweep. Raises UserError."""
    from refbench.config.load import load_run
    from refbench.config.run import RUN_KEYS
    from refbench.config.words import sweep, words

    axes = [
        f"{name}={sweep(value, name, RUN_KEYS)}" for name, value in (("method", method), ("suite", suite))
    ]
    return load_run([*axes, *words(settings, RUN_KEYS)], registry)


def plan_configs(configs: Sequence[RunConfig], registry: Registry) -> Plan:
    """The plan of a sweep on its device. Raises UserError, also for a device that this machine lacks."""
    from refbench.execution.device import resolve_device
    from refbench.plan.planner import Planner

    return Planner(registry).plan(configs, device=resolve_device(configs[0].device))


def carry_out_configs(
    configs: Sequence[RunConfig],
    registry: Registry,
    progress: Progress | None = None,
    note: Callable[[str], None] = lambda line: None,
    on_trace: Callable[[Cell, str], None] | None = None,
) -> RunResult:
    """Plan, carry out and mirror the runs; ``note`` is told what a person should know meanwhile, and
    ``on_trace`` the traceback of each method's first error."""
    from refbench.execution.choose import make_executor
    from refbench.execution.runner import NoProgress, carry_out
    from refbench.execution.threads import set_threads
    from refbench.results.readable import method_folders

    first = configs[0]
    plan = plan_configs(configs, registry)
    set_threads(first.threads)
    executor = make_executor(first.executor.name, first.executor.params)
    for text in plan.notes:
        note(text)
    for name in plan.unbounded():
        note(f"memory.limit={first.memory_limit}: {name} cannot run in tiles: not bounded")
    outcome = carry_out(plan, first, executor, progress or NoProgress(), on_trace)
    result = RunResult(outcome, places=method_folders(first.out, outcome.cells()))
    return replace(result, tracked=tuple(_publish(result, first)))


def _publish(result: RunResult, config: RunConfig) -> list[TrackingResult]:
    """Mirror the run to MLflow; a failing mirror is a warning, never a failed run.

    A shard is not mirrored: it is not a finished run, and many of them would touch a fresh database at once.
    """
    if config.tracking == "none" or config.shard is not None:
        return []
    from refbench.reports.table_markdown import markdown
    from refbench.tracking.publish import publish_run

    def write_report(runs: Sequence[Path], folder: Path) -> None:
        from refbench.reports.mirror import write_mirror_report

        write_mirror_report(runs, folder)

    return publish_run(result.outcome, config, [markdown(t) for t in result.tables()], write_report)


def report_folder(place: Path) -> Path:
    """``report/`` in a results folder; next to it for a bundle, and for a single run, which keeps its own
    files only.

    UserError when there is a link of that name: results folders are handed around, and a report that was
    not told where to write stays inside.
    """
    from refbench.files.disk import check_links, explained
    from refbench.store.manifest import MANIFEST

    root = place.parent if place.is_file() or (place / MANIFEST).is_file() else place
    with explained(root):
        check_links(root / "report" / "report.md", root)
    return root / "report"


def report_with(
    places: Sequence[Path], folder: Path, values: Mapping[str, Any], note: Callable[[str], None]
) -> ReportResult:
    """:func:`report` with the settings of the command, read. Raises UserError."""
    from refbench.reports.options import print_options
    from refbench.reports.report import build_report
    from refbench.reports.write import check_formats, write_report
    from refbench.results.audits import read_audits
    from refbench.results.cells import load_cells
    from refbench.results.reopen import opened

    check_formats(values["format"])
    options = print_options(values)
    audits = read_audits([Path(file).expanduser() for file in values["audits"]])
    with opened(places) as folders:
        stored = load_cells(folders, audits)
        built = build_report(stored, metric=values["metric"], published=options.published)
        files = write_report(
            built,
            values["format"],
            folder,
            options=options,
            samples=values["report.samples"],
            data_root=values["data.root"],
            note=note,
        )
    return ReportResult(built, tuple(files))


def site_with(places: Sequence[Path], values: Mapping[str, Any], note: Callable[[str], None]) -> Site:
    """The leaderboard of runs and bundles with the settings of the command, read. Raises UserError."""
    from refbench.reports.site.write import write_site
    from refbench.results.audits import read_audits
    from refbench.results.cells import load_cells
    from refbench.results.reopen import opened

    audits = read_audits(Path(name).expanduser() for name in values["audits"])
    with opened(places) as folders:
        return write_site(
            load_cells(folders, audits),
            Path(values["out"]).expanduser(),
            title=values["title"],
            samples=values["site.samples"],
            note=note,
        )


def export_with(places: Sequence[Path], values: Mapping[str, Any], note: Callable[[str], None]) -> Exported:
    """:func:`refbench.api.export` with the settings of the command, read. Raises UserError."""
    from refbench.exchange import ExportRequest, export

    out = Path(values["out"]).expanduser()
    return export(str(values["format"]), ExportRequest(tuple(places), out, values, note))


def audit_with(places: Sequence[Path], values: Mapping[str, Any]) -> AuditResult:
    """:func:`refbench.api.audit` with the settings of the command, read. Raises UserError."""
    from refbench.auditing.audit import audit
    from refbench.execution.device import resolve_device
    from refbench.execution.threads import set_threads
    from refbench.registry import Registry
    from refbench.reports.stored import audit_tables

    set_threads(values["threads"])
    root = values["weights.root"]
    return audit(
        places,
        Registry.discover(),
        data_root=values["data.root"],
        weights_root=Path(root).expanduser() if root else None,
        rerun=values["rerun"],
        device=resolve_device(values["device"]) if values["rerun"] else "cpu",
        tables=audit_tables,
    )


def verify_with(
    values: Mapping[str, Any], echo: Callable[[str], None] = lambda line: None
) -> ConformanceReport | GoldenReport:
    """:func:`verify` with the settings of the command, read."""
    from refbench.execution.threads import set_threads
    from refbench.registry import Registry

    set_threads(values["threads"])
    choice, root = values["method"], values["weights.root"]
    if values["golden"] is None and values["keys"] is None:
        from refbench.conformance.kit import verify_method

        registry = Registry.discover()
        spec: MethodSpec = method_outside(registry, choice.locator)
        folder = Path(root) if root else None
        if registry.is_third_party(choice.locator):
            from refbench.conformance.outside import verify_third_party

            return verify_third_party(spec, choice, folder, values["device"], echo)
        return verify_method(spec, choice.weights, folder, choice.params, values["device"], echo)
    from refbench.conformance.golden import check_golden
    from refbench.execution.device import resolve_device

    for key in ("golden", "keys"):
        if values[key] is None:
            raise UserError(f"verify: golden= and keys= go together; {key}= is missing")
    if choice.weights is not None or root is not None:
        raise UserError("verify: golden= fills the nets by its own rule; leave the weights keys out")
    other = [name for name in choice.params if name != "k"]
    if other:
        raise UserError(f"verify: golden= goes with method.k only; leave method.{other[0]} out")
    k = choice.params.get("k")
    device = resolve_device(values["device"])
    count = k if isinstance(k, int) else None
    return check_golden(choice.name, Path(values["golden"]), Path(values["keys"]), count, device)


def upscale_with(
    image: Path, values: Mapping[str, Any], line: Callable[[str], None], note: Callable[[str], None]
) -> tuple[UpscaleResult, ...]:
    """:func:`upscale_folder` with the settings of the command, read; ``image`` may be a file."""
    from refbench.execution.loader import resolve_weights
    from refbench.execution.threads import set_threads
    from refbench.execution.upscale import UpscaleRequest, upscale_all
    from refbench.execution.upscale_files import tasks_of
    from refbench.registry import Registry
    from refbench.tiling.size import memory_bytes

    choice = values["method"]
    root = Path(values["weights.root"]) if values["weights.root"] else None
    registry = Registry.discover()
    spec = method_outside(registry, choice.locator)
    scale = values["scale"] or spec.scale
    if spec.any_checkpoint and values["scale"] is None:
        weights = resolve_weights(spec, choice.weights, root)
        scale = (weights.scale if weights is not None else None) or scale
    set_threads(values["threads"])
    refs = [Path(ref).expanduser() for ref in values["ref"]]
    tasks, left_out = tasks_of(image, refs, values["out"], values["format"], scale)
    if left_out:
        note(f"left out: {', '.join(left_out)}")
    request = UpscaleRequest(
        lr=image,
        out=tasks[0].out,
        spec=spec,
        weights=choice.weights,
        weights_root=root,
        scale=values["scale"],
        params=choice.params,
        locator=choice.locator if registry.is_third_party(choice.locator) else "",
        device=values["device"],
        overwrite=values["overwrite"],
        precision=values["precision"],
        memory_limit=memory_bytes(values["memory.limit"]),
    )
    results, failed = [], 0
    for _, result in upscale_all(request, tasks, line):
        if not isinstance(result, UserError):
            results.append(result)
        elif not image.is_dir():
            raise result
        else:
            failed += 1
            note(f"error: {result}")
    if failed:
        raise UserError(f"{failed} of {len(tasks)} images failed; {len(results)} are written")
    return tuple(results)
