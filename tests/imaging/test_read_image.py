"""Decoding: by content, every mode handled or refused with one line that names the file."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage
from PIL import ImageOps

from refbench.errors import SampleError
from refbench.imaging import image_size, read_image, read_picture
from refbench.imaging.pixels import off_white, on_white

RGB = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)


def test_rgb_png_is_returned_exactly(tmp_path: Path) -> None:
    PILImage.fromarray(RGB).save(tmp_path / "a.png")
    out = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(out, RGB)
    assert out.dtype == np.uint8
    assert image_size(tmp_path / "a.png") == (7, 9)


def test_jpeg_data_in_a_png_name_is_decoded_by_content(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    PILImage.fromarray(RGB).save(path, format="JPEG")
    with PILImage.open(path) as reference:
        np.testing.assert_array_equal(read_image(path), np.asarray(reference.convert("RGB")))


def test_grey_is_copied_to_three_channels(tmp_path: Path) -> None:
    PILImage.fromarray(RGB[:, :, 0]).save(tmp_path / "g.png")
    np.testing.assert_array_equal(read_image(tmp_path / "g.png"), RGB[:, :, :1].repeat(3, axis=2))


def test_one_bit_becomes_black_and_white(tmp_path: Path) -> None:
    bits = RGB[:, :, 0] > 127
    PILImage.fromarray(bits).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_image(tmp_path / "b.png")[:, :, 1], bits * 255)


def test_palette_is_looked_up(tmp_path: Path) -> None:
    palette = PILImage.fromarray(RGB).quantize(8)
    palette.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_image(tmp_path / "p.png"), np.asarray(palette.convert("RGB")))


def test_sixteen_bit_grey_keeps_the_high_byte(tmp_path: Path) -> None:
    values = np.array([[0, 255, 256, 32768], [65535, 65279, 1000, 12345]], dtype=np.uint16)
    PILImage.fromarray(values).save(tmp_path / "h.png")
    np.testing.assert_array_equal(read_image(tmp_path / "h.png")[:, :, 2], values >> 8)


def test_sixteen_bit_rgb_keeps_the_high_byte(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(0, 65536, (3, 4, 3), dtype=np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    (tmp_path / "h.png").write_bytes(_png(4, 3, depth=16, colour=2, data=zlib.compress(rows)))
    np.testing.assert_array_equal(read_image(tmp_path / "h.png"), values >> 8)


def test_alpha_is_composited_on_white(tmp_path: Path) -> None:
    rgba = np.zeros((1, 3, 4), dtype=np.uint8)
    rgba[0, :, 3] = (0, 128, 255)
    PILImage.fromarray(rgba).save(tmp_path / "t.png")
    assert read_image(tmp_path / "t.png")[0, :, 0].tolist() == [255, 127, 0]


def test_opaque_alpha_changes_nothing(tmp_path: Path) -> None:
    rgba = np.dstack([RGB, np.full(RGB.shape[:2], 255, np.uint8)])
    PILImage.fromarray(rgba).save(tmp_path / "o.png")
    np.testing.assert_array_equal(read_image(tmp_path / "o.png"), RGB)


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    exif = PILImage.Exif()
    exif[0x0112] = 6  # "rotate 90 degrees clockwise to show"
    PILImage.fromarray(RGB).save(tmp_path / "r.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "r.png"), np.rot90(RGB, -1))


def test_a_phones_mpo_file_is_read_without_its_second_picture(tmp_path: Path) -> None:
    main = PILImage.fromarray(np.full((16, 16, 3), 90, np.uint8))
    preview = PILImage.new("RGB", (16, 16), "white")
    main.save(tmp_path / "m.jpg", format="MPO", save_all=True, append_images=[preview])
    np.testing.assert_array_equal(read_image(tmp_path / "m.jpg"), np.full((16, 16, 3), 90))


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_white_is_zero_16bit(tmp_path: Path, bits: int, inverted: bool) -> None:
    """What a viewer shows, at every depth and under both photometric interpretations."""
    shown = RGB[:, :, 0]
    values = shown.astype(np.uint16) * (257 if bits == 16 else 1)
    if inverted:
        values = (2**bits - 1) - values
    path = tmp_path / "w.tif"
    PILImage.fromarray(values if bits == 16 else values.astype(np.uint8)).save(path)
    data = bytearray(path.read_bytes())
    at = data.index(struct.pack("<HHI", 262, 3, 1)) + 8
    data[at : at + 2] = struct.pack("<H", 0 if inverted else 1)
    path.write_bytes(data)
    np.testing.assert_array_equal(read_image(path), shown[:, :, None].repeat(3, axis=2))


def test_twelve_bit_tiff_is_not_darkened(tmp_path: Path) -> None:
    """Pillow gives 12-bit values as they are, 0..4095: their high byte would be nearly black."""
    two = bytes([0xFF, 0xF8, 0x00])  # 4095, 2048
    tags = [(256, 3, 2), (257, 3, 1), (258, 3, 12), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1)]
    tags += [(278, 3, 1), (279, 4, 3)]
    entries = b"".join(struct.pack("<HHIHH", t, k, 1, v, 0) for t, k, v in tags)
    body = b"II*\0" + struct.pack("<I", 12) + two + b"\0" + struct.pack("<H", len(tags)) + entries + b"\0" * 4
    (tmp_path / "t.tif").write_bytes(body)
    assert read_image(tmp_path / "t.tif")[0, :, 0].tolist() == [255, 128]


@pytest.mark.parametrize("interlaced", [False, True])
def test_png16_trns(tmp_path: Path, interlaced: bool) -> None:
    """The transparent colour of a 16-bit PNG is compared at 16 bits: near misses stay opaque."""
    values = np.full((2, 3, 3), 30000, dtype=np.uint16)
    values[0, 1] = (25700, 257, 1)
    values[1, 2] = (25700, 257, 2)
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    parts = [values[y::dy, x::dx] for x, y, dx, dy in passes]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for part in parts if part.size for row in part)
    key = struct.pack(">HHH", 25700, 257, 1)
    path = tmp_path / "t.png"
    image = _png(3, 2, depth=16, colour=2, data=zlib.compress(rows), trns=key, interlace=int(interlaced))
    path.write_bytes(image)
    picture = read_picture(path)
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[255, 0, 255], [255, 255, 255]]
    assert picture.rgb[0, 1].tolist() == [255, 255, 255]
    assert picture.rgb[1, 2].tolist() == [100, 1, 0]
    grey = np.array([[25700, 25701, 5]], dtype=">u2")
    path.write_bytes(
        _png(
            3,
            1,
            depth=16,
            colour=0,
            data=zlib.compress(b"\0" + grey.tobytes()),
            trns=struct.pack(">H", 25700),
        )
    )
    assert read_image(path)[0, :, 0].tolist() == [255, 100, 0]


@pytest.mark.parametrize(("depth", "row", "shown"), [(1, 0b01000000, [255, 255]), (2, 0b01100000, [255, 170]),
                                                     (4, 0x12, [255, 34])])  # fmt: skip
def test_transparent_grey_of_few_bits(tmp_path: Path, depth: int, row: int, shown: list[int]) -> None:
    """tRNS counts in the file's own values: 0 of 1 bit, 1 of 2 and 4 bits is transparent here."""
    key = struct.pack(">H", 0 if depth == 1 else 1)
    data = zlib.compress(bytes([0, row]))
    (tmp_path / "t.png").write_bytes(_png(2, 1, depth=depth, colour=0, data=data, trns=key))
    assert read_image(tmp_path / "t.png")[0, :, 0].tolist() == shown


