"""Networks behind metrics, checkpoints of methods, disk space, and folders that must be writable."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from refbench.cli.diagnosis.finding import Finding
from refbench.cli.listing.weights import find_file, variant_state
from refbench.metrics import MetricCatalog, MetricUnavailable
from refbench.metrics.backbones import BACKBONES, backbone_of, verified_backbone
from refbench.registry import Registry
from refbench.specs import MethodSpec
from refbench.weights.resolve import ROOT_VARIABLE, hub_folder

LITTLE = 2**30
"""Bytes. Below this a run with kept images soon fills the disk."""
PUT_WEIGHTS = (
    f"put such files into weights.root=DIR or ${ROOT_VARIABLE}; "
    "refbench list methods NAME says where to get them"
)


def backbones(registry: Registry) -> list[Finding]:
    """Networks behind learned metrics: verified, missing, or damaged; with the metrics that need each."""
    users: dict[str, list[str]] = {net: [] for net in BACKBONES}
    for spec in MetricCatalog.of(registry).specs:
        net = backbone_of(spec)
        if net is not None:
            users[net].append(spec.alias)
    found = []
    for net, (name, _) in BACKBONES.items():
        metrics = ", ".join(users[net])
        path = hub_folder() / name
        facts: dict[str, object] = {"file": str(path), "present": path.is_file(), "metrics": users[net]}
        fetch = f"refbench prepare metric={users[net][0]}"
        if not path.is_file():
            text = f"not in {path.parent}; would enable {metrics}"
            found.append(Finding(name, "missing", text, fetch, facts))
            continue
        try:
            verified_backbone(net)
        except (MetricUnavailable, OSError) as error:
            reason = error.reason if isinstance(error, MetricUnavailable) else str(error)
            found.append(Finding(name, "problem", reason, f"remove it; {fetch}", facts))
            continue
        found.append(Finding(name, "ok", f"verified; used by {metrics}", facts=facts))
    return found


def checkpoints(registry: Registry, root: str | None) -> list[Finding]:
    """Weights of every method, by file name: nothing is read, `run` checks their content."""
    found = []
    for entry in registry.entries("methods"):
        spec = entry.spec
        if not isinstance(spec, MethodSpec):
            continue
        for variant in spec.variants:
            state = variant_state(spec, variant, root)
            name = f"method={spec.name} method.weights={variant.name}"
            facts = {"method": spec.name, "weights": variant.name, "weights_state": state}
            if state != "missing":
                found.append(Finding(name, "ok", state, facts=facts))
                continue
            if variant.bundled:
                found.append(
                    Finding(name, "problem", "bundled weights are missing", "install refbench again", facts)
                )
                continue
            lacking = [f.name for f in variant.files if find_file(spec, variant, f, root) is None]
            text = f"needs {', '.join(lacking)}"
            found.append(Finding(name, "missing", text, PUT_WEIGHTS, facts | {"files": lacking}))
    return found


def folders(out: Path) -> list[Finding]:
    """The results folder, the temporary folder and torch's cache: free space, and whether one can write."""
    temporary = Path(tempfile.gettempdir())
    return [
        _folder("results", out, "choose another with out=DIR"),
        _folder("temporary", temporary, "set TMPDIR to a folder that is writable and has space"),
        _folder("torch cache", hub_folder(), "set TORCH_HOME to a folder that is writable and has space"),
    ]


def _folder(name: str, folder: Path, remedy: str) -> Finding:
    shown = folder.absolute()
    standing = next((p for p in (shown, *shown.parents) if p.exists()), shown)
    facts: dict[str, object] = {"path": str(shown), "exists": folder.exists()}
    if not standing.is_dir():
        return Finding(name, "problem", f"{standing} is not a folder", remedy, facts | {"writable": False})
    try:
        free = shutil.disk_usage(standing).free
        # asked by writing: permission bits do not tell of read-only mounts, quotas and roots of containers
        with tempfile.TemporaryFile(dir=standing) as probe:
            probe.write(b"refbench doctor")
    except OSError as error:
        reason = f"cannot write in {standing} ({error.strerror or error})"
        return Finding(name, "problem", reason, remedy, facts | {"writable": False})
    facts |= {"writable": True, "free_bytes": free}
    later = "" if folder.exists() else " (made when it is needed)"
    text = f"{shown}{later}: writable, {free / 2**30:.1f} GiB free"
    if free < LITTLE:
        return Finding(name, "problem", text, f"free space, or {remedy}", facts)
    return Finding(name, "ok", text, facts=facts)
