"""Training and validation photos must be different photos."""

from __future__ import annotations

from refbench.errors import UserError

from .photos import Photo


def check_apart(training: tuple[Photo, ...], validation: tuple[Photo, ...]) -> None:
    """UserError when a photo, by the hash of its file or of its pixels, is in both."""
    held = {digest: photo.name for photo in validation for digest in (photo.sha256, photo.pixels_sha256)}
    for photo in training:
        for digest in (photo.sha256, photo.pixels_sha256):
            if digest in held:
                raise UserError(
                    f"train.data: {photo.name!r} is also the validation photo {held[digest]!r}; remove one"
                )
