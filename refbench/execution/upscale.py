"""``refbench upscale``: images of one's own, with one's own references."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

from refbench.errors import SampleError, UserError
from refbench.execution.call import Attempt, Images, Settings
from refbench.execution.device import resolve_device
from refbench.execution.loader import resolve_weights
from refbench.execution.upscale_files import Task, check_out
from refbench.execution.worker import Caller, open_method
from refbench.imaging import Picture, read_picture, write_image
from refbench.imaging.pixels import off_white
from refbench.imaging.write import OPAQUE
from refbench.nets.reference_use import multi_for
from refbench.plan.job import MethodJob
from refbench.specs import MethodSpec, ParamValue, check_scale
from refbench.types import Image


@dataclass(frozen=True)
class UpscaleRequest:
    """What to enlarge, with what, and where to put it."""

    lr: Path
    out: Path
    """The file to write; its extension decides the format."""
    spec: MethodSpec
    refs: tuple[Path, ...] = ()
    weights: str | None = None
    weights_root: Path | None = None
    scale: int | None = None
    """What to enlarge by; None: what the weights are for, else the method's own factor."""
    params: Mapping[str, ParamValue] = field(default_factory=dict)
    device: str = "auto"
    overwrite: bool = False
    precision: str = "fp32"
    memory_limit: int | None = None
    """Bytes that the method may use, in exact tiles where it needs them; None: no limit."""
    locator: str = ""
    """Name or file of the method, where it is third-party code that gets a process of its own; empty: the
    spec's class is loaded in this process."""

    @property
    def task(self) -> Task:
        """Its files."""
        return Task(self.lr, self.out, self.refs)


@dataclass(frozen=True)
class UpscaleResult:
    """What was written and how."""

    out: Path
    method: str
    """Name with the label of its weights: ``datsr (compact)``."""
    lr_size: tuple[int, int]
    """(H, W), after EXIF rotation."""
    sr_size: tuple[int, int]
    refs_used: tuple[Path, ...]
    ref_sizes: tuple[tuple[int, int], ...]
    seconds: float
    """Wall time of the method alone."""
    device: str
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """The result as text: notes first, then sizes, method, time and place."""
        refs = ", ".join(
            f"{path.name} {_wxh(size)}" for path, size in zip(self.refs_used, self.ref_sizes, strict=True)
        )
        return [
            *(f"note: {note}" for note in self.notes),
            f"{_wxh(self.lr_size)} -> {_wxh(self.sr_size)} by {self.method}"
            + (f" with {refs}" if refs else " without reference")
            + f" in {self.seconds:.2f} s on {self.device}",
            f"wrote {self.out}",
        ]

    def to_json(self) -> dict[str, Any]:
        """The result as plain data, for ``--json``."""
        return {
            "out": str(self.out),
            "method": self.method,
            "lr_size": list(self.lr_size),
            "sr_size": list(self.sr_size),
            "refs": [
                {"path": str(path), "size": list(size)}
                for path, size in zip(self.refs_used, self.ref_sizes, strict=True)
            ],
            "seconds": self.seconds,
            "device": self.device,
            "notes": list(self.notes),
        }


def upscale(request: UpscaleRequest, echo: Callable[[str], None] | None = None) -> UpscaleResult:
    """Enlarge ``request.lr`` and write it. ``echo`` receives :meth:`UpscaleResult.lines`.

    Raises UserError for files that are missing or broken, too few references, an output that exists
    (unless ``overwrite``) or has no known extension, and when the method fails on this image.
    """
    ((_, result),) = upscale_all(request, [request.task], echo)
    if isinstance(result, UserError):
        raise result
    return result


def upscale_all(
    request: UpscaleRequest, tasks: Sequence[Task], echo: Callable[[str], None] | None = None
) -> Iterator[tuple[Task, UpscaleResult | UserError]]:
    """Enlarge each task's image with one loaded method: what ``request`` says but for its files.

    An image that fails gives its error, and the others go on. Raises UserError before anything is computed
    where an output cannot be written as asked, references are too few, or the method cannot be loaded.
    """
    for task in tasks:
        check_out(task, request.overwrite)
    chosen = [choose_references(request.spec, task.refs, request.params) for task in tasks]
    # one image is decoded first: no weights are loaded for a file that cannot be read
    first = _pictures(tasks[0], chosen[0].refs) if len(tasks) == 1 else None
    device = resolve_device(request.device)
    weights = resolve_weights(request.spec, request.weights, request.weights_root)
    label = request.spec.name + (f" ({weights.label})" if weights is not None and weights.label else "")
    own = weights.scale if weights is not None else None
    scale = request.scale or own or request.spec.scale
    check_scale(request.spec, own, weights.label if weights is not None else "", scale, "scale=")
    methods: dict[str, Caller] = {}
    try:
        for task, choice in zip(tasks, chosen, strict=True):
            try:
                pictures = first if first is not None else _pictures(task, choice.refs)
                first = None
                key = repr(sorted(choice.params.items()))
                if key not in methods:
                    methods[key] = _open(request, choice.params, device)
                result = _one(methods[key], request, task, pictures, choice, label, device, scale)
            except UserError as error:
                yield task, error
                continue
            if echo is not None:
                for line in result.lines():
                    echo(line)
            yield task, result
    finally:
        for method in methods.values():
            method.close()


def _open(request: UpscaleRequest, params: Mapping[str, ParamValue], device: str) -> Caller:
    """The method, in a process of its own where it is third-party code. Raises UserError."""
    given = {name: param.default for name, param in request.spec.params.items()} | dict(params)
    job = MethodJob(
        request.spec,
        request.locator or request.spec.name,
        request.weights,
        request.weights_root,
        tuple(sorted(given.items())),
        device,
        own_process=bool(request.locator),
    )
    method = open_method(job)
    method.load()
    return method


