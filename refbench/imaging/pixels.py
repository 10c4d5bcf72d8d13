"""From a decoded file to 8-bit colours and transparency: the one rule for every mode and format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage
from PIL import ImageFile

from refbench.errors import SampleError

Bytes = npt.NDArray[np.uint8]
WHITE_IS_ZERO = 0
_PHOTOMETRIC, _BITS = 262, 258
_PLAIN = {"RGB", "L", "1", "YCbCr", "P"}
_ALPHA = {"RGBA", "LA", "PA", "RGBa", "La"}


def sixteen_bit(image: ImageFile.ImageFile) -> bool:
    """Whether the file holds more than 8 bits per value, of which Pillow may show 8. Before ``load``."""
    if image.mode.startswith("I;16"):
        return True
    if image.format == "TIFF":
        bits = getattr(image, "tag_v2", {}).get(_BITS, (8,))
        return bool(max(bits if isinstance(bits, tuple) else (bits,)) > 8)
    if image.format == "PNG":
        return any("16" in str(tile[3]) for tile in image.tile)
    if image.format == "PPM":
        return image.mode == "I" or any(_maxval(tile[3]) > 255 for tile in image.tile)
    return image.format == "JPEG2000" and _jpeg2000_bits(image) > 8


def colours_and_alpha(image: ImageFile.ImageFile, file: Path) -> tuple[Bytes, Bytes | None]:
    """uint8 (H, W, 3), under any transparency, and uint8 (H, W), None for a file that has none.

    Decodes ``image``, which must not be loaded yet. Raises SampleError for a mode without an unambiguous
    8-bit RGB value, and whatever Pillow raises for damaged data.
    """
    low = _low_bytes(image)
    if image.format == "PPM" and image.mode == "RGB":
        _keep_high_bytes(image)
    depth = str(image.tile[0][3]) if image.format == "PNG" and image.tile else ""
    image.load()
    mode = image.mode
    if mode.startswith("I;16") or (mode == "I" and image.format == "PPM"):
        return _from_sixteen(image)
    if mode in _ALPHA or (mode == "P" and "transparency" in image.info):
        straight = image.convert("LA") if mode == "La" else image
        rgba = np.array(straight.convert("RGBA"), dtype=np.uint8)
        return np.ascontiguousarray(rgba[:, :, :3]), np.ascontiguousarray(rgba[:, :, 3])
    if mode in _PLAIN:
        key = image.info.pop("transparency", None)
        rgb = np.array(image.convert("RGB"), dtype=np.uint8)
        return rgb, None if key is None else _keyed(rgb, low, key, depth)
    raise SampleError(f"{file}: mode {mode} has no unambiguous 8-bit RGB value; convert it to RGB first")


def on_white(rgb: Bytes, alpha: Bytes | None) -> Bytes:
    """Colours laid on white, as Pillow's ``alpha_composite`` does."""
    if alpha is None or bool((alpha == 255).all()):
        return rgb
    rgba = PILImage.fromarray(np.dstack([rgb, alpha]))
    white = PILImage.new("RGBA", rgba.size, (255, 255, 255, 255))
    return np.array(PILImage.alpha_composite(white, rgba).convert("RGB"), dtype=np.uint8)


def off_white(seen: Bytes, alpha: Bytes) -> Bytes:
    """The colours that, laid on white under ``alpha``, give ``seen``: the inverse of :func:`on_white`.

    Colours that nothing can be seen of are those of their surroundings in ``seen``.
    """
    share = alpha[:, :, None].astype(np.float64) / 255
    under = 255 - (255 - seen.astype(np.float64)) / np.maximum(share, 1 / 255)
    return np.where(share > 0, np.clip(np.rint(under), 0, 255), seen).astype(np.uint8)


def _from_sixteen(image: PILImage.Image) -> tuple[Bytes, Bytes | None]:
    values = np.asarray(image).astype(np.uint16)
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(_BITS, (16,)) if image.format == "TIFF" else (16,)
    # Pillow leaves 12-bit values as they are
    if (used := int(bits[0] if isinstance(bits, tuple) else bits)) < 16:
        values = values << np.uint16(16 - used)
    # Pillow inverts WhiteIsZero up to 8 bits only
    if image.format == "TIFF" and tags.get(_PHOTOMETRIC) == WHITE_IS_ZERO:
        values = np.uint16(65535) - values
    key = image.info.get("transparency")
    alpha = None if key is None else np.where(values == key, 0, 255).astype(np.uint8)
    return np.repeat((values >> 8).astype(np.uint8)[:, :, None], 3, axis=2), alpha


def _keyed(rgb: Bytes, low: Bytes | None, key: int | tuple[int, ...] | bytes, depth: str) -> Bytes:
    """Alpha of a PNG's single transparent colour (tRNS), compared at the file's own depth."""
    wanted = np.asarray(key if isinstance(key, tuple) else (key,) * 3)
    if low is not None:
        same = (rgb.astype(np.int64) << 8 | low) == wanted
    else:
        # grey of 1, 2 or 4 bits is stretched to 0..255 when it is decoded, its key is not
        bits = 1 if depth == "1" else int(depth[2:]) if depth in ("L;2", "L;4") else 8
        same = rgb == wanted * 255 // (2**bits - 1)
    return np.where(same.all(axis=2), 0, 255).astype(np.uint8)


def _low_bytes(image: ImageFile.ImageFile) -> Bytes | None:
    """The low bytes of a 16-bit RGB PNG with a transparent colour: Pillow keeps the high ones only."""
    if image.format != "PNG" or "transparency" not in image.info or image.tile[0][3] != "RGB;16B":
        return None
    with PILImage.open(image.filename, formats=("PNG",)) as again:
        # little-endian order makes the second byte of each pair the one that is kept
        again.tile = [tile._replace(args="RGB;16L") for tile in again.tile]
        again.load()
        return np.array(again, dtype=np.uint8)


def _keep_high_bytes(image: ImageFile.ImageFile) -> None:
    """16-bit RGB in a PPM gives the high bytes, as in a PNG; Pillow would round it."""
    tile = image.tile[0]
    if tile[0] == "ppm" and _maxval(tile[3]) == 65535:
        image.tile = [tile._replace(codec_name="raw", args="RGB;16B")]


def _maxval(arguments: object) -> int:
    return int(arguments[1]) if isinstance(arguments, tuple) and len(arguments) == 2 else 255


def _jpeg2000_bits(image: ImageFile.ImageFile) -> int:
    """Bits per value from the codestream's SIZ segment."""
    with open(image.filename, "rb") as stream:
        head = stream.read(1 << 16)
    start = head.find(b"\xff\x4f\xff\x51")
    # marker, length, capabilities, eight sizes, number of components
    at = start + 4 + 2 + 2 + 32 + 2
    return (head[at] & 0x7F) + 1 if start >= 0 and at < len(head) else 8
