"""A Codabench competition of a suite: participants hand in SR images, ``method=folder`` scores them.

Layout: version 2 of https://docs.codabench.org/latest/Organizers/Benchmark_Creation/Yaml-Structure/.
The scoring program runs ``refbench run method=folder ... --json`` in the competition's Docker image, which
must hold this version of refbench.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from PIL import Image as PilImage

from refbench import __version__
from refbench.config.load import load_run
from refbench.errors import UserError
from refbench.exchange import Exported, ExportRequest
from refbench.files.disk import atomic_file, explained
from refbench.metrics import METRICS, MetricCatalog
from refbench.protocols import ProtocolInstance, build_instances
from refbench.registry import Registry, load_class
from refbench.settings import ProtocolEntry, SuiteConfig
from refbench.specs import DataRequest, MetricSpec
from refbench.types import Dataset, Image
from refbench.untrusted.escape import markdown_text

_TIME = (1980, 1, 1, 0, 0, 0)
"""Of every member: the same competition is the same file."""


def export(request: ExportRequest) -> Exported:
    """Write ``out``, a zip for Codabench's upload; UserError where the suite or its data cannot be used."""
    registry = Registry.discover()
    root = request.text("data.root")
    suite = load_run(["method=bicubic", f"suite={request.text('suite') or 'cufed5'}"], registry=registry)[
        0
    ].suite
    entry, instance, left_out = _instance(suite)
    spec = registry.dataset(suite.dataset)
    opened = registry.dataset(spec.embedded) if not root and spec.embedded else spec
    dataset: Dataset = load_class(opened.target)(DataRequest(root=root or None))
    metrics = MetricCatalog(METRICS).of_names(instance.card.metrics)
    image = request.text("competition.image")
    if entry.card in suite.cards:
        raise UserError(
            f"codabench: {entry.card} is a card of your own; the suite must use one of refbench's"
        )
    settings = {
        "refbench": __version__,
        "suite": _suite_file(suite, entry),
        "data_root": bool(root),
        "fingerprint": dataset.fingerprint,
        "metrics": [spec.alias for spec in metrics],
        "decimals": {spec.alias: spec.decimals for spec in metrics},
    }
    with explained(request.out.parent):
        request.out.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(request.out) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as bundle:
            for member, data in _members(suite, instance, metrics, image, settings, dataset, root):
                _add(bundle, member, data)
    unmapped = [*left_out]
    if not image:
        unmapped.append(
            "docker_image: competition.image= names one with refbench in it; the Dockerfile makes it"
        )
    unmapped += [
        "end of the phase, contact and prize: nobody's business but the organiser's; edit competition.yaml",
        "intervals and paired differences: a Codabench column has one number; detailed_results.html has them",
    ]
    return Exported((request.out,), tuple(unmapped), {"samples": len(dataset.ids())})


def _instance(suite: SuiteConfig) -> tuple[ProtocolEntry, ProtocolInstance, list[str]]:
    """The one protocol that a folder of images answers: the suite's control, or its first one."""
    entry = next((entry for entry in suite.protocols if entry.control), suite.protocols[0])
    (instance,) = build_instances(replace(suite, protocols=(entry,)))
    if instance.draws > 1:
        raise UserError(f"codabench: {instance.id} has random draws, which a folder of images cannot answer")
    rest = [i.id for i in build_instances(suite) if i.id != instance.id]
    if not rest:
        return entry, instance, []
    return (
        entry,
        instance,
        [
            f"protocols {', '.join(rest)}: a folder of images answers one protocol, {instance.id}; "
            "run the others where the method runs"
        ],
    )


def _suite_file(suite: SuiteConfig, entry: ProtocolEntry) -> dict[str, Any]:
    distorted = {"transform": entry.transform, "degradation": entry.degradation, "level": entry.level}
    own: dict[str, Any] = {name: value for name, value in distorted.items() if value is not None}
    own = {"card": entry.card, "reference": dict(entry.reference), "control": not own, **own}
    return {"title": suite.title, "dataset": suite.dataset, "protocols": [own]}


