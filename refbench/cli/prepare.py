"""``refbench prepare``: is a copy of a dataset complete and unchanged? Or fetch archives, weights, photos."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from refbench.cli.parser import add_words
from refbench.config.keys import DATA, DATA_OPTIONS, WEIGHTS_ROOT, Key
from refbench.config.load import load_command
from refbench.errors import UserError, unknown
from refbench.registry import Registry, load_class
from refbench.specs import DataRequest

PHOTOS = "photos"
ROLES = ("train", "val", "sample", "reference")
HELP = """Check a copy of a dataset: count, names, every image decoded, sha256 where a manifest exists.
Exit code 1 when something is missing or differs.

  refbench prepare dataset=wrsr data.root=DIR
  refbench prepare dataset=wrsr data.root=DIR --write-manifest   record this copy's checksums
  refbench prepare dataset=wrsr data.root=DIR --compare-manifest FILE   the copy behind another result?
  refbench prepare dataset=wrsr archive=FILE out=DIR             unpack an archive safely, then check
  refbench prepare dataset=wrsr url=https://HOST/FILE sha256=HEX out=DIR   fetch it before
  refbench prepare method=datsr weights.root=DIR                 fetch weights whose address is known
  refbench prepare metric=lpips_alex                             fetch the network behind a metric
  refbench prepare dataset=photos out=DIR                        fetch the free photos of the manifest

Transfers are https only, checked by sha256, and go on where they were interrupted."""
KEYS = (
    Key("dataset", "name", "dataset to check, or photos"),
    Key("method", "name", "method whose official weights to fetch"),
    Key("metric", "name", "metric whose network to fetch and verify"),
    Key("method.weights", "name", "method: only this variant (mse, gan)"),
    WEIGHTS_ROOT,
    *(k for k in DATA if k.name == "data.root"),
    *DATA_OPTIONS,
    Key(
        "manifest", "path", "checksum file to compare with or to write; default: refbench.sha256 in the root"
    ),
    Key("url", "text", "https address of the dataset's archive (zip, tar, tar.gz, tar.xz)"),
    Key("sha256", "text", "of that archive"),
    Key("archive", "path", "archive that is here already, or where to keep the fetched one"),
    Key("out", "path", "folder to write"),
    Key("debs", "path", "photos: folder that holds the .deb files, or apt; default: fetched over https"),
    Key("roles", "words", f"photos: which of {', '.join(ROLES)}", ROLES),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``KEY=VALUE ... [--write-manifest]``."""
    add_words(parser)
    parser.add_argument(
        "--write-manifest", action="store_true", help="record the sha256 of every file of the set"
    )
    parser.add_argument(
        "--compare-manifest",
        type=Path,
        metavar="FILE",
        help="say which files are those of another copy: its manifest (sha256 or git blob ids), or a run",
    )


def run(args: argparse.Namespace) -> int:
    """Check or write; 1 when the copy is not complete, decodable and unchanged."""
    values = load_command("prepare", KEYS, args.words)
    if sum(values[kind] is not None for kind in ("dataset", "method", "metric")) != 1:
        raise UserError("prepare takes dataset=NAME, method=NAME or metric=NAME, one of them")
    if values["metric"] is not None:
        from refbench.cli.prepare_metric import prepare_metric

        return prepare_metric(args, values)
    if values["method"] is not None:
        from refbench.cli.prepare_weights import prepare_weights

        return prepare_weights(args, values)
    if values["dataset"] == PHOTOS:
        return _photos(args, values)
    if values["debs"] is not None:
        raise UserError("prepare: debs= goes with dataset=photos")
    unpacking = values["url"] is not None or values["archive"] is not None
    if values["out"] is not None and not unpacking:
        raise UserError("prepare: out= goes with dataset=photos, archive= or url=")
    registry = Registry.discover()
    if values["dataset"] not in registry.names("datasets"):
        raise unknown("dataset", values["dataset"], [*registry.names("datasets"), PHOTOS])
    spec = registry.dataset(values["dataset"])
    if unpacking:
        from refbench.cli.prepare_archive import prepare_archive

        values["data.root"] = str(prepare_archive(args, values))
    request = DataRequest(
        root=values["data.root"],
        options={k.name.removeprefix("data."): values[k.name] for k in DATA_OPTIONS if values[k.name]},
    )
    if args.compare_manifest is not None:
        compared = load_class("refbench.datasets.compare:compare_copy")(spec, request, args.compare_manifest)
        for line in compared.lines():
            args.output.line(line)
        args.output.emit(compared.as_dict())
        return 0 if compared.ok else 1
    manifest = Path(values["manifest"]) if values["manifest"] else None
    # the dataset folders are plugins of the core: found by name, not imported by it
    if args.write_manifest:
        path = load_class("refbench.datasets.verify:write_manifest")(spec, request, manifest)
        args.output.line(f"wrote {path}")
        args.output.emit({"dataset": spec.name, "manifest": str(path)})
        return 0
    report = load_class("refbench.datasets.verify:verify_copy")(spec, request, manifest)
    for line in report.lines():
        args.output.line(line)
    args.output.emit(report.as_dict())
    return 0 if report.ok else 1


def _photos(args: argparse.Namespace, values: dict[str, Any]) -> int:
    if values["out"] is None:
        raise UserError("prepare dataset=photos: out= is missing; give the folder to write")
    for role in values["roles"]:
        if role not in ROLES:
            raise unknown("role", role, ROLES)
    written = load_class("refbench.datasets.photos.prepare:prepare_photos")(
        values["out"], values["roles"], values["debs"], args.output.note
    )
    args.output.line(f"{len(written)} photos in {values['out']}")
    args.output.emit({"photos": [str(path) for path in written]})
    return 0
