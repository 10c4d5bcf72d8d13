"""The row: everything that is known about one trial, one line of JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import Any, Literal, TypeAlias

from refbench.store.migrations import ROW_SCHEMA, migrate
from refbench.untrusted.redact import without_credentials
from refbench.untrusted.schema import Count, SchemaError, Size, checked, parse_object, read

TrialKey: TypeAlias = tuple[str, int]
"""(sample id, draw): the identity of a row inside its cell."""

Note: TypeAlias = str | float | int | bool | None


_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One trial of one cell. ``inf`` and ``nan`` never are numbers here: see ``special``."""

    sample_id: str
    """Id of the sample, as its dataset names it."""
    draw: Count = 0
    """Which random draw of the protocol this is; 0 for protocols without randomness."""
    status: Literal["ok", "error"] = "ok"
    """``ok`` rows satisfy a resume; ``error`` rows are retried by the next run."""
    error: str = ""
    """What went wrong, one line; empty for ``ok``."""
    error_kind: str = ""
    """Class of the error for counting: ``decode``, ``method``, ``timeout``, ``memory``."""
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    """Value per metric signature, finite or None; None is explained in ``special`` or ``absent``."""
    special: Mapping[str, str] = field(default_factory=dict)
    """Signature -> ``inf``, ``-inf`` or ``nan``: computed, but no number (PSNR of equal images is inf)."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Metric alias -> why it was not computed (no ground truth, backbone not available)."""
    ref_names: tuple[str, ...] = ()
    """File names of the references that the method was given, in order."""
    notes: Mapping[str, Note] = field(default_factory=dict)
    """Facts about this draw from the protocol, e.g. the jitter factors."""
    hr_size: Size | None = None
    """(height, width) of the target in pixels; None without ground truth."""
    lr_size: Size | None = None
    """(height, width) of the LR image in pixels."""
    ref_sizes: tuple[Size, ...] = ()
    """(height, width) of each reference in pixels, in the order of ``ref_names``."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Wall seconds: ``total``, ``decode``, ``degrade``, ``method``, ``score``."""
    stages: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    """Stage name -> ``seconds``, ``cpu_seconds``, ``peak_mb``; None where it was not measured."""
    peak_mb: float | None = None
    """Highest memory of the method call in MiB (device memory on CUDA, else resident set)."""
    device: str = ""
    """Where the method ran: ``cpu``, ``cuda:0``."""
    image: str | None = None
    """The kept SR image, relative to the cell folder; None when images are not kept."""
    work: Mapping[str, float] = field(default_factory=dict)
    """``parameters`` of the method and ``flops`` of its call, in the row of each cell's first trial, where
    they can be known."""
    attempts: Count = 1
    """How often this trial was tried in the run that wrote the row."""
    fallback: str | None = None
    """A way out that was taken, e.g. ``tiled`` after the device ran out of memory."""
    tiles: Mapping[str, float] = field(default_factory=dict)
    """Under ``memory.limit`` (or after a fallback): windows of each pass of the method, 1 where the whole
    image went at once. Empty: no limit, or a method that does not keep to one."""
    approx: str | None = None
    """Name of the approximate matching that the method used; None: every matching was exact."""
    recall: float | None = None
    """Measured recall of that matching: share of positions whose exact best was found."""
    sr_sha256: str | None = None
    """Digest of the SR pixels that were scored (refbench.identity.pixels); the kept image decodes to them.
    None: no evidence, the row was written by an earlier refbench or has no SR."""
    hr_sha256: str | None = None
    """Digest of the pixels of the target that SR was compared with."""
    lr_sha256: str | None = None
    """Digest of the pixels of the LR image that the method got."""
    ref_sha256: tuple[str, ...] = ()
    """Digests of the references that the method got, in the order of ``ref_names``."""
    isolation: str = ""
    """``process``: the method ran in a process of its own; ``in-process``: in that of the harness (bundled
    methods, a live Python callable). Empty: not known, or the method was not called."""
    refs_read: tuple[Count, ...] | None = None
    """Places in ``ref_names`` (from 0) of the references that the method read; others changed nothing. None:
    not known, or the method declares that it uses none."""
    repeated: Mapping[str, float | None] = field(default_factory=dict)
    """Of a run with ``repeat=2``: per metric signature how far apart the scores of two calls on the same
    input were, None where one of them was infinite. Empty: the method was called once."""
    equal_to: Mapping[str, str] = field(default_factory=dict)
    """``run_key`` and ``protocol`` of the cell whose row this repeats, because the method read exactly the
    same pixels there: it was not called again. Empty: the trial was computed."""
    schema: Count = ROW_SCHEMA
    """Version of this layout; older rows are migrated when they are read."""

    def __post_init__(self) -> None:
        metrics, special = finite_metrics(self.metrics, self.special)
        object.__setattr__(self, "metrics", metrics)
        object.__setattr__(self, "special", special)
        if self.error:
            # an exception's text may quote the address or the command that failed
            said = without_credentials(self.error)
            # and name a file whose name is not text: half a character cannot be written
            object.__setattr__(self, "error", said.encode("utf-8", "backslashreplace").decode("utf-8"))
        object.__setattr__(self, "notes", {k: _finite_note(v) for k, v in self.notes.items()})
        # a report holds 100,000 rows: what most of them have in common stands in memory once
        for name in _MAPPINGS:
            if not getattr(self, name):
                object.__setattr__(self, name, _NOTHING)
        for name in ("hr_sha256", "lr_sha256"):
            digest = getattr(self, name)
            object.__setattr__(self, name, None if digest is None else intern(digest))
        object.__setattr__(self, "ref_sha256", tuple(map(intern, self.ref_sha256)))
        object.__setattr__(self, "ref_names", tuple(map(intern, self.ref_names)))

    @property
    def key(self) -> TrialKey:
        """(sample id, draw)."""
        return (self.sample_id, self.draw)

    @property
    def ok(self) -> bool:
        """True when the trial was computed and scored."""
        return self.status == "ok"

    def with_image(self, image: str) -> SampleRow:
        """The same row, naming its kept image (relative to the cell folder)."""
        return dataclasses.replace(self, image=image)

    def to_json(self) -> str:
        """One line of ASCII JSON without a line end. Raises SchemaError for values no row can hold."""
        checked(SampleRow, self)
        data = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        line = json.dumps(data, separators=(",", ":"), allow_nan=False, default=dict)
        if "\\ud" in line:
            # perhaps half of a character, which no reader of UTF-8 takes back
            read(SampleRow, line)
        return line

    @staticmethod
    def from_json(line: str | bytes) -> SampleRow:
        """Read one line, migrating older schemas; unknown fields are ignored. Raises SchemaError with the
        reason."""
        try:
            row = read(SampleRow, line)
        except SchemaError:
            data = parse_object(line)
            if data.get("schema", ROW_SCHEMA) == ROW_SCHEMA:
                raise
            # of another schema: that is what there is to say, or to migrate
            return SampleRow.from_dict(data)
        return row if row.schema == ROW_SCHEMA else SampleRow.from_dict(parse_object(line))

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> SampleRow:
        """Build a row from decoded JSON. Raises SchemaError."""
        return read(SampleRow, json.dumps(migrate(data), default=dict))


_MAPPINGS = tuple(f.name for f in dataclasses.fields(SampleRow) if f.default_factory is dict)


def finite_metrics(
    metrics: Mapping[str, float | None], special: Mapping[str, str]
) -> tuple[dict[str, float | None], dict[str, str]]:
    """Move non-finite values out of ``metrics``: they become None there and text in ``special``.

    Signatures, the same few in every row, are interned, so that rows in memory share them.
    """
    values: dict[str, float | None] = {}
    names: dict[str, str] = {}
    for signature, value in metrics.items():
        signature = intern(signature)
        if value is not None and not math.isfinite(value):
            values[signature] = None
            names[signature] = str(float(value))
        else:
            values[signature] = None if value is None else float(value)
            if value is None and signature in special:
                names[signature] = special[signature]
    return values, names


def _finite_note(value: Note) -> Note:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
