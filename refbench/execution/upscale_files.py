"""The files of ``refbench upscale``: which images, with which references, go where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from refbench.errors import UserError
from refbench.imaging.files import by_stem, folder_images, plain, references_of
from refbench.imaging.write import FORMATS


@dataclass(frozen=True)
class Task:
    """One image: where it is, where its SR goes, and the references that it was given."""

    lr: Path
    out: Path
    refs: tuple[Path, ...] = ()


def tasks_of(
    lr: Path, refs: Sequence[Path], out: str | None, extension: str | None, scale: int
) -> tuple[tuple[Task, ...], tuple[str, ...]]:
    """The images that ``lr``, a file or a folder, stands for, and names of files that are left out.

    A reference that is a folder stands for the references of each image in it, found by name. ``out``: a
    file, or for a folder a folder; None: the name with ``_x<scale>`` in the current folder. Raises UserError
    for an empty folder, and for an image without references in the folder that should hold them.
    """
    if not lr.is_dir():
        name = plain_out(lr, scale, extension) if out is None else Path(out)
        return (Task(lr, name, _references(lr, refs)),), ()
    found = folder_images(lr)
    if not found.images:
        raise UserError(f"{lr}: has no images; extensions are .png, .jpg, .webp, .tif ...")
    folder = Path(f"{lr.resolve().name}_x{scale}") if out is None else Path(out)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"out={folder}: is a file; {lr} is a folder of images, give a folder")
    ending = f".{extension or 'png'}"
    tasks = tuple(
        Task(path, folder / f"{path.stem}{ending}", _references(path, refs))
        for path in by_stem(found.images).values()
    )
    return tasks, tuple(path.name for path in found.others)


def plain_out(lr: Path, scale: int, extension: str | None) -> Path:
    """Where the SR of a file goes unless a place is given: ``<name>_x4.png``."""
    return Path(f"{lr.stem}_x{scale}.{extension or 'png'}")


def check_out(task: Task, overwrite: bool) -> None:
    """UserError where the output cannot be written as asked."""
    out = task.out
    if out.suffix.lower() not in FORMATS:
        raise UserError(f"out={out}: give a name that ends in {', '.join(FORMATS)}")
    if out.is_dir():
        raise UserError(f"out={out}: is a folder; give a file name")
    for source in (task.lr, *task.refs):
        if out.exists() and source.exists() and out.samefile(source):
            raise UserError(f"out={out}: is one of the input images; give another name")
    if out.exists() and not overwrite:
        raise UserError(f"out={out}: exists already; give another name, or overwrite=true")


def _references(lr: Path, given: Sequence[Path]) -> tuple[Path, ...]:
    refs: list[Path] = []
    for ref in given:
        if not ref.is_dir():
            refs.append(ref)
            continue
        found = references_of(plain(lr.stem), by_stem(folder_images(ref).images), ref)
        if not found:
            raise UserError(
                f"ref={ref}: has no reference for {lr.name}; call it {lr.stem}.png, {lr.stem}_ref.png or "
                f"{lr.stem}_1.png, or name the reference files themselves"
            )
        refs += found
    return tuple(refs)