def _members(
    suite: SuiteConfig,
    instance: ProtocolInstance,
    metrics: tuple[MetricSpec, ...],
    image: str,
    settings: Mapping[str, Any],
    dataset: Dataset,
    root: str,
) -> Iterator[tuple[str, bytes]]:
    columns = [
        {
            "title": spec.title or spec.alias,
            "key": spec.alias,
            "index": k,
            "sorting": "desc" if spec.higher_is_better else "asc",
            "precision": spec.decimals,
        }
        for k, spec in enumerate(metrics)
    ]
    competition = {
        "version": 2,
        "title": f"refbench {suite.name}",
        "description": suite.title or f"super-resolution with references under {instance.id}",
        "image": "logo.png",
        "terms": "terms.md",
        "docker_image": image or "python:3.11-slim",
        "enable_detailed_results": True,
        "make_programs_available": True,
        "pages": [{"title": "Overview", "file": "overview.md"}],
        "tasks": [
            {
                "index": 0,
                "name": instance.id,
                "scoring_program": "scoring_program.zip",
                "reference_data": "reference_data.zip",
            }
        ],
        "phases": [
            {
                "index": 0,
                "name": "Evaluation",
                "start": "2026-01-01 00:00:00",
                "execution_time_limit": 3600,
                "accepts_only_result_submissions": True,
                "public_data": "public_data.zip",
                "tasks": [0],
            }
        ],
        "leaderboards": [
            {"title": "Results", "key": "main", "submission_rule": "Force_Last", "columns": columns}
        ],
    }
    yield "competition.yaml", yaml.safe_dump(competition, sort_keys=False).encode()
    yield "overview.md", _overview(instance, metrics, len(dataset.ids())).encode()
    yield (
        "terms.md",
        (
            b"Replace this page with your terms. The photographs keep the licences of their authors; "
            b"whoever opens this competition makes sure that they may be handed out.\n"
        ),
    )
    yield (
        "Dockerfile",
        (
            f"# with a clone of refbench {__version__} as refbench/ next to it: docker build -t NAME .\n"
            "FROM python:3.11-slim\nCOPY refbench /refbench\nRUN pip install --no-cache-dir /refbench\n"
        ).encode(),
    )
    yield "logo.png", _png(PilImage.new("RGB", (128, 128), (11, 92, 173)))
    program = (files("refbench.exchange") / "codabench_score.txt").read_bytes()
    yield (
        "scoring_program.zip",
        _zip(
            {
                "metadata.yaml": b"command: python3 /app/program/score.py /app/input/ /app/output/\n",
                "score.py": program,
            }
        ),
    )
    reference = {"settings.json": (json.dumps(settings, indent=1) + "\n").encode()}
    reference["suite.yaml"] = yaml.safe_dump(settings["suite"], sort_keys=False).encode()
    if root:
        reference |= {f"data/{name}": data for name, data in _data_files(Path(root).expanduser())}
    yield "reference_data.zip", _zip(reference)
    yield "public_data.zip", _zip(dict(_inputs(dataset, instance)))


def _overview(instance: ProtocolInstance, metrics: tuple[MetricSpec, ...], samples: int) -> str:
    signatures = "\n".join(f"* {markdown_text(s.title or s.alias)}: `{s.signature}`" for s in metrics)
    return (
        f"Enlarge {samples} images by {instance.card.scale}, with reference photographs, under protocol "
        f"`{instance.id}`.\n\nPublic data: `lr/<id>.png` and `ref/<id>_<k>.png`. Hand in a zip with "
        f"`<id>.png` for every id, 8-bit RGB, {instance.card.scale} times the size of its LR image. One that "
        "is missing, unreadable or of another size is an error, and nothing is scored.\n\n"
        f"{signatures}\n"
    )


def _inputs(dataset: Dataset, instance: ProtocolInstance) -> Iterator[tuple[str, bytes]]:
    """What participants get: LR and references of each trial, never HR."""
    for number, sample in enumerate(dataset.ids()):
        trial = instance.apply(dataset.load(sample), 0, 0, dataset)
        if "/" in sample or sample.startswith("."):
            raise UserError(f"codabench: sample {number} has an id that is not a file name")
        yield f"lr/{sample}.png", _png(_picture(trial.lr))
        for k, reference in enumerate(trial.refs):
            yield f"ref/{sample}_{k}.png", _png(_picture(reference))


def _picture(image: Image) -> PilImage.Image:
    return PilImage.fromarray(image)


def _png(picture: PilImage.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _data_files(root: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in path.parts):
            yield path.relative_to(root).as_posix(), path.read_bytes()


def _zip(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            _add(archive, name, data)
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _TIME)
    info.compress_type = archive.compression
    info.external_attr = 0o644 << 16
    archive.writestr(info, data)
