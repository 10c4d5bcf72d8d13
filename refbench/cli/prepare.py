"""``refbench prepare``: is a copy of a dataset complete and unchanged? Or fetch the free photos."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from refbench.cli.parser import add_words
from refbench.config.keys import DATA, DATA_OPTIONS, Key, required
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
  refbench prepare dataset=photos out=DIR                        fetch the free photos of the manifest"""
KEYS = (
    required(Key("dataset", "name", "dataset to check, or photos")),
    *(k for k in DATA if k.name == "data.root"),
    *DATA_OPTIONS,
    Key(
        "manifest", "path", "checksum file to compare with or to write; default: refbench.sha256 in the root"
    ),
    Key("out", "path", "photos: folder to write"),
    Key("debs", "path", "photos: folder that holds the .deb files; default: apt-get download"),
    Key("roles", "words", f"photos: which of {', '.join(ROLES)}", ROLES),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``KEY=VALUE ... [--write-manifest]``."""
    add_words(parser)
    parser.add_argument(
        "--write-manifest", action="store_true", help="record the sha256 of every file of the set"
    )


def run(args: argparse.Namespace) -> int:
    """Check or write; 1 when the copy is not complete, decodable and unchanged."""
    values = load_command("prepare", KEYS, args.words)
    if values["dataset"] == PHOTOS:
        return _photos(args, values)
    for key in ("out", "debs"):
        if values[key] is not None:
            raise UserError(f"prepare: {key}= goes with dataset=photos")
    registry = Registry.discover()
    if values["dataset"] not in registry.names("datasets"):
        raise unknown("dataset", values["dataset"], [*registry.names("datasets"), PHOTOS])
    spec = registry.dataset(values["dataset"])
    request = DataRequest(
        root=values["data.root"],
        options={k.name.removeprefix("data."): values[k.name] for k in DATA_OPTIONS if values[k.name]},
    )
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
