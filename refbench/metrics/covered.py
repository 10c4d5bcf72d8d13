"""What the references show of a target, whatever method uses them.

The target (HR) is matched against each reference, and the reference against the target, with the features of
one fixed encoder: the reference side of the compact C2-Matching, trained to find the same place under changes
of view and light. A place of the target counts as shown when its best match is similar enough and the match
of its match leads back to it. With several references a place is shown when one of them shows it.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from refbench.metrics.covered_identity import PATCH, RETURN, SIMILARITY
from refbench.types import Image

if TYPE_CHECKING:
    from torch import Tensor

Mask = npt.NDArray[np.bool_]
FACTOR = 4
"""Image pixels per feature: relu3_1 of a VGG trunk."""
KEPT = 64
"""Masks of so many trials are kept: every method of a run is scored on the same ones."""
_kept: OrderedDict[str, Mask] = OrderedDict()


def covered(target: Image, refs: Sequence[Image]) -> Mask:
    """bool (H, W): which pixels of ``target`` (H, W, 3) the references show. Takes no random numbers."""
    key = _key(target, refs)
    if key not in _kept:
        shown = np.zeros(target.shape[:2], bool)
        for reference in refs:
            shown |= shown_by(target, reference)
        _kept[key] = shown
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return _kept[key]


def shown_by(
    target: Image, reference: Image, *, similarity: float = SIMILARITY, back: float = RETURN
) -> Mask:
    """bool (H, W): which pixels of ``target`` one reference shows.

    similarity: least cosine similarity of a match, in [-1, 1]. back: greatest distance in pixels between a
    place and where the match of its match leads. An image without a single patch shows nothing.
    """
    if min(*target.shape[:2], *reference.shape[:2]) < PATCH * FACTOR:
        return np.zeros(target.shape[:2], bool)
    score, distance = correspondence(target, reference)
    cells = (score >= similarity) & (distance <= back)
    # one dot in a region is noise on either side: a 3 x 3 majority
    padded = np.pad(cells.astype(np.int64), 1, mode="edge")
    height, width = cells.shape
    votes = sum(padded[y : y + height, x : x + width] for y in range(3) for x in range(3))
    return _enlarged(np.asarray(votes) >= 5, target.shape[0], target.shape[1])


def correspondence(
    target: Image, reference: Image
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(cosine similarity, distance in pixels after going there and back), each (H // 4, W // 4)."""
    import torch

    from refbench.matching import match
    from refbench.matching.observing import observing

    with torch.inference_mode(), observing(lambda found: None):
        a, b = _features(target), _features(reference)
        there = match(a, b, patch=PATCH, padding=PATCH // 2)
        back = match(b, a, patch=PATCH, padding=PATCH // 2)
    index, home = there.index[0].numpy(), back.index[0].reshape(-1).numpy()
    rows, columns = index.shape
    returned = home[index]
    y, x = np.divmod(returned, columns)
    own_y, own_x = np.mgrid[:rows, :columns]
    distance = FACTOR * np.hypot(y - own_y, x - own_x)
    return there.similarity[0].numpy().astype(np.float64), distance


def _features(image: Image) -> Tensor:
    """(C, H // 4, W // 4) of the image's top-left multiple of 4 pixels."""
    from refbench.metrics.tensors import to_tensor
    from refbench.nets.vgg import IMAGENET_MEAN, IMAGENET_STD

    height, width = (side // FACTOR * FACTOR for side in image.shape[:2])
    pixels = to_tensor(image[:height, :width])
    mean, std = (pixels.new_tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    found: Tensor = load_encoder()((pixels - mean) / std)[0]
    return found


@lru_cache(maxsize=1)
def load_encoder() -> Any:
    """The encoder, read once, and what it takes to use it."""
    import torch

    import refbench.metrics.tensors  # noqa: F401
    from refbench.metrics.data_files import arrays
    from refbench.nets.vgg import vgg_trunk

    state = {name: torch.from_numpy(values).float() for name, values in arrays("encoder").items()}
    channels = (state["conv1_1.bias"].numel(), state["conv2_1.bias"].numel(), state["conv3_1.bias"].numel())
    with torch.random.fork_rng(devices=[]):
        net = vgg_trunk(channels)
    net.load_state_dict(state, strict=True)
    return net.eval().requires_grad_(False)


def _enlarged(cells: Mask, height: int, width: int) -> Mask:
    """A mask of cells as one of pixels; what is left over at the right and bottom goes with the last cell."""
    pixels = np.repeat(np.repeat(cells, FACTOR, axis=0), FACTOR, axis=1)
    return np.pad(pixels, ((0, height - pixels.shape[0]), (0, width - pixels.shape[1])), mode="edge")


def _key(target: Image, refs: Sequence[Image]) -> str:
    digest = hashlib.sha256()
    for image in (target, *refs):
        digest.update(repr(image.shape).encode())
        digest.update(image.tobytes())
    return digest.hexdigest()
