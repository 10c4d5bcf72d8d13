"""The values that travel through a run: Sample -> Trial -> Input -> SR.

Images on disk and in datasets are uint8 RGB arrays of shape (H, W, 3). Networks see float32 RGB
tensors of shape (3, H, W) in [0, 1]. The HR image is in Sample and Trial only: a method receives an
:class:`Input`, which has no field for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

Image: TypeAlias = npt.NDArray[np.uint8]
"""uint8 RGB, shape (H, W, 3), values 0..255."""


def blank(height: int, width: int) -> Image:
    """A black image that takes no memory and cannot be written to: one that has a size and nothing else."""
    return np.broadcast_to(np.uint8(0), (height, width, 3))


@dataclass(frozen=True)
class Sample:
    """One HR image with its reference images, as a dataset holds them."""

    id: str
    hr: Image | None
    """The ground truth; None when a dataset has none (then only no-reference metrics apply)."""
    refs: tuple[Image, ...]
    """References, most similar first when the dataset grades them (CUFED5 L1..L5)."""
    ref_names: tuple[str, ...] = ()
    """File names of the references, same order; the official codes name SR files after them."""
    lr: Image | None = None
    """A given LR image; None means that the protocol makes it from ``hr``."""
    places: npt.NDArray[np.float64] | None = None
    """(H, W, 2): the true (x, y) of each HR pixel in the first reference, NaN where it is not known or not
    visible there; None for the many datasets that do not know."""
    regions: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    """Parts of HR that are scored on their own, by name (``center``, ``corner``, ``fov_in``, ``fov_out``):
    masks (H, W), True inside; empty for the many datasets that bring none."""
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """What a protocol makes of one sample and draw: everything a method may see, and the target."""

    sample_id: str
    draw: int
    lr: Image
    refs: tuple[Image, ...]
    target: Image | None
    """HR after the protocol's crop; SR is compared with this. None without ground truth."""
    ref_names: tuple[str, ...] = ()
    sr_cut: tuple[int, int, int, int] | None = None
    """(top, left, height, width) of the scored part of SR, where a protocol padded HR; None: all of it."""
    sr_fit: tuple[int, int] | None = None
    """(H, W) that SR is resized to before it is scored, where the protocol says so; None: it is not."""
    colour_fix: str = "none"
    """What the protocol does to the colours of SR, see :mod:`refbench.protocols.sr_colour`."""
    truth: npt.NDArray[np.float64] | None = None
    """True correspondence, where it is known: a 3 x 3 map from HR points (x, y) to points of the one
    reference, or (H, W, 2), the place of every target pixel there (NaN: not known or not visible)."""
    regions: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    """The sample's regions, cut like the target: masks of the target's (H, W)."""
    notes: Mapping[str, str | float] = field(default_factory=dict)
    """Facts about this draw that go into the row, e.g. the jitter factors."""


@dataclass(frozen=True)
class Input:
    """All that a method gets. There is no HR here, by type.

    lr: float32 RGB in [0, 1], shape (3, H, W). refs: the same, each (3, h_i, w_i), any size.
    """

    lr: Tensor
    refs: tuple[Tensor, ...]
    scale: int = 4
    sample_id: str = ""
    ref_names: tuple[str, ...] = ()
    sr_cut: tuple[int, int, int, int] | None = None
    """(top, left, height, width) of the part of SR that will be scored, where that is not all of it."""
    sr_fit: tuple[int, int] | None = None
    """(H, W) that SR is resized to before it is scored: SR up to 16 pixels off may be returned, too."""


@dataclass(frozen=True)
class TrialMeta:
    """What is known of a trial before any image is computed; see :class:`Preflight`."""

    sample_id: str
    ref_names: tuple[str, ...] = ()
    expected_size: tuple[int, int] | None = None
    """(H, W) of the SR image that will be scored; None when it is not known yet."""


@runtime_checkable
class Corresponding(Protocol):
    """Optional on a dataset: its samples have ``places``, so that the methods' matches can be scored."""

    @property
    def truth_source(self) -> str:
        """How the true correspondence was measured, e.g. ``disparity``."""
        ...


@runtime_checkable
class Sized(Protocol):
    """Optional on a dataset: image sizes without decoding, so that ``shard=i/n`` can balance the work."""

    def pixels(self, sample_id: str) -> int:
        """Pixels of the HR image of a sample; 0 when they cannot be told. Never raises."""
        ...


@runtime_checkable
class Outlined(Protocol):
    """Optional on a dataset: what a sample looks like without decoding it, so that a run can be checked
    beforehand (methods with a ``preflight``). Samples of a dataset without it are loaded for that."""

    def outline(self, sample_id: str) -> Sample:
        """The sample with a :func:`blank` in place of each image. Raises SampleError as ``load`` does for
        what the headers show."""
        ...


@runtime_checkable
class Titled(Protocol):
    """Optional on a dataset whose copy may be a part of the set: its label ``wrsr [6 of 80]`` taken apart."""

    @property
    def title(self) -> str:
        """The label without how much of the set there is: ``wrsr``."""
        ...

    @property
    def total(self) -> int | None:
        """Samples of the whole set; None where the copy is whole, or nobody knows."""
        ...


@runtime_checkable
class Counted(Protocol):
    """Optional on a dataset: how much of it was asked for, and notes on its files."""

    @property
    def count(self) -> int:
        """Samples of the copy, of which ``ids`` may be a part."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines for the user, e.g. about files that were left out."""
        ...


@runtime_checkable
class Preflight(Protocol):
    """Optional on a method: problems that can be found before inference (folder, command)."""

    def preflight(self, trials: Sequence[TrialMeta]) -> list[str]:
        """One line for each trial that cannot work; empty when all is well. Reads no pixels of HR."""
        ...


@runtime_checkable
class Identity(Protocol):
    """Optional on a method *class*: input files, other than weights, that belong in the run key."""

    @staticmethod
    def identity(params: Mapping[str, object], ids: Sequence[str]) -> str:
        """sha256 hex of the files that ``params`` point at, as far as the samples ``ids`` use them."""
        ...


@runtime_checkable
class Method(Protocol):
    """A loaded method: weights on a device, one call per trial, no other state that matters."""

    def __call__(self, inp: Input) -> Tensor:
        """Return SR, float32 RGB, shape (3, scale*H, scale*W); values outside [0, 1] are clamped later."""
        ...


class Dataset(Protocol):
    """A dataset opened at its root: cheap to open, images are read per sample."""

    @property
    def name(self) -> str:
        """Plain id, e.g. ``cufed5``."""
        ...

    @property
    def label(self) -> str:
        """What tables show: ``cufed5-sample``, ``wrsr [6 of 80]``."""
        ...

    @property
    def fingerprint(self) -> str:
        """sha256 hex over file names and contents; part of run and compare keys."""
        ...

    def ids(self) -> tuple[str, ...]:
        """Sample ids in a fixed order."""
        ...

    def load(self, sample_id: str) -> Sample:
        """Read one sample. Raises SampleError when its files are missing or undecodable."""
        ...