def test_sixteen_bit_files_say_that_depth_is_lost(tmp_path: Path) -> None:
    values = np.full((2, 3, 3), 0x80FF, dtype=np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    (tmp_path / "rgb.png").write_bytes(_png(3, 2, depth=16, colour=2, data=zlib.compress(rows)))
    PILImage.fromarray(values[:, :, 0]).save(tmp_path / "grey.png")
    PILImage.fromarray(values[:, :, 0]).save(tmp_path / "grey.tif")
    (tmp_path / "rgb.ppm").write_bytes(b"P6 3 2 65535\n" + values.astype(">u2").tobytes())
    (tmp_path / "grey.pgm").write_bytes(b"P5 3 2 65535\n" + values[:, :, 0].astype(">u2").tobytes())
    PILImage.fromarray(values[:, :, 0]).save(tmp_path / "grey.jp2")
    for name in ("rgb.png", "grey.png", "grey.tif", "rgb.ppm", "grey.pgm", "grey.jp2"):
        picture = read_picture(tmp_path / name)
        assert f"{name}: 16-bit values are reduced to 8 bits" in picture.notes
        assert (picture.rgb == 0x80).all(), name
    PILImage.fromarray(RGB).save(tmp_path / "plain.png")
    assert read_picture(tmp_path / "plain.png").notes == ()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_as_pillow_does(tmp_path: Path, orientation: int) -> None:
    exif = PILImage.Exif()
    exif[0x0112] = orientation
    for name in ("o.png", "o.tif"):
        PILImage.fromarray(RGB).save(tmp_path / name, exif=exif)
        upright = ImageOps.exif_transpose(PILImage.open(tmp_path / name))
        picture = read_picture(tmp_path / name)
        np.testing.assert_array_equal(picture.rgb, np.asarray(upright))
        assert (f"{name}: rotated as its EXIF orientation says" in picture.notes) == (orientation > 1)


def test_colours_off_white_give_the_same_on_white() -> None:
    rng = np.random.default_rng(4)
    rgb, alpha = rng.integers(0, 256, (2, 9, 8, 3), dtype=np.uint8)
    seen = on_white(rgb, alpha[:, :, 0])
    again = on_white(off_white(seen, alpha[:, :, 0]), alpha[:, :, 0])
    assert abs(again.astype(int) - seen).max() <= 1


def _cmyk(path: Path) -> None:
    PILImage.new("CMYK", (4, 4)).save(path, format="JPEG")


def _float_tiff(path: Path) -> None:
    PILImage.fromarray(np.zeros((4, 4), np.float32)).save(path, format="TIFF")


def _two_frames(path: Path) -> None:
    PILImage.new("L", (4, 4)).save(
        path, format="GIF", save_all=True, append_images=[PILImage.new("L", (4, 4), 255)]
    )


def _truncated(path: Path) -> None:
    big = np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    PILImage.fromarray(big).save(path, format="PNG")
    path.write_bytes(path.read_bytes()[:4000])


def _truncated_jpeg(path: Path) -> None:
    big = np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    PILImage.fromarray(big).save(path, format="JPEG")
    path.write_bytes(path.read_bytes()[:2000])


def _huge_header(path: Path) -> None:
    path.write_bytes(_png(100_000, 100_000, depth=8, colour=2, data=zlib.compress(b"\0" * 100)))


def _over_the_limit(path: Path) -> None:
    path.write_bytes(_png(10_000, 9_000, depth=8, colour=2, data=zlib.compress(b"\0" * 100)))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "TIFF", "PPM", "GIF"])
