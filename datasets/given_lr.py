"""CUFED5 and WR-SR as ReFIR and Ada-RefSR publish them: with LR images of the Real-ESRGAN degradation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from refbench.imaging.files import by_stem, references_of, without_role
from refbench.specs import DataRequest, DatasetSpec

from .groups import Group, Scan, images_in
from .image_dataset import ImageDataset, open_scan
from .roots import check_options, data_root

_HR = ("Real_Deg/HR", "HR", ".")
_LR = ("Real_Deg/LR", "LR", ".")
_REF = ("ref", "Ref", "Real_Deg/ref", ".")


def adapter(
    spec: DatasetSpec, above: tuple[str, ...]
) -> tuple[Callable[[DataRequest], ImageDataset], Callable[[DataRequest], Scan]]:
    """``open_dataset`` and ``scan`` of a set; ``above``: folders below ``data.root`` that may be its own."""

    def scan(request: DataRequest) -> Scan:
        """What is there. Raises UserError for a missing root."""
        check_options(spec, request, ())
        given = data_root(spec, request)
        root = next((given / name for name in above if _named(given / name, _HR, "_HR")), given)
        return _scan(root)

    def open_dataset(request: DataRequest) -> ImageDataset:
        """The set at ``data.root``, with its own LR images."""
        return open_scan(spec, request, scan(request), own_lr=True)

    return open_dataset, scan


def _scan(root: Path) -> Scan:
    hr, lr = _named(root, _HR, "_HR"), _named(root, _LR, "_LR")
    folder = next((root / name for name in _REF[:-1] if (root / name).is_dir()), root)
    refs = by_stem(images_in(folder))
    groups: list[Group] = []
    missing: list[str] = []
    for base in sorted({*hr, *lr}):
        found = references_of(f"{base}_HR", refs, folder)
        absent = [f"{base}_{role}.png" for role, files in (("HR", hr), ("LR", lr)) if base not in files]
        wanted = f"{base.removesuffix('_0')}_1.png" if base.endswith("_0") else f"{base}_ref.png"
        absent += [] if found else [f"{folder.name}/{wanted}"]
        missing += absent
        if not absent:
            groups.append(Group(base.removesuffix("_0"), hr[base], found, lr[base]))
    return Scan(root, tuple(groups), tuple(missing))


def _named(root: Path, folders: tuple[str, ...], role: str) -> dict[str, Path]:
    """Name without role -> file, from the first folder that has any."""
    for name in folders:
        files = by_stem(images_in(root / name))
        found = {without_role(stem): path for stem, path in files.items() if stem.endswith(role)}
        if found:
            return found
    return {}
