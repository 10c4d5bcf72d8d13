"""Level 3: trials drawn by the cell's digest, computed again with the method and weights that it names."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from refbench.auditing.findings import ROWS_FILE, CellAudit
from refbench.auditing.rescored import known_specs
from refbench.config.method import method_choice
from refbench.errors import SampleError, UserError
from refbench.execution.worker import Worker
from refbench.identity.file_digest import file_sha256
from refbench.identity.pixels import pixel_sha256
from refbench.imaging import read_image
from refbench.metrics import MetricCatalog
from refbench.metrics.metric_set import MetricSet
from refbench.plan.job import Task
from refbench.plan.planner import Cell, Planner
from refbench.registry import Registry
from refbench.results.scoring import kept_image, suite_of
from refbench.settings import MethodChoice, RunConfig
from refbench.specs import DataRequest, MethodSpec
from refbench.store import Manifest, Run, SampleRow
from refbench.store.manifest import MANIFEST
from refbench.types import Image

SR_PSNR = 50.0
"""dB between the stated SR and the one computed now: what rounding on another processor stays above, and
other weights far below."""
METRIC_TOLERANCE = 1e-3
"""Relative, of metrics where no image was kept."""
CLOSE_TOLERANCE = 1e-2
"""Relative, of metrics of unrounded SR where the kept image is close to the one computed now, and not equal:
no kept image can tell them."""
_MOST_FILES = 2000


class Rerunner:
    """Computes trials again with methods that are installed here. A manifest names no code to be run: of its
    method only the name is read, and methods that run programs are left out."""

    def __init__(
        self, registry: Registry, data_root: str | None, weights_root: Path | None, device: str
    ) -> None:
        self._registry, self._device = registry, device
        self._data_root, self._weights_root = data_root, weights_root
        self._hashes: dict[str, Path] | None = None

    def check(self, found: CellAudit, run: Run, count: int) -> None:
        """Compute ``count`` trials of one cell again; what could not be done becomes a note."""
        try:
            cell, same_code = self._cell(found, run.manifest)
        except (UserError, ImportError, OSError, ValueError, TypeError, KeyError) as error:
            found.note(f"not computed again: {str(error).replace(f'{run.path}: ', '')}")
            return
        if cell is None:
            return
        specs, _ = known_specs(run.manifest, MetricCatalog.of(self._registry))
        worker = Worker({cell.key: replace(cell.job, metrics=tuple(specs))})
        metrics = MetricSet([spec for spec in specs if spec.kind == "image"])
        exact = {spec.signature for spec in specs if spec.exact}
        try:
            for row in drawn(found.digest, run, count):
                prepared = worker.prepare(Task(cell.key, row.sample_id, row.draw))
                restored = worker.restore(prepared)
                sr = restored.attempt.sr
                if sr is None or prepared.trial is None:
                    problem = restored.attempt.problem
                    text = problem.text if problem is not None else "no SR"
                    found.contradict(
                        ROWS_FILE, "status", "ok", f"an error when computed again: {text}", row.key
                    )
                    continue
                found.rerun += 1
                stated = _stated(run, row)
                values, _ = metrics.score(sr, prepared.trial, restored.attempt.exact)
                for name, a, b in _differences(row, stated, sr, values, exact):
                    if same_code:
                        found.contradict(ROWS_FILE, name, a, b, row.key)
                    else:
                        found.rerun -= 1
                        found.note(
                            f"{row.sample_id} draw {row.draw} differs when computed again ({name} {a}, {b}), "
                            "by other code than the cell names: inconclusive; install the refbench that it "
                            "was made with"
                        )
                        break
        except (UserError, SampleError) as error:
            found.note(f"not computed again: {error}")
        finally:
            worker.close()
        if found.rerun:
            found.checked.append("re-run")
            found.tolerances["SR"] = f"{SR_PSNR:g} dB between stated and computed SR"

    def _cell(self, found: CellAudit, manifest: Manifest) -> tuple[Cell | None, bool]:
        """The cell as it would be planned here, and whether its code is that of the manifest. None with a
        contradiction where the weights at hand are others. Raises UserError."""
        identity = manifest.identity
        spec = self._method(manifest)
        if not spec.deterministic:
            raise UserError(f"{spec.name} is random: another call gives another image")
        weights = dict(_mapping(identity.get("weights")))
        choice = self._choice(found, spec, manifest, weights)
        if choice is None:
            return None, False
        cell = self._planned(manifest, choice)
        own, stated = cell.identity["weights"], weights
        for role in sorted({*own, *stated}):
            if own.get(role) != stated.get(role):
                # the file that is at hand, be it the auditor's, is not the one that is named
                found.contradict(MANIFEST, f"weights {role}", stated.get(role), f"{own.get(role)} at hand")
        if own != stated:
            return None, False
        for name in ("method", "params", "protocol", "seed", "precision", "dataset"):
            if cell.identity[name] != identity.get(name):
                raise UserError(f"{name} cannot be had here as the cell names it")
        same = cell.identity["code"] == identity.get("code")
        return cell, same

    def _method(self, manifest: Manifest) -> MethodSpec:
        name = manifest.method
        if name not in self._registry.names("methods"):
            raise UserError(f"method {name} is not installed here")
        spec = self._registry.method(name)
        if spec.reads_files:
            raise UserError(f"{name} runs programs or reads files of its maker")
        return spec

    def _choice(
        self, found: CellAudit, spec: MethodSpec, manifest: Manifest, stated: Mapping[str, Any]
    ) -> MethodChoice | None:
        """The method with its options and, by their hashes, its weights."""
        params = _mapping(manifest.identity.get("params"))
        weights: str | None = None
        if spec.takes_weights:
            # a path of the maker's machine says nothing here
            if spec.variant(manifest.weights) is not None:
                weights = manifest.weights
            else:
                main = str(stated.get("restoration") or stated.get("net") or "")
                path = self._by_hash(main)
                if path is None:
                    self._other_weights(found, manifest, main)
                    return None
                weights = str(path)
        return method_choice(spec, spec.name, weights, params)

    def _other_weights(self, found: CellAudit, manifest: Manifest, sha256: str) -> None:
        """Say that a file of that name is another one. UserError where there is none of that name."""
        names = {manifest.weights, *(str(f.get("name")) for f in manifest.weights_files)} - {""}
        for other, path in (self._hashes or {}).items():
            if path.name in names:
                found.contradict(MANIFEST, f"weights {path.name}", sha256, f"{other} at hand")
                return
        raise UserError(
            f"no file with sha256 {sha256[:12]} in weights.root=; give that file, or the folder that has it"
        )

    def _by_hash(self, sha256: str) -> Path | None:
        """The file of the weights root (a folder, or itself a file) with a digest; each is hashed once."""
        if self._weights_root is None:
            return None
        if self._hashes is None:
            root = self._weights_root
            several = [root] if root.is_file() else sorted(root.rglob("*"))
            files = (p for p in several if p.is_file() and p.stat().st_size)
            self._hashes = {file_sha256(path): path for path in islice(files, _MOST_FILES)}
        return self._hashes.get(sha256)

    def _planned(self, manifest: Manifest, choice: MethodChoice) -> Cell:
        """Plan the cell here as ``refbench run`` would. Raises UserError where it is another one."""
        config = manifest.config
        data = _mapping(config.get("data"))
        run = RunConfig(
            method=choice,
            suite=suite_of(manifest, Path(manifest.method)),
            dataset=str(config.get("dataset") or manifest.dataset),
            data=DataRequest(
                root=self._data_root or data.get("root"),
                partial=bool(data.get("partial")),
                ids=tuple(data.get("ids") or ()),
                options=dict(data.get("options") or {}),
            ),
            seed=manifest.seed,
            device=self._device,
            precision=manifest.identity["precision"],
            images="png",
            tracking="none",
            weights_root=_folder(self._weights_root),
            against=None,
        )
        plan = Planner(self._registry).plan([run], device=self._device)
        for cell in plan.cells():
            if cell.protocol.id == manifest.protocol:
                return cell
        raise UserError(f"protocol {manifest.protocol} is not among those of its suite")


def drawn(digest: str, run: Run, count: int) -> list[SampleRow]:
    """``count`` of a cell's good rows, drawn by its digest: who made the rows cannot choose them."""
    rows = [row for row in run.rows if row.ok]
    return random.Random(digest).sample(rows, min(count, len(rows)))


