"""Plain data about plugins, importable without torch.

A plugin is found by its spec; its code is imported only when it is used. Built-in specs live next to
their implementation (``methods/<name>/spec.py`` as ``SPEC``); third parties announce theirs through
the entry point groups ``refbench.methods``, ``refbench.datasets``, ``refbench.metrics``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from refbench.errors import UserError

ParamValue = str | int | float | bool | None
ANY_SCALE: tuple[int, ...] = tuple(range(1, 65))
"""``scales`` of a method that enlarges by whatever whole factor it is asked for."""


@dataclass(frozen=True)
class WeightsFile:
    """One checkpoint file of a weights variant."""

    role: str
    """What it feeds: ``extractor``, ``restoration``, ``vgg19``, ``net``."""
    name: str
    """Official file name, looked up as ROOT/<method>/NAME, then ROOT/NAME."""
    sha256: str | None = None
    """Full digest where known; None: not verifiable, and the manifest says so."""
    sha256_prefix: str | None = None
    """torch-hub style prefix (the suffix in ``vgg19-dcbb9e9d.pth``), checked when given."""
    git_blob: str | None = None
    """Git's name of the content, for files that are committed to their authors' repository; used where no
    sha256 is known."""
    hub: bool = False
    """Also looked for in $TORCH_HOME/hub/checkpoints."""
    source: str = ""
    """Where a person can get it."""
    url: str = ""
    """https address of the file itself, for ``refbench prepare method=NAME``; needs a digest above."""
    licence: str = "unknown"

    @property
    def known_digest(self) -> tuple[Literal["sha256", "git blob"], str] | None:
        """What the content can be checked against, kind and leading hex digits; None: nothing is known."""
        sha256 = self.sha256 or self.sha256_prefix
        if sha256 is not None:
            return "sha256", sha256
        return None if self.git_blob is None else ("git blob", self.git_blob)


@dataclass(frozen=True)
class WeightsVariant:
    """A named set of weights: ``mse``, ``gan``, ``compact``."""

    name: str
    files: tuple[WeightsFile, ...]
    bundled: bool = False
    """True: the files are inside the package, in the method's own folder."""
    note: str = ""


@dataclass(frozen=True)
class CheckpointFacts:
    """What a checkpoint of no named variant turned out to be."""

    label: str
    """What tables show behind the method's name: architecture and scale."""
    scale: int
    licence: str = "unknown"
    """Of the architecture's code; that of the weights is their authors' to say."""


@dataclass(frozen=True)
class Param:
    """One ``method.<name>=`` option."""

    default: ParamValue
    help: str
    choices: tuple[ParamValue, ...] = ()


@dataclass(frozen=True)
class PublishedResult:
    """A number from a paper or issue, bound to the protocol it was measured under."""

    dataset: str
    metric: str
    value: float
    protocol: str
    variant: str = ""
    status: Literal["paper", "released-weights", "rerun", "unknown"] = "unknown"
    source: str = ""


@dataclass(frozen=True)
class MethodSpec:
    """A method plugin: what it is, what it needs, and where its class lives."""

    name: str
    target: str
    """``package.module:Class``; the class takes (weights, device, **params), see refbench.types.Method."""
    title: str = ""
    display: str = ""
    """As papers write it: ``C2-Matching``; empty: its name."""
    scale: int = 4
    """What it enlarges by: the one factor, or of several the one that is used where no protocol asks for
    another (``verify``, ``profile``, ``upscale``)."""
    scales: tuple[int, ...] = ()
    """Every factor that it can be asked for (:data:`ANY_SCALE`); empty: ``scale`` alone."""
    min_refs: int = 0
    max_refs: int = 1
    """Most references one call uses; 0: a single-image method. More are cut by the protocol's policy."""
    uses_reference: bool = True
    deterministic: bool = True
    params: Mapping[str, Param] = field(default_factory=dict)
    variants: tuple[WeightsVariant, ...] = ()
    """Empty: the method has no weights."""
    any_checkpoint: str = ""
    """``package.module:function`` for a method whose weights are any file that a person has:
    ``function(path)`` returns its :class:`CheckpointFacts`. Such a method has no variants."""
    trainable: str = ""
    """``package.module:function`` that builds the net for ``refbench train``, see
    :mod:`refbench.training.trainable`; empty: ``build`` in the module ``trainable`` of a hosted method."""
    paper: str = ""
    """The paper in one line: authors, title, venue, year."""
    bibtex: str = ""
    """Its BibTeX entry, or the key of one that refbench ships; empty: nothing to cite."""
    licence: str = ""
    reads_files: bool = False
    """Its class has the ``identity`` hook: files that it reads belong in the run key."""
    code: tuple[str, ...] = ()
    """Modules that run without being imported (a child's script): further starts of the code digest, see
    :mod:`refbench.identity.code_digest`. Most methods need none."""
    published: tuple[PublishedResult, ...] = ()
    tiles: bool = False
    """Keeps to ``memory.limit``: plans passes with refbench.tiling, or needs little besides its images."""

    @property
    def all_scales(self) -> tuple[int, ...]:
        """Every factor that it enlarges by."""
        return self.scales or (self.scale,)

    @property
    def scales_text(self) -> str:
        """``x4``, ``x2, x4``, ``any whole factor``."""
        if self.scales == ANY_SCALE:
            return "any whole factor"
        return ", ".join(f"x{scale}" for scale in self.all_scales)

    @property
    def takes_weights(self) -> bool:
        """Whether ``method.weights=`` means something to it."""
        return bool(self.variants) or bool(self.any_checkpoint)

    def variant(self, name: str) -> WeightsVariant | None:
        """The variant called ``name``, or None."""
        return next((v for v in self.variants if v.name == name), None)