SEVERAL = ("per_patch", "average")
"""What a method that takes one reference by default does with several, if it can."""


@dataclass(frozen=True)
class Choice:
    """The references that a method gets of those that it was given."""

    refs: tuple[Path, ...]
    params: Mapping[str, ParamValue]
    """The method's parameters, with what makes it use several references."""
    notes: tuple[str, ...] = ()
    """Notes on the others."""


def choose_references(
    spec: MethodSpec, given: Sequence[Path], params: Mapping[str, ParamValue] | None = None
) -> Choice:
    """The references a method uses, in the given order: all, or as many as it can, and which it does not.

    A method that takes one reference unless ``multi`` says otherwise (the hosted nets) searches all of them
    (``per_patch``), or averages over them where its other options do not go with that search. Raises
    UserError for too few.
    """
    params = dict(params or {})
    if len(given) < spec.min_refs:
        wanted = "a reference image" if spec.min_refs == 1 else f"{spec.min_refs} reference images"
        raise UserError(f"{spec.name} needs {wanted}: add ref=a.png (several: ref=a.png,b.png)")
    most, how = spec.max_refs, ""
    multi = spec.params.get("multi")
    if len(given) > 1 and multi is not None and multi.default == "first" and most > 1:
        chosen = multi_for(spec, params, SEVERAL)
        if "multi" not in params and chosen is not None:
            params["multi"] = chosen
            how = f" (method.multi={chosen})"
            verb = "searches" if chosen == "per_patch" else "averages its images with"
            said = f"{spec.name} {verb} all {min(len(given), most)} references{how}"
            if len(given) <= most:
                return Choice(tuple(given), params, (said,))
        elif params.get("multi", "first") == "first":
            most, how = 1, " (method.multi=first)"
    if len(given) <= most:
        return Choice(tuple(given), params)
    if most == 0:
        return Choice((), params, (f"{spec.name} uses no reference: {_names(given)} ignored",))
    used, left = tuple(given[:most]), given[most:]
    count = "one reference" if most == 1 else f"{most} references"
    note = f"{spec.name} uses {count}{how}: {_names(used)} taken, {_names(left)} ignored"
    return Choice(used, params, (note,))


def _pictures(task: Task, refs: Sequence[Path]) -> tuple[Picture, ...]:
    try:
        return tuple(read_picture(path) for path in (task.lr, *refs))
    except SampleError as error:
        raise UserError(str(error)) from error


def _one(
    method: Caller,
    request: UpscaleRequest,
    task: Task,
    pictures: tuple[Picture, ...],
    choice: Choice,
    label: str,
    device: str,
    scale: int,
) -> UpscaleResult:
    lr, *refs = pictures
    done = _called(method, request, lr, refs, device, scale)
    assert done.sr is not None
    notes = list(choice.notes)
    if done.fallback is not None:
        notes.append(f"out of memory; enlarged in {max(done.tiles.values(), default=1)} exact tiles instead")
    for picture in pictures:
        notes += picture.notes
    _write(task.out, done.sr, lr, notes)
    return UpscaleResult(
        out=task.out,
        method=label,
        lr_size=_size(lr.rgb),
        sr_size=_size(done.sr),
        refs_used=choice.refs,
        ref_sizes=tuple(_size(ref.rgb) for ref in refs),
        seconds=done.seconds,
        device=device,
        notes=tuple(notes),
    )


def _called(
    method: Caller, request: UpscaleRequest, lr: Picture, refs: Sequence[Picture], device: str, scale: int
) -> Attempt:
    """Call the method on one image, in tiles where the memory runs out. Raises UserError when it fails."""
    images = Images(
        lr.rgb,
        tuple(ref.rgb for ref in refs),
        scale,
        lr.path.stem,
        tuple(ref.path.name for ref in refs),
    )
    settings = Settings(device, request.precision, request.memory_limit, request.spec.tiles)
    done = method.call(images, settings)
    if done.problem is None:
        return done
    if not done.problem.lost:
        raise UserError(f"{lr.path}: {request.spec.name}: {done.problem.text}")
    remedy = ["use smaller images"]
    if request.spec.tiles and done.fallback is None:
        remedy.insert(0, "give memory.limit= (exact tiles)")
    if device != "cpu":
        remedy.append("or device=cpu")
    tried = " also in tiles" if done.fallback else ""
    raise UserError(
        f"{lr.path}: out of memory{tried} with {request.spec.name} on {device} "
        f"({_wxh(_size(lr.rgb))} LR); {', '.join(remedy)}"
    )


def _write(out: Path, sr: Image, lr: Picture, notes: list[str]) -> None:
    """Write SR. The method saw a transparent LR on white; its colours are taken off white again, so that on
    white the file shows exactly what the method made, and bicubic is what a premultiplied resize gives."""
    if lr.alpha is None or out.suffix.lower() in OPAQUE:
        write_image(out, sr)
        return
    size = (sr.shape[1], sr.shape[0])
    alpha = np.asarray(PILImage.fromarray(lr.alpha).resize(size, PILImage.Resampling.BICUBIC))
    notes[notes.index(f"{lr.path.name}: transparency is laid on white")] = (
        f"{lr.path.name}: transparency is kept, enlarged by bicubic interpolation; the method saw it on white"
    )
    write_image(out, off_white(sr, alpha), alpha)


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(path.name for path in paths)


def _size(image: Image) -> tuple[int, int]:
    return image.shape[0], image.shape[1]


def _wxh(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"
