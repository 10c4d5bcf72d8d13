"""From ``method.weights=mse|gan|compact|PATH`` and a weights root to files."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from refbench.errors import UserError, did_you_mean
from refbench.identity.file_digest import file_sha256
from refbench.registry import load_class
from refbench.specs import CheckpointFacts, MethodSpec, WeightsFile, WeightsVariant
from refbench.weights.digest import checked_sha256, how_to_get
from refbench.weights.header import has_config
from refbench.weights.resolved import ResolvedWeights

ROOT_VARIABLE = "REFBENCH_WEIGHTS"
WHOLE_MODEL = "net"
"""Role of a file that carries a whole model and its configuration."""


def resolve(spec: MethodSpec, choice: str | None, root: Path | None) -> ResolvedWeights:
    """Find and hash the weights of ``spec`` that ``choice`` names.

    ``choice``: a variant, a checkpoint file, or a folder of official files; None means the first official
    variant when a weights root is given (``root``, else ``$REFBENCH_WEIGHTS``), otherwise the bundled
    one. UserError: unknown name, missing file (what was looked for, where, how to get it), empty file,
    wrong digest.
    """
    if root is None and os.environ.get(ROOT_VARIABLE):
        root = Path(os.environ[ROOT_VARIABLE]).expanduser()
    if root is not None and not root.is_dir():
        raise UserError(f"weights.root={root}: no such folder; give the folder of the official checkpoints")
    if spec.any_checkpoint:
        return _any_checkpoint(spec, choice)
    variant = spec.variant(choice) if choice is not None else _default(spec, root)
    if variant is not None:
        return _named(spec, variant, () if root is None else (root,))
    assert choice is not None
    path = Path(choice).expanduser()
    if path.is_file():
        return _from_file(spec, path, root)
    if path.is_dir():
        return _from_folder(spec, path)
    names = [v.name for v in spec.variants]
    raise UserError(
        f"method.weights={choice}: neither a variant of {spec.name} nor a file or folder"
        f"{did_you_mean(choice, names)}"
    )


def _any_checkpoint(spec: MethodSpec, choice: str | None) -> ResolvedWeights:
    """A file that says itself what it is."""
    if choice is None:
        raise UserError(f"method={spec.name}: give method.weights=FILE, a checkpoint that you have")
    path = Path(choice).expanduser()
    if not path.is_file():
        raise UserError(f"method.weights={choice}: no such file; give a checkpoint for {spec.name}")
    digest = checked_sha256(path, WeightsFile(WHOLE_MODEL, path.name))
    facts: CheckpointFacts = load_class(spec.any_checkpoint)(path)
    label = f"{facts.label} {digest[:8]}"
    return ResolvedWeights(
        spec.name, label, label, {WHOLE_MODEL: path}, {WHOLE_MODEL: digest}, {WHOLE_MODEL: False}, facts.scale
    )


def _default(spec: MethodSpec, root: Path | None) -> WeightsVariant:
    """The first official variant with a root, else the bundled one."""
    wanted = [v for v in spec.variants if v.bundled == (root is None)]
    return (wanted or list(spec.variants))[0]


def _named(
    spec: MethodSpec, variant: WeightsVariant, roots: Sequence[Path], label: str = ""
) -> ResolvedWeights:
    paths = {file.role: _find(spec, variant, file, roots) for file in variant.files}
    return _hashed(spec, variant, paths, label or variant.name)


def _hashed(
    spec: MethodSpec, variant: WeightsVariant, paths: Mapping[str, Path], label: str
) -> ResolvedWeights:
    files = {file.role: file for file in variant.files}
    return ResolvedWeights(
        method=spec.name,
        variant=label,
        label=label,
        paths=paths,
        sha256={role: checked_sha256(path, files[role]) for role, path in paths.items()},
        verified={role: files[role].known_digest is not None for role in paths},
    )


def _find(spec: MethodSpec, variant: WeightsVariant, file: WeightsFile, roots: Sequence[Path]) -> Path:
    """The first place that has ``file``; UserError with every place that was looked at."""
    looked: list[Path] = []
    if variant.bundled:
        looked = [folder / file.name for folder in _package_folders(spec)]
    else:
        for root in roots:
            looked += [root / spec.name / file.name, root / file.name]
        if file.hub:
            looked.append(hub_folder() / file.name)
    for path in looked:
        if path.is_file():
            return path
    places = ", ".join(str(p) for p in looked) or "nowhere (no weights root)"
    remedy = "reinstall refbench" if variant.bundled else how_to_get(file)
    if not roots and not variant.bundled:
        remedy += f", then give weights.root=DIR or set ${ROOT_VARIABLE}"
    raise UserError(f"{spec.name} ({variant.name}): {file.name} not found; looked for {places}; {remedy}")


def hub_folder() -> Path:
    """Where torch.hub keeps checkpoints, found without importing torch."""
    home = os.environ.get("TORCH_HOME")
    if home is None:
        cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        home = str(Path(cache) / "torch")
    return Path(home).expanduser() / "hub" / "checkpoints"


def _package_folders(spec: MethodSpec) -> list[Path]:
    """Folder(s) of the package that the method's class lives in."""
    package = spec.target.partition(":")[0].rpartition(".")[0]
    found = importlib.util.find_spec(package) if package else None
    if found is None or found.submodule_search_locations is None:
        raise UserError(f"method {spec.name!r}: cannot find the package {package!r} of its bundled weights")
    return [Path(folder) for folder in found.submodule_search_locations]


def _from_file(spec: MethodSpec, path: Path, root: Path | None) -> ResolvedWeights:
    """A whole model in one file, or an official restoration checkpoint with its companions next to it."""
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty (0 bytes); give a checkpoint of {spec.name}")
    if has_config(path):
        digest = file_sha256(path)
        return ResolvedWeights(
            spec.name, path.name, path.name, {WHOLE_MODEL: path}, {WHOLE_MODEL: digest}, {WHOLE_MODEL: False}
        )
    official = [v for v in spec.variants if not v.bundled]
    if not official:
        raise UserError(f"{path}: {spec.name} reads safetensors files that carry a config; this has none")
    # the file may have any name; only the others are looked up by theirs
    main = next(
        (f for f in official[0].files if f.role in ("restoration", WHOLE_MODEL)), official[0].files[0]
    )
    roots = [path.parent] + ([root] if root is not None else [])
    paths = {f.role: path if f is main else _find(spec, official[0], f, roots) for f in official[0].files}
    unchecked = WeightsVariant(
        official[0].name,
        tuple(WeightsFile(f.role, f.name) if f is main else f for f in official[0].files),
    )
    return _hashed(spec, unchecked, paths, path.name)


def _from_folder(spec: MethodSpec, folder: Path) -> ResolvedWeights:
    """The one variant whose own files are all in ``folder``."""
    complete = [
        v
        for v in spec.variants
        if all(f.hub or any((d / f.name).is_file() for d in (folder / spec.name, folder)) for f in v.files)
    ]
    if len(complete) > 1:
        names = " or ".join(v.name for v in complete)
        raise UserError(
            f"method.weights={folder}: has several variants; add weights.root={folder} and say {names}"
        )
    if not complete:
        wanted = "; ".join(f"{v.name}: {', '.join(f.name for f in v.files)}" for v in spec.variants)
        raise UserError(
            f"method.weights={folder}: no complete set of {spec.name} checkpoints; wanted {wanted}"
        )
    variant = WeightsVariant(complete[0].name, complete[0].files)
    return _named(spec, variant, (folder,), f"{folder.name}:{variant.name}")
