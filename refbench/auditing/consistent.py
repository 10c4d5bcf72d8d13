"""Level 1: the files of a cell against each other. Nothing but these files is needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from refbench.auditing.findings import ROWS_FILE, CellAudit
from refbench.auditing.tolerance import alike
from refbench.errors import UserError
from refbench.identity.keys import MISSING, differences
from refbench.identity.keys import digest as key_of
from refbench.metrics import MetricCatalog
from refbench.results.digests import digests_of, read_digests
from refbench.results.record import cell_record
from refbench.results.set_scores import SETS, read_sets
from refbench.store import Manifest, Run, SampleRow, SchemaError, ScoreRow, TrialKey
from refbench.store.cell import SUMMARY
from refbench.store.linelog import read_lines
from refbench.store.manifest import DIGEST, MANIFEST
from refbench.store.partial import whole_trials
from refbench.store.reader import ROWS, SCORES
from refbench.untrusted.anonymous import PATH
from refbench.untrusted.files import read_object

_LAST_RUN = frozenset({"baseline", "dataset_label", "partial", "suite", "control"})
"""What a later run decides as it begins, before it writes a summary."""
_MOST_DRAWS = 1000


def check_consistent(found: CellAudit, run: Run, catalog: MetricCatalog) -> None:
    """Compare manifest, rows, digests and summary of one cell; what was compared stands in ``found``."""
    whole = _digests(found, run)
    _identity(found, run.manifest)
    _metric_facts(found, run.manifest, catalog)
    _lines(found, run, whole)
    _sets(found, run)
    _summary(found, run, whole)


def _digests(found: CellAudit, run: Run) -> bool:
    """Whether digests are stored, which a run leaves that ended."""
    own = digests_of(run)
    found.digest, found.record = own.digest, own.record
    try:
        stated = read_digests(run.path)
    except (OSError, ValueError) as error:
        found.contradict(DIGEST, "file", "digests", f"damaged: {error}")
        return True
    if stated is None:
        found.note("no digest: the cell was written by an earlier refbench, or its last run did not end")
        return False
    found.checked.append("digest")
    if stated.rows != own.rows:
        found.contradict(DIGEST, "rows", stated.rows, own.rows)
    if stated.digest != own.digest:
        found.contradict(DIGEST, "digest of rows and manifest", stated.digest, own.digest)
    elif stated.record != own.record:
        found.contradict(DIGEST, "record (times, machine, costs, texts)", stated.record, own.record)
    return True


def _identity(found: CellAudit, manifest: Manifest) -> None:
    """The manifest's labels against the fields of its run key, and these against the key."""
    identity = manifest.identity
    if PATH in str(identity):
        found.note("the run key is not derived again: its paths were left out")
    elif identity:
        key = key_of(identity)
        if key != manifest.run_key:
            found.contradict(MANIFEST, "run_key", manifest.run_key, f"{key} from its identity")
        else:
            found.checked.append("run key")
    if not identity:
        found.note("the manifest states no identity: labels cannot be compared with it")
        return
    protocol = _mapping(identity.get("protocol"))
    compare = _mapping(manifest.compare)
    pairs = {
        "method": (manifest.method, identity.get("method")),
        "seed": (manifest.seed, identity.get("seed")),
        "protocol": (manifest.protocol, protocol.get("id")),
        "compare.dataset": (compare.get("dataset"), identity.get("dataset")),
        "compare.protocol": (compare.get("protocol"), identity.get("protocol")),
        "compare.seed": (compare.get("seed"), identity.get("seed")),
    }
    weights = dict(_mapping(identity.get("weights")))
    weights.pop("files", None)
    stated = {str(f.get("role")): f.get("sha256") for f in manifest.weights_files}
    pairs["weights_files"] = (stated, weights)
    for name, (there, own) in pairs.items():
        for path, a, b in differences(there, own):
            found.contradict(MANIFEST, name if path == "value" else f"{name}.{path}", a, f"{b} in identity")
    if manifest.method_label and not manifest.method_label.startswith(manifest.method):
        found.contradict(MANIFEST, "method_label", manifest.method_label, f"method {manifest.method}")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _metric_facts(found: CellAudit, manifest: Manifest, catalog: MetricCatalog) -> None:
    for alias, facts in manifest.metrics.items():
        try:
            spec = catalog.by_signature(str(facts.get("signature")))
        except UserError:
            found.note(f"metric {alias} is not known here: its unit and direction are as stated")
            continue
        for name in ("unit", "higher_is_better", "kind"):
            own = getattr(spec, name)
            if name in facts and facts[name] != own:
                found.contradict(MANIFEST, f"metrics.{alias}.{name}", facts[name], own)


