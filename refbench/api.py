"""The front door: run, evaluate, report, check, verify and upscale as Python functions.

The command line and refbench.testing call these too. Settings are those of the commands
(``refbench run --help``): a dotted key is written with ``__`` or as a mapping, ``data__root="..."`` or
``data={"root": "..."}``. What a command refuses raises :class:`refbench.errors.UserError` here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refbench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from refbench.conformance.golden_report import GoldenReport
    from refbench.conformance.report import ConformanceReport
    from refbench.execution.runner import Progress, RunOutcome
    from refbench.execution.upscale import UpscaleResult
    from refbench.gate import GateResult
    from refbench.plan.planner import Cell, Plan
    from refbench.registry import Registry
    from refbench.reports.report import Report
    from refbench.reports.table_model import Table
    from refbench.results.record import CellRecord
    from refbench.settings import RunConfig
    from refbench.specs import MethodSpec
    from refbench.tracking.types import TrackingResult


@dataclass(frozen=True)
class RunResult:
    """What a run left behind."""

    outcome: RunOutcome
    """Everything that the command line prints from."""
    tracked: tuple[TrackingResult, ...] = ()
    """What became of the MLflow mirror, one per suite."""

    @property
    def cells(self) -> tuple[CellRecord, ...]:
        """The record of every cell: method x dataset x protocol x seed."""
        return self.outcome.cells()

    @property
    def errors(self) -> int:
        """Trials that ended as an error row."""
        return self.outcome.errors

    def tables(self) -> list[Table]:
        """One comparison table per suite, as data."""
        from refbench.reports.table import comparison_table

        return [
            comparison_table(suite.cells, title=f"{suite.name} on {suite.dataset_label}")
            for suite in self.outcome.suites
        ]

    def table(self) -> str:
        """The comparison tables as text."""
        from refbench.reports.table_text import render

        return "\n\n".join(render(table) for table in self.tables())

    def frame(self) -> pd.DataFrame:
        """One row per trial that was asked for, with a column per metric alias (``psnr_y``).

        The other columns are those of :func:`refbench.store.frame.load_frame`.
        """
        import pandas as pd

        from refbench.store.frame import frame_of
        from refbench.store.reader import load_run

        frames = []
        for cell in self.cells:
            # the labels of the record: they tell variants of one method apart
            run = load_run(cell.path)
            asked = set(cell.samples)
            frame = frame_of([run])
            frame = frame[frame["sample_id"].isin(asked)].assign(method_label=cell.method_label)
            frames.append(frame.rename(columns={m.signature: alias for alias, m in cell.metrics.items()}))
        return pd.concat(frames, ignore_index=True)


@dataclass(frozen=True)
class ReportResult:
    """A report over finished cells."""

    report: Report
    """Every table, curve and grid as data."""
    files: tuple[Path, ...]
    """What was written."""


def run(
    method: str | Sequence[str],
    suite: str | Path | Sequence[str | Path] = "cufed5",
    *,
    limit: int | None = None,
    out: str | Path = "results",
    tracking: str = "none",
    progress: Progress | None = None,
    **keys: object,
) -> RunResult:
    """Score methods on suites under a named protocol; what is finished in ``out`` is not computed again.

    method, suite: a name, a path (``"my.py:SPEC"``, ``"mine.yaml"``), or a list of them. tracking: ``none``
    or ``mlflow``. progress: receives events; default: nothing is shown. keys: any setting of
    ``refbench run``. Errors of single trials are rows, see :attr:`RunResult.errors`. Raises UserError.

    >>> import refbench, tempfile
    >>> result = refbench.run(method="bicubic", suite="cufed5", limit=2, out=tempfile.mkdtemp())
    >>> result.frame()[["sample_id", "psnr_y"]].round(2).values.tolist()
    [['000', 23.41], ['001', 25.7]]
    >>> [(cell.method_label, cell.n) for cell in result.cells]
    [('bicubic', 2)]
    """
    from refbench.registry import Registry

    registry = Registry.discover()
    given = {"limit": limit, **keys} if limit is not None else dict(keys)
    configs = run_configs(registry, method, suite, {"out": out, "tracking": tracking, **given})
    return carry_out_configs(configs, registry, progress)


def evaluate(
    function: Callable[..., Any],
    suite: str | Path | Sequence[str | Path] = "cufed5",
    *,
    name: str = "mine",
    scale: int = 4,
    limit: int | None = None,
    out: str | Path = "results",
    tracking: str = "none",
    progress: Progress | None = None,
    **keys: object,
) -> RunResult:
    """Score any Python callable ``(lr, refs) -> sr``, or an nn.Module, without a spec file.

    function: gets LR, float32 RGB in [0, 1], shape (3, H, W), and a tuple of references (3, h, w), and
    returns SR (3, scale*H, scale*W). An nn.Module gets the same with a batch dimension of one, in eval mode,
    on the run's device; one with a single argument is a single-image network. name: what tables call it.

    It runs where it lives, in this process and one image at a time: its rows say so, and unlike a method in
    a file it is not kept apart from refbench. Nothing of an earlier evaluation is reused, because what a
    callable does cannot be known from outside. Raises UserError.

    >>> import refbench, tempfile, torch
    >>> def nearest(lr, refs):
    ...     return lr.repeat_interleave(4, 1).repeat_interleave(4, 2)
    >>> result = refbench.evaluate(nearest, name="nearest", limit=1, out=tempfile.mkdtemp())
    >>> [(cell.method_label, round(cell.metrics["psnr_y"].mean, 1)) for cell in result.cells]
    [('bicubic', 23.4), ('nearest', 22.0)]
    """
    from refbench.execution.live import live_spec
    from refbench.registry import Registry

    registry = Registry.discover().with_method(live_spec(function, name, scale))
    if keys.get("executor", "serial") != "serial":
        raise UserError("evaluate: a Python callable cannot travel to other processes; leave executor= out")
    given = {"limit": limit, **keys} if limit is not None else dict(keys)
    settings = {"out": out, "tracking": tracking, "executor": "serial", **given}
    return carry_out_configs(run_configs(registry, name, suite, settings), registry, progress)


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
    return load_run([*axes, *words(settings, RUN_KEYS)], True, registry)


def plan_configs(configs: Sequence[RunConfig], registry: Registry, *, dry: bool = False) -> Plan:
    """The plan of a sweep on its device (``dry``: on the CPU, whatever is asked for). Raises UserError."""
    from refbench.execution.device import resolve_device
    from refbench.plan.planner import Planner

    device = "cpu" if dry else resolve_device(configs[0].device)
    return Planner(registry).plan(configs, device=device)


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

    first = configs[0]
    plan = plan_configs(configs, registry)
    set_threads(first.threads)
    executor = make_executor(first.executor.name, first.executor.params)
    for text in plan.notes:
        note(text)
    for name in plan.unbounded():
        note(f"memory.limit={first.memory_limit}: {name} cannot run in tiles: not bounded")
    outcome = carry_out(plan, first, executor, progress or NoProgress(), on_trace)
    result = RunResult(outcome)
    return RunResult(outcome, tuple(_publish(result, first)))


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


def report(
    *runs: str | Path,
    format: str | Sequence[str] = ("md", "csv", "html"),
    dir: str | Path | None = None,
    metric: str | None = None,
    published: bool = False,
    samples: int = 48,
    data_root: str | Path | None = None,
    note: Callable[[str], None] = lambda line: None,
) -> ReportResult:
    """Report finished runs: tables, curves, costs, a page to look at.

    runs: results or run folders, default ``results``. dir: folder for the files, default ``report`` in the
    first one. metric: of curves and pictures. samples: most samples per dataset in the page's gallery.
    Raises UserError for an unknown format, and where there is nothing to report.

    >>> import refbench, tempfile
    >>> out = tempfile.mkdtemp()
    >>> _ = refbench.run(method="bicubic", limit=1, out=out)
    >>> [path.name for path in refbench.report(out, format="json").files]
    ['report.json']
    """
    from refbench.reports.report import build_report
    from refbench.reports.write import write_report
    from refbench.results.cells import load_cells

    places = [Path(place) for place in runs] or [Path("results")]
    formats = (format,) if isinstance(format, str) else tuple(format)
    folder = Path(dir) if dir is not None else report_folder(places[0])
    built = build_report(load_cells(places), metric=metric, published=published)
    files = write_report(
        built,
        formats,
        folder,
        samples=samples,
        data_root=None if data_root is None else str(data_root),
        note=note,
    )
    return ReportResult(built, tuple(files))


def report_folder(place: Path) -> Path:
    """``report/`` in a results folder; next to it for a single run, which keeps its own files only.

    UserError when there is a link of that name: results folders are handed around, and a report that was
    not told where to write stays inside.
    """
    from refbench.store.disk import check_links, explained
    from refbench.store.manifest import MANIFEST

    root = place.parent if (place / MANIFEST).is_file() else place
    with explained(root):
        check_links(root / "report" / "report.md", root)
    return root / "report"


def check(
    baseline: str | Path,
    run: RunResult | Sequence[CellRecord] | str | Path | Sequence[str | Path] = "results",
    *,
    tolerance: Mapping[str, float] | None = None,
    mode: str = "paired",
    perf: bool = False,
) -> GateResult:
    """Has anything of a committed baseline got worse? ``result.exit_code``: 0 no, 1 yes, 3 not comparable.

    run: a :class:`RunResult`, records, or results and run folders. tolerance: by metric alias, in the
    metric's unit. mode: ``paired`` or ``strict``. perf: compare costs too. Raises UserError.
    """
    from refbench.gate import check as compare
    from refbench.gate import limits_from, load_baseline

    limits = limits_from(dict(tolerance or {}), mode=mode)
    return compare(load_baseline(Path(baseline)), _cells(run), limits, perf=perf)


def save_baseline(run: RunResult | Sequence[CellRecord] | str | Path, path: str | Path) -> None:
    """Write the baseline file of ``run``, which :func:`check` compares with. Raises UserError."""
    from refbench.gate import baseline_of, write_baseline
    from refbench.gate.stored import provenance

    cells = _cells(run)
    write_baseline(Path(path), baseline_of(cells, provenance([cell.manifest for cell in cells])))


def _cells(run: Any) -> tuple[CellRecord, ...]:
    from refbench.results.cells import load_cells
    from refbench.results.record import CellRecord

    if isinstance(run, RunResult):
        return run.cells
    several = (run,) if isinstance(run, str | Path) else tuple(run)
    if all(isinstance(cell, CellRecord) for cell in several):
        return several
    return load_cells([Path(place) for place in several]).cells


def verify(
    method: str,
    *,
    golden: str | Path | None = None,
    golden_keys: str | Path | None = None,
    echo: Callable[[str], None] = lambda line: None,
    **keys: object,
) -> ConformanceReport | GoldenReport:
    """Does a method keep the contract, or does its net agree with golden vectors?

    golden, golden_keys: arrays of an official forward pass and its parameter names; without them every
    clause of the method contract is tried. echo: receives each clause as it is decided. Raises UserError.
    """
    from refbench.config.load import load_command
    from refbench.config.verify_keys import VERIFY
    from refbench.config.words import words

    known = {key.name: key for key in VERIFY}
    given = {"golden": golden, "keys": golden_keys}
    settings = {name: value for name, value in given.items() if value is not None} | keys
    word = method if method.startswith("method=") else f"method={method}"
    return verify_with(load_command("verify", VERIFY, [word, *words(settings, known)]), echo)


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
        spec: MethodSpec = registry.method_from(choice.locator)
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


def upscale(
    image: str | Path,
    method: str,
    ref: str | Path | Sequence[str | Path] = (),
    *,
    out: str | Path | None = None,
    note: Callable[[str], None] = lambda line: None,
    **keys: object,
) -> UpscaleResult:
    """Enlarge an image with a method and your references; writes ``out`` and says what was done.

    ref: one reference or several, or a folder that holds them. out: default ``<name>_x4.png`` in the working
    folder. keys: any setting of ``refbench upscale`` (``device``, ``precision``, ``memory__limit``,
    ``overwrite``). Raises UserError, also for a folder: see :func:`upscale_folder`.
    """
    if Path(image).is_dir():
        raise UserError(f"{image}: is a folder; call upscale_folder")
    return upscale_folder(image, method, ref, out=out, note=note, **keys)[0]


def upscale_folder(
    folder: str | Path,
    method: str,
    ref: str | Path | Sequence[str | Path] = (),
    *,
    out: str | Path | None = None,
    note: Callable[[str], None] = lambda line: None,
    **keys: object,
) -> tuple[UpscaleResult, ...]:
    """:func:`upscale` for every image of a folder, into the folder ``out`` (default: ``<name>_x4``).

    ref: a folder whose images belong to those of ``folder`` by name, or references for all of them. UserError
    at the end where some images failed: the others are written.
    """
    from refbench.config.load import load_command
    from refbench.config.upscale_keys import UPSCALE
    from refbench.config.words import words

    refs = [ref] if isinstance(ref, str | Path) else list(ref)
    settings: dict[str, object] = {"method": method, **({"ref": refs} if refs else {}), **keys}
    if out is not None:
        settings["out"] = out
    known = {key.name: key for key in UPSCALE}
    return upscale_with(Path(folder), load_command("upscale", UPSCALE, words(settings, known)), note, note)


def upscale_with(
    image: Path, values: Mapping[str, Any], line: Callable[[str], None], note: Callable[[str], None]
) -> tuple[UpscaleResult, ...]:
    """:func:`upscale_folder` with the settings of the command, read; ``image`` may be a file."""
    from refbench.execution.threads import set_threads
    from refbench.execution.upscale import UpscaleRequest, upscale_all
    from refbench.execution.upscale_files import tasks_of
    from refbench.loader import resolve_weights
    from refbench.registry import Registry
    from refbench.tiling.size import memory_bytes

    choice = values["method"]
    root = Path(values["weights.root"]) if values["weights.root"] else None
    registry = Registry.discover()
    spec = registry.method_from(choice.locator)
    scale = spec.scale
    if spec.any_checkpoint:
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
