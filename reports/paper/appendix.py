"""``appendix.tex``: how the numbers were made, in prose, from cards, signatures, specs and rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from refbench.errors import UserError
from refbench.protocols.card import Card
from refbench.protocols.reference import POLICIES
from refbench.registry import Registry
from refbench.results.record import CellRecord
from refbench.results.reopen import recorded_dataset
from refbench.results.scoring import protocol_of
from refbench.specs import MetricSpec
from refbench.stats.paired import ALPHA

from ..latex_text import latex_note
from ..selection import Names
from ..table_model import Table
from .citations import Bibliography, cite
from .compute import Compute, compute_of, duration
from .words import listed, metric_words, name_of


def appendix_tex(
    tables: Sequence[Table], cells: Sequence[CellRecord], names: Names, cites: Bibliography
) -> str:
    """Sections to ``\\input`` into an appendix; needs the ``url`` package for nothing, only T1 letters."""
    registry = Registry.discover()
    parts = [
        ("Protocol", _protocols(cells, cites)),
        ("Metrics", _metrics(tables, cites)),
        ("Statistics", _statistics()),
        ("Data", _data(cells, names, cites, registry)),
        ("Methods and weights", _methods(cells, names, cites, registry)),
        ("Compute", _compute(cells)),
        ("Answers to reporting forms", _answers(cells)),
    ]
    lines = ["% made by refbench report; \\input it into the appendix", ""]
    for title, paragraphs in parts:
        lines += [rf"\subsection*{{{title}}}", *(text for p in paragraphs for text in (p, "")), ""]
    return "\n".join(lines).rstrip() + "\n"


def _protocols(cells: Sequence[CellRecord], cites: Bibliography) -> list[str]:
    ids = list(dict.fromkeys(cell.protocol for cell in cells))
    cards: dict[str, Card] = {}
    policies: dict[str, None] = {}
    unreadable: dict[str, None] = {}
    for cell in cells:
        if cell.parts is not None:
            policies[cell.parts.reference.name] = None
        try:
            card = protocol_of(cell.manifest, cell.path).card
            cards.setdefault(card.id, card)
        except (UserError, OSError) as error:
            unreadable[" ".join(str(error).split())] = None
    version = latex_note(listed(_versions(cells, "refbench")) or "(version not recorded)")
    found = [
        rf"All numbers were measured with refbench {version}{cite('refbench')} under "
        + latex_note(f"{len(ids)} protocol{'s' if len(ids) > 1 else ''}: {', '.join(ids)}.")
    ]
    for card in cards.values():
        key = cite(cites.card(card))
        found.append(
            rf"\emph{{{latex_note(card.id)}}} ({latex_note(card.title)}){key}: {latex_note(card.prose)}"
        )
    for name in policies:
        found.append(latex_note(f"Reference policy {name}: {POLICIES.get(name, name)}."))
    return found + [latex_note(f"Not described: {text}.") for text in unreadable]


def _metrics(tables: Sequence[Table], cites: Bibliography) -> list[str]:
    specs: dict[str, MetricSpec] = {}
    for table in tables:
        for spec in table.columns:
            specs.setdefault(spec.signature, spec)
    found = [latex_note(text) for text in metric_words(list(specs.values()))]
    for spec in specs.values():
        better = "higher" if spec.higher_is_better else "lower"
        found.append(
            f"{latex_note(name_of(spec))}{cite(cites.metric(spec))} has the signature "
            rf"\texttt{{{_breakable(spec.signature)}}}; {better} is better."
        )
    return found


def _breakable(signature: str) -> str:
    """A signature that may go on in the next line after each of its fields."""
    return r"\textbar{}\allowbreak ".join(latex_note(field) for field in signature.split("|"))


def _statistics() -> list[str]:
    return [
        r"Means are over HR images; several random draws of an image count as one. Intervals are 95\,\%, "
        "clustered by HR image: on each side the wider of Student's t on image means and of the studentised "
        "bootstrap of image means, within the range of the metric. Two methods are compared on the same "
        "images and draws by their paired differences; the best of a column is tested against each other "
        rf"one, with Holm's correction over the column, and marked where $p \le {ALPHA:g}$. Methods are "
        "ranked only within one dataset, protocol and metric signature."
    ]


def _data(cells: Sequence[CellRecord], names: Names, cites: Bibliography, registry: Registry) -> list[str]:
    found = []
    for label, cell in {cell.dataset_label: cell for cell in reversed(cells)}.items():
        fingerprint = str(cell.compare_key.get("dataset", ""))[:12]
        images = f"{cell.n} image{'s' if cell.n != 1 else ''}"
        text = rf"\emph{{{latex_note(names.dataset(cell))}}}"
        key = cites.dataset(cell.dataset) if label.partition(" [")[0] == cell.dataset else ""
        facts = [images, f"fingerprint {fingerprint}"]
        try:
            spec = recorded_dataset(cell.manifest, registry)
            facts += [f"licence: {spec.licence}", f"from: {spec.source}"]
        except UserError as error:
            facts.append(f"licence not known here ({error})")
        found.append(f"{text}{cite(key)}: {latex_note('; '.join(facts))}.")
    return list(reversed(found))


def _methods(cells: Sequence[CellRecord], names: Names, cites: Bibliography, registry: Registry) -> list[str]:
    found = []
    for cell in {cell.method_label: cell for cell in cells}.values():
        facts = []
        parameters = cell.work.get("parameters")
        if parameters:
            facts.append(f"{parameters / 1e6:.2f} M parameters")
        entry = next((e for e in registry.entries("methods") if e.name == cell.method), None)
        licence = getattr(entry.spec, "licence", "") if entry is not None else ""
        facts.append(f"licence: {licence or 'not stated'}")
        for file in cell.manifest.weights_files:
            sha, where = str(file.get("sha256") or "unknown")[:12], str(file.get("licence") or "unknown")
            facts.append(f"weights {file.get('name')}, sha256 {sha}, licence: {where}")
        if not cell.manifest.weights_files:
            facts.append("no weights")
        head = rf"\emph{{{latex_note(names.method(cell))}}}{cite(cites.method(cell.method))}"
        found.append(f"{head}: {latex_note('; '.join(facts))}.")
    return found


def _compute(cells: Sequence[CellRecord]) -> list[str]:
    found = []
    for item in compute_of(cells):
        peak = "" if item.peak_mb is None else f", at most {item.peak_mb:.0f} MiB in one trial"
        found.append(
            latex_note(
                f"{item.device}: {item.trials} trials, {duration(item.method_seconds)} inside the methods, "
                f"{duration(item.total_seconds)} with reading, degrading and scoring{peak}."
            )
        )
    precision = sorted({str(cell.manifest.identity.get("precision", "")) for cell in cells} - {""})
    seeds = sorted({cell.seed for cell in cells})
    found.append(
        latex_note(
            f"PyTorch {listed(_versions(cells, 'torch')) or 'not recorded'}, precision {listed(precision)}, "
            f"seed {listed([str(seed) for seed in seeds])}."
        )
    )
    return found


def _versions(cells: Sequence[CellRecord], package: str) -> list[str]:
    """Versions of a package that the sessions of the cells record."""
    found = {
        str(packages[package])
        for cell in cells
        for session in cell.manifest.sessions
        if isinstance(packages := session.get("packages"), Mapping) and package in packages
    }
    return sorted(found)


def _answers(cells: Sequence[CellRecord]) -> list[str]:
    """NeurIPS's checklist and CVPR's compute reporting form, as far as rows can answer them."""
    compute = compute_of(cells)
    hardware = (
        listed([f"{item.device} ({'GPU' if item.gpu else 'CPU'})" for item in compute]) or "not recorded"
    )
    total = sum(item.total_seconds for item in compute)
    gpu = sum(item.total_seconds for item in compute if item.gpu)
    per = "; ".join(_per_trial(item) for item in compute)
    missing = (
        "Not in these rows, to be added by the authors: training, failed and preliminary runs, and anything "
        "measured outside refbench."
    )
    answers = [
        ("NeurIPS, experiments compute resources", f"{hardware}. {per}. In all {duration(total)}. {missing}"),
        (
            "NeurIPS, statistical significance",
            "Yes: 95 % intervals clustered by HR image, paired tests with Holm's correction; see Statistics.",
        ),
        (
            "NeurIPS, licences of existing assets",
            "Licences of data and weights as their authors state them stand under Data and under Methods and "
            "weights; unknown means that none is stated.",
        ),
        (
            "CVPR, compute reporting",
            f"Hardware: {hardware}. GPU-hours of the evaluation: {gpu / 3600:.2f}; CPU-hours: "
            f"{(total - gpu) / 3600:.2f} (wall time of one process). {missing}",
        ),
    ]
    return [rf"\emph{{{latex_note(question)}.}} {latex_note(answer)}" for question, answer in answers]


def _per_trial(item: Compute) -> str:
    mean = item.method_seconds / item.trials if item.trials else 0.0
    return f"{item.trials} trials of {mean:.3g} s on average on {item.device}"