def _lines(found: CellAudit, run: Run, whole: bool) -> None:
    """Lines that are not rows, trials with two results, scores that replace a row's own."""
    for problem in run.problems:
        # a line that a fault left behind was covered by the digest of the run that came after
        found.note(problem.replace(f"{run.path}/", ""))
        if not whole or any(c.file == DIGEST for c in found.contradictions):
            found.contradict(ROWS_FILE, "line", "a row", problem.replace(f"{run.path}/", ""))
    first: dict[TrialKey, SampleRow] = {}
    for line in read_lines(run.path, ROWS):
        try:
            row = SampleRow.from_json(line.data)
        except SchemaError:
            continue
        there = first.setdefault(row.key, row) if row.ok else row
        if row.ok and there is not row:
            where = f"{line.file.name}:{line.number}"
            for signature, value in there.metrics.items():
                if signature in row.metrics and not alike(value, row.metrics[signature]):
                    found.contradict(where, signature, value, f"{row.metrics[signature]} again", row.key)
            for name in ("hr_sha256", "lr_sha256", "ref_sha256"):
                a, b = getattr(there, name), getattr(row, name)
                if a and b and a != b:
                    found.contradict(where, name, a, f"{b} again", row.key)
    for line in read_lines(run.path, SCORES):
        try:
            score = ScoreRow.from_json(line.data)
        except SchemaError:
            continue
        own = first.get(score.key)
        for signature, value in score.metrics.items():
            if own is not None and signature in own.metrics and not alike(own.metrics[signature], value):
                where = f"{line.file.name}:{line.number}"
                found.contradict(where, signature, value, f"{own.metrics[signature]} in its row", score.key)


def _sets(found: CellAudit, run: Run) -> None:
    try:
        read_sets(run.path)
    except UserError as error:
        found.contradict(SETS, "file", "values of image sets", error)


def _summary(found: CellAudit, run: Run, whole: bool) -> None:
    """summary.json against the rows: means, intervals, counts, labels, and every trial that it is about."""
    try:
        stated = read_object(run.path / SUMMARY)
        if stated is None:
            found.note("no summary: the run did not end")
            return
        samples = [str(sample) for sample in stated["samples"]]
        signatures = [str(metric["signature"]) for metric in stated["metrics"].values()]
        finished, suite = str(stated.get("finished")), str(stated["suite"])
        count = int(stated["trials"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        found.contradict(SUMMARY, "file", "a summary", f"damaged: {error!r}")
        return
    if not whole and any(str(s.get("started")) >= finished for s in run.manifest.sessions):
        found.note("the summary is older than the last session, which did not end: not compared")
        return
    if suite not in run.manifest.controls and run.manifest.controls:
        found.contradict(SUMMARY, "suite", suite, f"{', '.join(run.manifest.controls)} in the manifest")
    trials = _asked(found, run, samples, count)
    own = cell_record(run, trials, hold=False, signatures=signatures, suite=suite).summary_document()
    if run.manifest.whole is not None:
        own["samples"] = samples
    found.checked.append("summary")
    stated.pop("finished", None)
    for path, a, b in differences(stated, own):
        if _number(a) and _number(b) and alike(float(a), float(b)):  # type: ignore[arg-type]
            continue
        if not whole and path.partition(".")[0] in _LAST_RUN:
            continue
        missing = "nothing" if b is MISSING else b
        found.contradict(SUMMARY, path, "not there" if a is MISSING else a, f"{missing} from the rows")


def _asked(found: CellAudit, run: Run, samples: list[str], count: int) -> list[TrialKey]:
    """The trials that a summary of ``count`` trials is about; those without a row are contradictions."""
    present = {row.key for row in run.rows}
    if run.manifest.whole is not None:
        return [key for key in whole_trials(run.manifest) if key in present]
    place = {sample: n for n, sample in enumerate(samples)}
    inside = sorted((key for key in present if key[0] in place), key=lambda key: (place[key[0]], key[1]))
    if not samples:
        return inside
    if len(inside) == count:
        # every draw of each sample; samples that score added metrics to may have different numbers of them
        draws = Counter(sample for sample, _ in inside)
    else:
        # no more than anybody asks for: a number that only stands there must not fill the memory
        draws = Counter(dict.fromkeys(place, min(max(1, count // len(place)), _MOST_DRAWS)))
    asked = [(sample, draw) for sample in place for draw in range(draws[sample])]
    for key in asked:
        if key not in present:
            found.contradict(ROWS_FILE, "row", "one of the trials that were asked for", "none", key)
    return [key for key in asked if key in present]


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
