"""``refbench upscale``: one image of one's own, with one's own references."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from refbench.errors import SampleError, UserError
from refbench.execution.device import resolve_device
from refbench.execution.precision import precision_scope
from refbench.imaging.own_image import OwnImage, read_own_image
from refbench.loader import load_method, resolve_weights
from refbench.specs import MethodSpec, ParamValue
from refbench.tensors import to_image, to_tensor
from refbench.tiling.budget import bounded
from refbench.types import Image, Input, Method

if TYPE_CHECKING:
    import torch


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
    start = time.perf_counter()
    sr = run_once(method, request, lr, refs, device)
    seconds = time.perf_counter() - start
    _write(request.out, sr, lr.alpha)
    result = UpscaleResult(
        out=request.out,
        method=label,
        lr_size=_size(lr.rgb),
        sr_size=_size(sr),
        refs_used=tuple(paths),
        ref_sizes=tuple(_size(ref.rgb) for ref in refs),
        seconds=seconds,
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
    method: Method, request: UpscaleRequest, lr: OwnImage, refs: Sequence[OwnImage], device: str
) -> Image:
    """Call the method on one image. Raises UserError when it fails or returns another size."""
    import torch

    where = torch.device(device)
    inp = Input(
        lr=to_tensor(lr.rgb).to(where),
        refs=tuple(to_tensor(ref.rgb).to(where) for ref in refs),
        scale=request.spec.scale,
        sample_id=request.lr.stem,
        ref_names=tuple(ref.path.name for ref in refs),
    )
    try:
        with torch.inference_mode(), precision_scope(request.precision), bounded(request.memory_limit):
            sr = method(inp)
        _check_output(sr, lr.rgb, request.spec)
        return to_image(sr)
    except SampleError as error:
        raise UserError(f"{request.lr}: {error}") from error
    except (torch.OutOfMemoryError, MemoryError) as error:
        sizes = f"{_wxh(_size(lr.rgb))} LR"
        raise UserError(
            f"{request.lr}: out of memory with {request.spec.name} on {device} ({sizes}); "
            "give memory.limit= (exact tiles), use smaller images, or device=cpu"
        ) from error


def _check_output(sr: torch.Tensor, lr: Image, spec: MethodSpec) -> None:
    import torch

    expected = (3, lr.shape[0] * spec.scale, lr.shape[1] * spec.scale)
    if tuple(sr.shape) != expected:
        raise SampleError(f"{spec.name} returned shape {tuple(sr.shape)}, expected {expected}")
    if not bool(torch.isfinite(sr).all()):
        raise SampleError(f"{spec.name} returned values that are not finite")


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
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        image.save(temporary, format="PNG")
        os.replace(temporary, out)
    except OSError as error:
        if temporary.parent.is_dir():
            temporary.unlink(missing_ok=True)
        raise UserError(f"out={out}: cannot be written ({error.strerror or error})") from error


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(path.name for path in paths)


def _size(image: Image) -> tuple[int, int]:
    return image.shape[0], image.shape[1]


def _wxh(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"
