"""``refbench upscale``: one image of one's own, with one's own references."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from refbench.errors import UserError
from refbench.execution.call import Attempt, Images, Settings, call
from refbench.execution.device import resolve_device
from refbench.imaging.own_image import OwnImage, read_own_image
from refbench.loader import load_method, resolve_weights
from refbench.specs import MethodSpec, ParamValue
from refbench.store.disk import atomic_file
from refbench.types import Image, Method


@dataclass(frozen=True)
class UpscaleRequest:
    """What to enlarge, with what, and where to put it."""

    lr: Path
    out: Path
    spec: MethodSpec
    refs: tuple[Path, ...] = ()
    weights: str | None = None
    weights_root: Path | None = None
    params: Mapping[str, ParamValue] = field(default_factory=dict)
    device: str = "auto"
    overwrite: bool = False
    precision: str = "fp32"
    memory_limit: int | None = None
    """Bytes that the method may use, in exact tiles where it needs them; None: no limit."""


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
    """Enlarge ``request.lr`` and write a PNG. ``echo`` receives :meth:`UpscaleResult.lines`.

    Raises UserError for files that are missing or broken, too few references, an output that exists
    (unless ``overwrite``) or is no ``.png``, and when the method fails on this image.
    """
    _check_out(request)
    lr = read_own_image(request.lr)
    paths, notes = choose_references(request.spec, request.refs)
    refs = [read_own_image(path) for path in paths]
    device = resolve_device(request.device)
    weights = resolve_weights(request.spec, request.weights, request.weights_root)
    method = load_method(request.spec, weights, request.params, device)
    label = request.spec.name + (f" ({weights.label})" if weights is not None and weights.label else "")
    scale = (weights.scale if weights is not None else None) or request.spec.scale
    done = run_once(method, request, lr, refs, device, scale)
    assert done.sr is not None
    if done.fallback is not None:
        notes.append(f"out of memory; enlarged in {max(done.tiles.values(), default=1)} exact tiles instead")
    _write(request.out, done.sr, lr.alpha)
    result = UpscaleResult(
        out=request.out,
        method=label,
        lr_size=_size(lr.rgb),
        sr_size=_size(done.sr),
        refs_used=tuple(paths),
        ref_sizes=tuple(_size(ref.rgb) for ref in refs),
        seconds=done.seconds,
        device=device,
        notes=(*notes, *lr.notes, *(note for ref in refs for note in ref.notes if "alpha" not in note)),
    )
    if echo is not None:
        for line in result.lines():
            echo(line)
    return result


def choose_references(spec: MethodSpec, given: Sequence[Path]) -> tuple[tuple[Path, ...], list[str]]:
    """The references a method gets, in the given order, and what has to be said about the others."""
    if len(given) < spec.min_refs:
        wanted = "a reference image" if spec.min_refs == 1 else f"{spec.min_refs} reference images"
        raise UserError(f"{spec.name} needs {wanted}: add ref=a.png (several: ref=a.png,b.png)")
    if len(given) <= spec.max_refs:
        return tuple(given), []
    if spec.max_refs == 0:
        return (), [f"{spec.name} uses no reference: {_names(given)} ignored"]
    used, left = tuple(given[: spec.max_refs]), given[spec.max_refs :]
    most = "one reference" if spec.max_refs == 1 else f"{spec.max_refs} references"
    return used, [f"{spec.name} uses {most}: {_names(used)} taken, {_names(left)} ignored"]


def run_once(
    method: Method, request: UpscaleRequest, lr: OwnImage, refs: Sequence[OwnImage], device: str, scale: int
) -> Attempt:
    """Call the method on one image, in tiles where the memory runs out. Raises UserError when it fails."""
    images = Images(
        lr.rgb,
        tuple(ref.rgb for ref in refs),
        scale,
        request.lr.stem,
        tuple(ref.path.name for ref in refs),
    )
    settings = Settings(device, request.precision, request.memory_limit, request.spec.tiles)
    done = call(method, images, settings)
    if done.problem is None:
        return done
    if not done.problem.lost:
        raise UserError(f"{request.lr}: {request.spec.name}: {done.problem.text}")
    remedy = ["use smaller images"]
    if request.spec.tiles and done.fallback is None:
        remedy.insert(0, "give memory.limit= (exact tiles)")
    if device != "cpu":
        remedy.append("or device=cpu")
    tried = " also in tiles" if done.fallback else ""
    raise UserError(
        f"{request.lr}: out of memory{tried} with {request.spec.name} on {device} "
        f"({_wxh(_size(lr.rgb))} LR); {', '.join(remedy)}"
    )


def _check_out(request: UpscaleRequest) -> None:
    out = request.out
    if out.suffix.lower() != ".png":
        raise UserError(f"out={out}: the result is written as PNG; give a name that ends in .png")
    if out.is_dir():
        raise UserError(f"out={out}: is a folder; give a file name")
    for source in (request.lr, *request.refs):
        if out.exists() and source.exists() and out.samefile(source):
            raise UserError(f"out={out}: is one of the input images; give another name")
    if out.exists() and not request.overwrite:
        raise UserError(f"out={out}: exists already; give another name, or overwrite=true")


def _write(out: Path, sr: Image, alpha: npt.NDArray[np.uint8] | None) -> None:
    from PIL import Image as PILImage

    image = PILImage.fromarray(sr)
    if alpha is not None:
        enlarged = PILImage.fromarray(alpha).resize(image.size, PILImage.Resampling.BICUBIC)
        image.putalpha(enlarged)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(out) as stream:
            image.save(stream, format="PNG")
    except OSError as error:
        raise UserError(f"out={out}: cannot be written ({error.strerror or error})") from error


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(path.name for path in paths)


def _size(image: Image) -> tuple[int, int]:
    return image.shape[0], image.shape[1]


def _wxh(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"
