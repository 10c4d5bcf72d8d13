"""The front door: run, evaluate, report, check, audit, export, site, verify and upscale as functions.

The command line and refbench.testing call these too. Settings are those of the commands
(``refbench run --help``): a dotted key is written with ``__`` or as a mapping, ``data__root="..."`` or
``data={"root": "..."}``. What a command refuses raises :class:`refbench.errors.UserError` here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refbench.api.commands import (
    audit_with,
    carry_out_configs,
    export_with,
    report_folder,
    report_with,
    run_configs,
    site_with,
    upscale_with,
    verify_with,
)
from refbench.api.results import ReportResult, RunResult
from refbench.errors import UserError

if TYPE_CHECKING:
    from refbench.auditing.audit import AuditResult
    from refbench.config.keys import Key
    from refbench.conformance.golden_report import GoldenReport
    from refbench.conformance.report import ConformanceReport
    from refbench.exchange import Exported
    from refbench.execution.runner import Progress
    from refbench.execution.upscale import UpscaleResult
    from refbench.gate import GateResult
    from refbench.reports.site.write import Site
    from refbench.results.record import CellRecord

__all__ = [
    "ReportResult",
    "RunResult",
    "audit",
    "check",
    "evaluate",
    "export",
    "report",
    "run",
    "save_baseline",
    "site",
    "upscale",
    "verify",
]


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
    returns SR (3, scale*H, scale*W) for protocols of that ``scale``. An nn.Module gets the same with a batch
    dimension of one, in eval mode, on the run's device; one with a single argument is a single-image network.
    name: what tables call it.

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


def report(
    *runs: str | Path,
    format: str | Sequence[str] = ("md", "csv", "html"),
    dir: str | Path | None = None,
    metric: str | None = None,
    published: bool | str = False,
    samples: int = 48,
    data_root: str | Path | None = None,
    note: Callable[[str], None] = lambda line: None,
    **settings: object,
) -> ReportResult:
    """Report finished runs: tables, curves, costs, a page to look at, a table and a figure for a paper.

    runs: results or run folders, default ``results``. dir: folder for the files, default ``report`` in the
    first one. metric: of curves and pictures. published: numbers of the literature on the own methods
    (``True``, ``"own"``), or ``"all"``. samples: most samples per dataset in the page's gallery. settings:
    those of ``refbench report`` for print: ``methods=["datsr"]``, ``crop="004:120,80,64,64"``,
    ``figure__style="cvpr"``. Raises UserError for an unknown format or setting, and where there is nothing
    to report.

    >>> import refbench, tempfile
    >>> out = tempfile.mkdtemp()
    >>> _ = refbench.run(method="bicubic", limit=1, out=out)
    >>> [path.name for path in refbench.report(out, format="json").files]
    ['report.json']
    """
    from refbench.config.report_keys import KEYS

    given: dict[str, object] = {
        "metric": metric,
        "published": published if isinstance(published, str) else "own" if published else "none",
        "report.samples": samples,
        "data.root": data_root,
        **settings,
    }
    values = _settings("report", KEYS, given)
    places = _places(runs)
    values["format"] = (format,) if isinstance(format, str) else tuple(format)
    return report_with(places, Path(dir) if dir is not None else report_folder(places[0]), values, note)


def check(
    baseline: str | Path,
    run: RunResult | Sequence[CellRecord] | str | Path | Sequence[str | Path] = "results",
    *,
    tolerance: Mapping[str, float] | None = None,
    image: Mapping[str, float] | None = None,
    common: bool = False,
    mode: str = "paired",
    perf: bool = False,
) -> GateResult:
    """Has anything of a committed baseline got worse? ``result.exit_code``: 0 no, 1 yes, 3 not comparable.

    run: a :class:`RunResult`, records, or results and run folders. tolerance: by metric alias, in the
    metric's unit; image: the same for what a single image may lose. common: images that only one side has are
    left out. mode: ``paired`` or ``strict``. perf: compare costs too. Raises UserError.
    """
    from refbench.gate import check as compare
    from refbench.gate import limits_from, load_baseline

    limits = limits_from(dict(tolerance or {}), image=dict(image or {}), mode=mode)
    return compare(load_baseline(Path(baseline)), _cells(run), limits, perf=perf, common=common)


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


def audit(
    *runs: str | Path,
    data_root: str | Path | None = None,
    weights_root: str | Path | None = None,
    rerun: int = 0,
    device: str = "auto",
    threads: int | None = None,
) -> AuditResult:
    """Check results that somebody else made: do files, images, scores and tables agree? Writes nothing.

    runs: bundles, results or run folders, default ``results``. data_root: the dataset here; without it (and
    without the folder that the manifest names) nothing is scored again. rerun: trials of each cell, drawn by
    its digest, that are computed again with the method installed here and, by their sha256, the checkpoints
    of ``weights_root`` (a file or a folder). ``result.exit_code``: 0 holds, 1 contradicted, 3 nothing could
    be checked. Raises UserError for a place without cells.

    >>> import refbench, tempfile
    >>> out = tempfile.mkdtemp()
    >>> _ = refbench.run(method="bicubic", limit=1, out=out)
    >>> found = refbench.audit(out, rerun=1)
    >>> found.exit_code, [cell.verdict for cell in found.cells]
    (0, ['re-run 1 of 1'])
    """
    from refbench.config.audit_keys import KEYS

    given = {
        "data.root": data_root, "weights.root": weights_root, "rerun": rerun, "device": device,
        "threads": threads,
    }  # fmt: skip
    return audit_with(_places(runs), _settings("audit", KEYS, given))


def export(
    *runs: str | Path,
    out: str | Path,
    format: str = "bundle",
    note: Callable[[str], None] = lambda line: None,
    **settings: object,
) -> Exported:
    """Write finished runs in a shape that other programs read: ``bundle``, ``eee``, ``hf``, ``badge``, or
    ``codabench``.

    runs: bundles, results or run folders, default ``results``. out: file or folder to write. settings: those
    of ``refbench export``: ``anonymous=True``, ``images="none"``, ``hf__dataset="me/cufed5"``. What a format
    has no place for stands in ``result.unmapped``. Raises UserError.

    >>> import refbench, tempfile
    >>> out = tempfile.mkdtemp()
    >>> _ = refbench.run(method="bicubic", limit=1, out=out)
    >>> made = refbench.export(out, out=f"{out}/mine.zip")
    >>> made.files[0].name, made.facts["cells"], refbench.audit(made.files[0]).exit_code
    ('mine.zip', 1, 0)
    """
    from refbench.config.export_keys import KEYS

    values = _settings("export", KEYS, {"out": out, "format": format, **settings})
    return export_with(_places(runs), values, note)


def site(
    *runs: str | Path,
    out: str | Path = "site",
    title: str | None = None,
    audits: str | Path | Sequence[str | Path] = (),
    samples: int = 3,
    note: Callable[[str], None] = lambda line: None,
) -> Site:
    """Write a static leaderboard of runs and bundles; open ``out/index.html``.

    out: a new folder, an empty one, or an earlier site. audits: what ``refbench audit --json`` printed of
    these results. samples: most SR images of each section that are copied. Raises UserError.

    >>> import refbench, tempfile
    >>> out = tempfile.mkdtemp()
    >>> _ = refbench.run(method="bicubic", limit=1, out=out)
    >>> made = refbench.site(out, out=f"{out}/site", title="ours")
    >>> made.cells, sorted(path.name for path in made.out.glob("data.*"))
    (1, ['data.csv', 'data.json'])
    """
    from refbench.config.site_keys import KEYS

    files = [audits] if isinstance(audits, str | Path) else list(audits)
    given = {"out": out, "title": title, "audits": files or None, "site.samples": samples}
    return site_with(_places(runs), _settings("site", KEYS, given), note)


def _places(runs: Sequence[str | Path]) -> list[Path]:
    return [Path(place).expanduser() for place in runs] or [Path("results")]


def _settings(command: str, keys: Sequence[Key], given: Mapping[str, object]) -> dict[str, Any]:
    """Keyword arguments as the settings of a command, checked; None: not given."""
    from refbench.config.load import load_command
    from refbench.config.words import words

    present = {name: value for name, value in given.items() if value is not None}
    return load_command(command, keys, words(present, {key.name: key for key in keys}))


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

    ref: one reference or several, or a folder that holds them. out: default ``<name>_x<scale>.png`` in the
    working folder. keys: any setting of ``refbench upscale`` (``scale``, ``device``, ``precision``,
    ``memory__limit``, ``overwrite``). Raises UserError, also for a folder: see :func:`upscale_folder`.
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
    """:func:`upscale` for every image of a folder, into the folder ``out`` (default: ``<name>_x<scale>``).

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
