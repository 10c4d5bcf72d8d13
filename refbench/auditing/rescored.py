"""Level 2: kept SR images against the digests in their rows, and every metric again from image and data."""

from __future__ import annotations

from collections.abc import Sequence

from refbench.auditing.findings import ROWS_FILE, CellAudit
from refbench.auditing.tolerance import alike, relative_tolerance, tolerance_text
from refbench.errors import SampleError, UserError
from refbench.identity.pixels import pixel_sha256
from refbench.imaging import read_image
from refbench.metrics import MetricCatalog
from refbench.metrics.metric_set import MetricSet
from refbench.protocols import ProtocolInstance
from refbench.results.reopen import RecordedDatasets
from refbench.results.scoring import kept_image, protocol_of
from refbench.results.set_scores import SETS, SetData, built, read_sets, set_value, trials_id
from refbench.specs import MetricSpec
from refbench.store import Manifest, Run, SampleRow
from refbench.types import Dataset, Image, Trial


class Rescorer:
    """Scores cells again; datasets are opened and metrics built once for all of them."""

    def __init__(self, catalog: MetricCatalog, datasets: RecordedDatasets) -> None:
        self._catalog, self._datasets = catalog, datasets
        self._sets: dict[tuple[str, ...], MetricSet] = {}

    def check(self, found: CellAudit, run: Run) -> None:
        """Hash every kept image; where the dataset is at hand, score it again."""
        data = self.data(found, run)
        specs, unknown = known_specs(run.manifest, self._catalog)
        for alias in unknown:
            found.note(f"{alias} is not scored again: its signature is not known here")
        if any(spec.kind == "matching" for spec in specs):
            found.note("scores of matches need the method: only a re-run gives them")
        image = tuple(spec for spec in specs if spec.kind == "image")
        metrics = self._metrics(found, image)
        missing = unproven = 0
        for row in run.rows:
            if not row.ok:
                continue
            sr = self._image(found, run, row)
            missing += sr is None
            unproven += row.sr_sha256 is None
            trial = None if data is None else _trial(found, row, run.manifest.seed, data)
            if trial is not None:
                _inputs(found, row, trial)
                if sr is not None:
                    found.rescored += _score(found, row, sr, trial, metrics, image)
        if found.hashed:
            found.checked.append("images")
        if found.rescored:
            found.checked.append("metrics")
        if missing:
            found.note(f"{missing} of {found.ok} SR images are not here: their rows are not scored again")
        if unproven:
            found.note(f"{unproven} rows carry no digest of their images (an earlier refbench): no evidence")
        if data is not None:
            self._set_values(found, run, specs, data)

    def data(self, found: CellAudit, run: Run) -> tuple[Dataset, ProtocolInstance] | None:
        """Dataset and protocol of a cell; None with a note where they are not at hand."""
        try:
            return self._datasets.dataset(run.manifest, run.path), protocol_of(run.manifest, run.path)
        # a plugin's dataset that is not installed here may fail in its own way
        except (UserError, ImportError, OSError, ValueError, TypeError, KeyError) as error:
            found.note(f"not scored again: {str(error).replace(f'{run.path}: ', '')}")
            return None

    def _metrics(self, found: CellAudit, specs: tuple[MetricSpec, ...]) -> MetricSet:
        key = tuple(spec.signature for spec in specs)
        if key not in self._sets:
            self._sets[key] = MetricSet(specs)
        if exact := [spec.alias for spec in specs if spec.exact]:
            found.note(f"metrics of unrounded SR, which only a re-run compares: {', '.join(exact)}")
        for spec in specs:
            if spec.exact:
                continue
            if self._sets[key].ready(spec):
                found.tolerances[spec.alias] = tolerance_text(spec)
            else:
                found.note(f"{spec.alias} is not scored again: it cannot be computed here")
        return self._sets[key]

    def _image(self, found: CellAudit, run: Run, row: SampleRow) -> Image | None:
        if row.image is None:
            return None
        path = kept_image(run.path, row)
        if path is None:
            return None
        try:
            sr = read_image(str(path))
        except (SampleError, UserError, OSError) as error:
            found.contradict(row.image, "image", "an SR image", str(error).replace(f"{path}", ""), row.key)
            return None
        if row.sr_sha256 is not None:
            found.hashed += 1
            own = pixel_sha256(sr)
            if own != row.sr_sha256:
                found.contradict(row.image, "sr_sha256", row.sr_sha256, own, row.key)
        return sr

    def _set_values(
        self,
        found: CellAudit,
        run: Run,
        specs: Sequence[MetricSpec],
        data: tuple[Dataset, ProtocolInstance],
    ) -> None:
        """Values of image sets again, where they are about exactly these rows and every image is here."""
        wanted = [spec for spec in specs if spec.kind == "set"]
        if not wanted:
            return
        try:
            stored = read_sets(run.path)
        except UserError:
            return
        ok = [row for row in run.rows if row.ok]
        images = {row.key: kept_image(run.path, row) for row in ok}
        made = built(wanted)
        for spec in wanted:
            entry, metric = stored.get(spec.signature), made[spec.signature]
            if entry is None or entry.get("value") is None or entry.get("trials") != trials_id(run.rows):
                continue
            if isinstance(metric, str) or not all(images.values()):
                reason = metric if isinstance(metric, str) else "some images are not here"
                found.note(f"{spec.alias} is not computed again: {reason}")
                continue
            try:
                own = set_value(metric, ok, SetData(*data, run.manifest.seed), images)
            except (SampleError, UserError, OSError) as error:
                found.note(f"{spec.alias} is not computed again: {error}")
                continue
            found.tolerances[spec.alias] = tolerance_text(spec)
            for name in ("value", "lo", "hi"):
                if not alike(entry.get(name), own[name], relative_tolerance(spec)):
                    found.contradict(SETS, f"{spec.alias} {name}", entry.get(name), own[name])