def test_lossless_formats_are_read_whatever_their_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "picture.jpg"
    grey = RGB[:, :, :1].repeat(3, axis=2)
    options = {"lossless": True} if kind == "WEBP" else {}
    PILImage.fromarray(grey).save(path, format=kind, **options)
    np.testing.assert_array_equal(read_image(path), grey)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_cmyk, "mode CMYK has no unambiguous 8-bit RGB value; convert it to RGB first"),
        (_float_tiff, "mode F has no unambiguous"),
        (_two_frames, "has several frames"),
        (_truncated, "cannot be decoded"),
        (_truncated_jpeg, "cannot be decoded"),
        (_huge_header, "too large (over 89 megapixels); scale it down"),
        (_over_the_limit, "10000x9000 is too large (over 89 megapixels)"),
        (lambda path: path.write_bytes(b""), "is empty (0 bytes)"),
        (lambda path: path.write_bytes(b"no image at all"), "is not an image in a known format"),
        (
            lambda path: PILImage.new("RGB", (4, 4)).save(path, format="EPS"),
            "is not an image in a known format",
        ),
        (lambda path: path.mkdir(), "is not a file"),
        (lambda path: None, "does not exist"),
    ],
)
def test_bad_files_are_one_line_naming_the_file(tmp_path: Path, make, says: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "bad image (1).png"
    make(path)
    with pytest.raises(SampleError) as caught:
        read_image(path)
    message = str(caught.value)
    assert says in message
    assert message.startswith(f"{path}: ")
    assert "\n" not in message


_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def _png(
    width: int, height: int, *, depth: int, colour: int, data: bytes, trns: bytes = b"", interlace: int = 0
) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    key = chunk(b"tRNS", trns) if trns else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + key + chunk(b"IDAT", data) + chunk(b"IEND", b"")
