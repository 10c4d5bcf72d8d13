"""Decoding of an image file to uint8 RGB, whatever its name and mode: one reader for every command.

Files are decoded by content: most WR-SR inputs are JPEG data in files called ``.png``. The mode rules:

=====================  =================================================================
grey (8-bit, 1-bit)    copied to the three channels
16-bit                 the high byte of each value (what Pillow itself does for RGB PNG)
WhiteIsZero (TIFF)     turned to what a viewer shows, at every depth
palette                looked up
alpha, transparency    laid on white; an opaque alpha channel changes nothing
EXIF orientation       applied, so that the array is what a viewer shows
colour profiles        ignored, as in the published RefSR evaluations
CMYK, LAB, HSV, 32-bit refused: no unambiguous 8-bit RGB value
several frames         refused (the preview inside a phone's MPO file is skipped)
=====================  =================================================================
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage
from PIL import ImageFile, UnidentifiedImageError

from refbench.errors import SampleError
from refbench.imaging.files import shown
from refbench.imaging.pixels import colours_and_alpha, on_white, sixteen_bit
from refbench.types import Image

MAX_PIXELS = 89_000_000
"""Refused above this (Pillow's own warning threshold): a header alone can claim 100k x 100k."""

MAX_BYTES = 1 << 30
"""Refused above this: a file of so few pixels that is larger holds something else."""

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF", "JPEG2000")
"""Still-image formats only (MPO opens as JPEG): Pillow would run Ghostscript on an EPS file of any name."""

_ORIENTATION = 0x0112
_ON_ITS_SIDE = (5, 6, 7, 8)
_GREY = {"L", "1", "LA", "La", "I"}

_TURNS = {
    2: PILImage.Transpose.FLIP_LEFT_RIGHT,
    3: PILImage.Transpose.ROTATE_180,
    4: PILImage.Transpose.FLIP_TOP_BOTTOM,
    5: PILImage.Transpose.TRANSPOSE,
    6: PILImage.Transpose.ROTATE_270,
    7: PILImage.Transpose.TRANSVERSE,
    8: PILImage.Transpose.ROTATE_90,
}
"""EXIF orientation -> what turns the pixels upright."""


@dataclass(frozen=True)
class Picture:
    """A decoded file, upright."""

    path: Path
    rgb: Image
    """uint8 (H, W, 3), laid on white where there is transparency: what every command works on."""
    alpha: npt.NDArray[np.uint8] | None
    """uint8 (H, W); None for a file that is opaque everywhere."""
    notes: tuple[str, ...]
    """One line per thing that a person may not expect: rotation, lost depth, grey made RGB, transparency."""


def read_picture(path: str | Path) -> Picture:
    """Decode one file. Raises SampleError, one line that names the file, when it is missing, empty,
    truncated, not an image, too large (:data:`MAX_PIXELS`) or in a mode that has no unambiguous 8-bit RGB
    value."""
    file = Path(path)
    with open_image(file) as image:
        try:
            # a TIFF is turned while it loads and forgets that it was; a PNG may have its EXIF data at its end
            turned = image.format == "TIFF" and image.getexif().get(_ORIENTATION, 1) in _TURNS
            deep, grey = sixteen_bit(image), image.mode in _GREY or image.mode.startswith("I;16")
            rgb, alpha = colours_and_alpha(image, file)
            turn = image.getexif().get(_ORIENTATION, 1)
        except SampleError:
            raise
        # decoders raise nearly anything on corrupt data: OSError, SyntaxError, struct.error, zlib.error ...
        except Exception as error:
            raise SampleError(
                f"{shown(file)}: cannot be decoded ({_brief(error)}); is the file complete?"
            ) from error
    if alpha is not None and bool((alpha == 255).all()):
        alpha = None
    notes = {
        "rotated as its EXIF orientation says": turned or turn in _TURNS,
        "16-bit values are reduced to 8 bits": deep,
        "grey image, treated as RGB": grey,
        "transparency is laid on white": alpha is not None,
    }
    return Picture(
        file,
        _upright(on_white(rgb, alpha), turn),
        None if alpha is None else _upright(alpha, turn),
        tuple(f"{file.name}: {note}" for note, said in notes.items() if said),
    )


def read_image(path: str | Path) -> Image:
    """The pixels of :func:`read_picture`: uint8 RGB of shape (H, W, 3)."""
    return read_picture(path).rgb


def _upright(array: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    if orientation not in _TURNS:
        return array
    return np.array(PILImage.fromarray(array).transpose(_TURNS[orientation]), dtype=np.uint8)


def image_size(path: str | Path) -> tuple[int, int]:
    """(H, W) from the header, before any EXIF rotation; raises SampleError like :func:`read_image`."""
    with open_image(Path(path)) as image:
        return image.height, image.width


def upright_size(path: str | Path) -> tuple[int, int]:
    """(H, W) of what :func:`read_image` gives, from the header and the EXIF data; SampleError likewise."""
    with open_image(Path(path)) as image:
        try:
            turned = image.getexif().get(_ORIENTATION, 1) in _ON_ITS_SIDE
        except (OSError, SyntaxError, ValueError) as error:
            # a PNG may carry its EXIF data behind the pixels, which Pillow decodes to get there
            raise SampleError(f"{path}: cannot be decoded ({error}); is the file complete?") from None
        return (image.width, image.height) if turned else (image.height, image.width)


def open_image(file: Path) -> ImageFile.ImageFile:
    """A checked, not yet decoded Pillow image for code that needs more than RGB pixels.

    Only still-image formats are tried, whatever the file's name. Raises SampleError like :func:`read_image`.
    """
    try:
        if not file.is_file():
            reason = "is not a file" if file.exists() else "does not exist"
            raise SampleError(f"{shown(file)}: {reason}")
        if file.stat().st_size == 0:
            raise SampleError(f"{shown(file)}: is empty (0 bytes)")
        if file.stat().st_size > MAX_BYTES:
            raise SampleError(f"{shown(file)}: is larger than {MAX_BYTES >> 30} GiB; save it as PNG or JPEG")
        with warnings.catch_warnings():
            # the size is checked right below, with a message that names the file
            warnings.simplefilter("ignore", PILImage.DecompressionBombWarning)
            image = PILImage.open(file, formats=_FORMATS)
    except PILImage.DecompressionBombError as error:
        raise SampleError(
            f"{shown(file)}: too large (over {MAX_PIXELS // 10**6} megapixels); scale it down"
        ) from error
    except UnidentifiedImageError as error:
        raise SampleError(f"{shown(file)}: is not an image in a known format") from error
    except SampleError:
        raise
    except Exception as error:
        raise SampleError(f"{shown(file)}: cannot be read ({_brief(error)})") from error
    problem = ""
    if image.width * image.height > MAX_PIXELS:
        limit = f"over {MAX_PIXELS // 10**6} megapixels"
        problem = f"{image.width}x{image.height} is too large ({limit}); scale it down"
    elif image.width < 1 or image.height < 1:
        problem = "has no pixels"
    elif _several_frames(image, file):
        problem = "has several frames; save the one you mean as a still image"
    if problem:
        image.close()
        raise SampleError(f"{shown(file)}: {problem}")
    return image


def _several_frames(image: PILImage.Image, file: Path) -> bool:
    if image.format == "MPO":
        return False
    if image.format not in ("GIF", "TIFF"):
        return bool(getattr(image, "n_frames", 1) > 1)
    # these count their frames by walking through the file, which may hold millions: the second is enough
    try:
        image.seek(1)
    except EOFError:
        return False
    except Exception as error:
        image.close()
        raise SampleError(f"{shown(file)}: cannot be read ({_brief(error)})") from error
    return True


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