def known_specs(manifest: Manifest, catalog: MetricCatalog) -> tuple[list[MetricSpec], list[str]]:
    """(a cell's metrics as this refbench computes them, aliases of those that it does not know): a manifest
    names none to be loaded."""
    specs, unknown = [], []
    for alias, facts in manifest.metrics.items():
        try:
            specs.append(catalog.by_signature(str(facts.get("signature"))))
        except UserError:
            unknown.append(alias)
    return specs, unknown


def _trial(
    found: CellAudit, row: SampleRow, seed: int, data: tuple[Dataset, ProtocolInstance]
) -> Trial | None:
    dataset, instance = data
    try:
        return instance.apply(dataset.load(row.sample_id), row.draw, seed, dataset)
    except (SampleError, UserError, OSError, KeyError, ValueError) as error:
        found.contradict(ROWS_FILE, "trial", "made from this dataset", f"cannot be made: {error}", row.key)
        return None


def _inputs(found: CellAudit, row: SampleRow, trial: Trial) -> None:
    """What the row says that the method got, and what it was compared with, against the data."""
    size = None if trial.target is None else trial.target.shape[:2]
    facts = {
        "ref_names": (row.ref_names, trial.ref_names),
        "hr_size": (row.hr_size, size),
        "lr_size": (row.lr_size, trial.lr.shape[:2]),
        "ref_sizes": (row.ref_sizes, tuple(ref.shape[:2] for ref in trial.refs)),
    }
    for name, (stated, own) in facts.items():
        if stated != own:
            found.contradict(ROWS_FILE, name, stated, own, row.key)
    for name, value in trial.notes.items():
        stated_note = row.notes.get(name)
        number = isinstance(value, float | int) and isinstance(stated_note, float | int)
        if not (alike(float(stated_note), float(value)) if number else stated_note == value):  # type: ignore[arg-type]
            found.contradict(ROWS_FILE, f"notes.{name}", stated_note, value, row.key)
    digests = {
        "hr_sha256": (row.hr_sha256, None if trial.target is None else pixel_sha256(trial.target)),
        "lr_sha256": (row.lr_sha256, pixel_sha256(trial.lr)),
        "ref_sha256": (row.ref_sha256, tuple(map(pixel_sha256, trial.refs))),
    }
    for name, (digest, again) in digests.items():
        # a row without any evidence is said to have none, once for the cell
        if row.sr_sha256 is not None and digest != again:
            found.contradict(ROWS_FILE, name, digest, again, row.key)


def _score(
    found: CellAudit,
    row: SampleRow,
    sr: Image,
    trial: Trial,
    metrics: MetricSet,
    specs: Sequence[MetricSpec],
) -> bool:
    """Compare every metric of one row; whether that could be done."""
    if trial.target is not None and sr.shape != trial.target.shape:
        found.contradict(str(row.image), "size", trial.target.shape[:2], sr.shape[:2], row.key)
        return False
    try:
        values, _ = metrics.score(sr, trial)
    # a learned metric may refuse a pair in its own way
    except (SampleError, ValueError, RuntimeError, ArithmeticError) as error:
        found.note(f"{row.sample_id} draw {row.draw} cannot be scored: {error}")
        return False
    compared = False
    for spec in specs:
        if spec.signature not in values or spec.signature not in row.metrics:
            continue
        compared = True
        own, stated = values[spec.signature], row.metrics[spec.signature]
        finite = SampleRow(row.sample_id, metrics={spec.signature: own})
        own, special = finite.metrics[spec.signature], finite.special.get(spec.signature)
        if not alike(stated, own, relative_tolerance(spec)) or row.special.get(spec.signature) != special:
            shown = stated if stated is not None else row.special.get(spec.signature)
            found.contradict(ROWS_FILE, spec.alias, shown, own if own is not None else special, row.key)
    return compared
