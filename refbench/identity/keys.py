"""The two identities of a run.

The *run key* names what a resume may reuse: anything that can change a number is in it. The *compare
key* names what two runs must share to be compared: never weights or code, so a changed model is
compared with its baseline and not missed. Metrics are in no run key: a score is keyed by trial and
signature, so adding a metric never repeats inference.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

RUN_SCHEMA = 2
"""Version of the run-key fields; raised when their meaning changes, so old runs are not reused. In 2 the
code digest covers what a method imports, as syntax trees."""

FOLDER_DIGITS = 20
"""Hex digits of the run key that name a cell's folder (80 bits); the manifest has all 64."""


class Missing:
    """Stands for a field that one side of a comparison does not have."""

    def __repr__(self) -> str:
        return "(absent)"


MISSING = Missing()


def canonical_json(obj: object) -> str:
    """``obj`` as JSON that is equal for equal values, in any process and on any machine.

    Keys are sorted, text is ASCII-escaped, dataclasses become objects, tuples become lists, and a
    float with an integral value is written as that integer (``level=1`` and ``level=1.0`` mean the
    same). Raises ValueError for NaN and infinity and TypeError for what JSON has no form for.
    """
    return json.dumps(_plain(obj, "$"), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _plain(obj: object, where: str) -> Any:
    if obj is None or isinstance(obj, (str, bool)):
        # str subclasses (enums) would otherwise be written in their own way
        return str.__str__(obj) if isinstance(obj, str) else obj
    if isinstance(obj, Integral):
        return int(obj)
    if isinstance(obj, Real):
        value = float(obj)
        if not math.isfinite(value):
            raise ValueError(f"{where}: {value} has no place in an identity")
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if dataclasses.is_dataclass(obj) and not isinstance(obj, type):
        fields = dataclasses.fields(obj)
        return {f.name: _plain(getattr(obj, f.name), f"{where}.{f.name}") for f in fields}
    if isinstance(obj, Mapping):
        for key in obj:
            if not isinstance(key, str):
                raise TypeError(f"{where}: key {key!r} is not text")
        return {str.__str__(key): _plain(value, f"{where}.{key}") for key, value in obj.items()}
    if isinstance(obj, Sequence) and not isinstance(obj, (bytes, bytearray)):
        return [_plain(value, f"{where}[{i}]") for i, value in enumerate(obj)]
    raise TypeError(f"{where}: {type(obj).__name__} has no canonical form")


def digest(obj: object) -> str:
    """sha256 hex of the canonical JSON of ``obj``."""
    return hashlib.sha256(canonical_json(obj).encode("ascii")).hexdigest()


def run_fields(
    *,
    method: str,
    code: str,
    weights: Mapping[str, str | None],
    params: Mapping[str, object],
    dataset: str,
    protocol: str,
    protocol_params: Mapping[str, object],
    seed: int,
    precision: str,
) -> dict[str, Any]:
    """The fields of a run key, as the manifest stores them (so that messages can name a difference).

    code: digest of the method's sources (:func:`refbench.identity.code_digest.code_digest`). weights: sha256
    per role, empty for a method without weights. dataset: its fingerprint. protocol: ``name@version``.
    """
    fields: dict[str, Any] = {
        "schema": RUN_SCHEMA,
        "method": method,
        "code": code,
        "weights": weights,
        "params": params,
        "dataset": dataset,
        "protocol": {"id": protocol, "params": protocol_params},
        "seed": seed,
        "precision": precision,
    }
    plain: dict[str, Any] = _plain(fields, "run")
    return plain


def run_key(
    *,
    method: str,
    code: str,
    weights: Mapping[str, str | None],
    params: Mapping[str, object],
    dataset: str,
    protocol: str,
    protocol_params: Mapping[str, object],
    seed: int,
    precision: str,
) -> str:
    """sha256 hex (64 digits) over :func:`run_fields`; its first 20 digits name the cell's folder."""
    return digest(
        run_fields(
            method=method,
            code=code,
            weights=weights,
            params=params,
            dataset=dataset,
            protocol=protocol,
            protocol_params=protocol_params,
            seed=seed,
            precision=precision,
        )
    )


def folder_name(key: str) -> str:
    """The folder of a run key inside the results folder."""
    return key[:FOLDER_DIGITS]


def compare_key(
    *, dataset: str, protocol: str, protocol_params: Mapping[str, object], signature: str, seed: int
) -> dict[str, Any]:
    """What two scores must share to be compared; weights and code are left out on purpose.

    dataset: its fingerprint. protocol: ``name@version``. signature: the metric's full signature.
    """
    fields: dict[str, Any] = {
        "dataset": dataset,
        "protocol": {"id": protocol, "params": protocol_params},
        "signature": signature,
        "seed": seed,
    }
    plain: dict[str, Any] = _plain(fields, "compare")
    return plain


def first_difference(a: object, b: object) -> tuple[str, object, object] | None:
    """The first field in which two keys differ, as (dotted path, value in a, value in b), or None.

    Fields are visited in the order of ``a``, then those that only ``b`` has. A field or list entry
    that one side lacks is given as :data:`MISSING`.
    """
    return next(differences(a, b), None)


def differences(a: object, b: object, path: str = "") -> Iterator[tuple[str, object, object]]:
    """Every field in which two keys differ, in the order and form of :func:`first_difference`."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for key in [*a, *(k for k in b if k not in a)]:
            at = f"{path}.{key}" if path else str(key)
            yield from differences(a.get(key, MISSING), b.get(key, MISSING), at)
    elif _is_list(a) and _is_list(b):
        assert isinstance(a, Sequence)
        assert isinstance(b, Sequence)
        for i in range(max(len(a), len(b))):
            left = a[i] if i < len(a) else MISSING
            right = b[i] if i < len(b) else MISSING
            yield from differences(left, right, f"{path}[{i}]")
    # True == 1 in Python, but a flag and a number are different settings
    elif a != b or isinstance(a, bool) != isinstance(b, bool):
        yield path or "value", a, b


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))