def check_scale(spec: MethodSpec, weights_scale: int | None, weights: str, wanted: int, asker: str) -> None:
    """Raises UserError where a method, or its weights, cannot enlarge by ``wanted``, which ``asker`` is."""
    if weights_scale is not None and weights_scale != wanted:
        raise UserError(f"method {spec.name} ({weights}) is x{weights_scale}, {asker} is x{wanted}")
    if weights_scale is None and wanted not in spec.all_scales:
        raise UserError(f"method {spec.name} is {spec.scales_text}, {asker} is x{wanted}")


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset family: its official layout and where a person gets it."""

    name: str
    target: str
    """``package.module:open_dataset``, called with a :class:`DataRequest`."""
    title: str = ""
    display: str = ""
    """As papers write it: ``CUFED5``; empty: its name."""
    count: int | None = None
    """Samples in a complete copy; None when there is no fixed number."""
    layout: str = ""
    source: str = ""
    licence: str = "unknown"
    needs_root: bool = True
    paper: str = ""
    """The paper that introduced it, in one line."""
    bibtex: str = ""
    """Its BibTeX entry, or the key of one that refbench ships; empty: nothing to cite."""
    embedded: str = ""
    """Name of the bundled dataset that stands in when no data root is given (cufed5 -> sample)."""


@dataclass(frozen=True)
class DataRequest:
    """What the user said about data: ``data.root= data.partial= data.ids= ...``."""

    root: str | None = None
    partial: bool = False
    ids: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    """Further ``data.*`` keys of an adapter: ``input``, ``ref``, ``list``, ``lr_dir``."""


@dataclass(frozen=True)
class MetricSpec:
    """A metric: alias in commands, full signature in rows, and a pure function behind ``target``."""

    alias: str
    """Short name: ``psnr_y``."""
    signature: str
    """Identity in keys and joins: ``psnr|space=y601|range=255|round=u8|crop=4|v1``."""
    target: str
    """``package.module:factory``; factory(spec) returns f(sr, target) -> float on uint8 RGB images, or
    f(sr, target, mask) where the spec has a ``region``."""
    higher_is_better: bool = True
    unit: str = ""
    decimals: int = 4
    needs_target: bool = True
    kind: str = "image"
    """``image``: f(sr, target). ``matching``: scored from the method's matches where the truth is known.
    ``set``: one value for all images of a cell."""
    title: str = ""
    paper: str = ""
    """The paper that introduced it, in one line."""
    bibtex: str = ""
    """Its BibTeX entry, or the key of one that refbench ships; empty: nothing to cite."""
    licence: str = ""
    options: Mapping[str, ParamValue] = field(default_factory=dict)
    """What the factory reads: colour space, crop, backbone, region."""
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Options that a name may set (``psnr_y:crop=2``), with their choices; no choices: a whole number, or
    for ``region`` any name that a dataset has given to a part of its images."""
    bounds: tuple[float | None, float | None] = (None, None)
    """Least and greatest value that it can have, None where there is none: intervals stay inside."""

    @property
    def exact(self) -> bool:
        """Whether it measures SR before that is rounded to 8 bits; a kept image cannot give its value."""
        return "round=none" in self.signature.split("|")

    @property
    def region(self) -> str:
        """Name of the part of the image that is scored; empty: all of it."""
        field = next((f for f in self.signature.split("|") if f.startswith("region=")), "")
        return field.removeprefix("region=").partition("(")[0]