def _stated(run: Run, row: SampleRow) -> Image | None:
    path = kept_image(run.path, row)
    if path is None:
        return None
    try:
        return read_image(str(path))
    except (SampleError, UserError, OSError):
        # level 2 says so
        return None


def _differences(
    row: SampleRow, stated: Image | None, sr: Image, values: Mapping[str, float | None], exact: Set[str]
) -> Iterator[tuple[str, object, object]]:
    """(field, stated, found) of what is further apart than the tolerance. exact: signatures of metrics of
    unrounded SR, which are computed from no kept image."""
    tolerance, judged = METRIC_TOLERANCE, set(values)
    equal = row.sr_sha256 is not None and pixel_sha256(sr) == row.sr_sha256
    if not equal and stated is not None:
        if (apart := psnr(stated, sr)) < SR_PSNR:
            yield "SR", "the image that was kept", f"another, {apart:.1f} dB from it"
            return
        # the other metrics were scored again from the kept image
        tolerance, judged = CLOSE_TOLERANCE, set(values) & exact
    for signature in sorted(judged):
        value = values[signature]
        if signature in row.metrics and value is not None and row.metrics[signature] is not None:
            there = float(row.metrics[signature] or 0.0)
            if abs(there - value) > tolerance * max(1.0, abs(value)):
                yield signature, there, value


def psnr(a: Image, b: Image) -> float:
    """dB between two images over all values; 0 for other sizes, inf for equal ones."""
    if a.shape != b.shape:
        return 0.0
    error = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return float("inf") if error == 0.0 else float(10.0 * np.log10(255.0**2 / error))


def _folder(root: Path | None) -> Path | None:
    return root.parent if root is not None and root.is_file() else root


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
