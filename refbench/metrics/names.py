"""Metric names with parameters: ``psnr_y:crop=2``, ``lpips_alex:crop=4:region=covered``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from refbench.errors import UserError, did_you_mean
from refbench.metrics.regions import region_identity
from refbench.specs import MetricSpec

PREFIX = "pyiqa:"
ORDER = ("space", "variant", "mean", "round", "crop", "region", "patch", "device")
"""In which parameters stand in an alias, whatever order the user wrote."""


def split_name(name: str) -> tuple[str, dict[str, str]]:
    """``pyiqa:dists:crop=4`` -> (``pyiqa:dists``, {``crop``: ``4``}). Raises UserError."""
    prefix, rest = (PREFIX, name.removeprefix(PREFIX)) if name.startswith(PREFIX) else ("", name)
    head, *parts = rest.split(":")
    given: dict[str, str] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals or not key or not value:
            raise UserError(f"metric {name!r}: {part!r} is not parameter=value, e.g. crop=2")
        if key in given:
            raise UserError(f"metric {name!r}: {key} is given twice")
        given[key] = value
    return prefix + head, given


def with_parameters(spec: MetricSpec, given: Mapping[str, str]) -> MetricSpec:
    """``spec`` with other options; they enter its alias, signature and title.

    Raises UserError for a parameter that the metric does not have, or a value that it cannot have.
    """
    name = ":".join([spec.alias, *(f"{key}={value}" for key, value in given.items())])
    for key in given:
        if key not in spec.parameters:
            known = f"it takes {', '.join(spec.parameters)}" if spec.parameters else "it takes none"
            hint = did_you_mean(key, spec.parameters) if spec.parameters else ""
            hint = hint if hint.startswith("; did") else ""
            raise UserError(f"metric {name!r}: {spec.alias} has no parameter {key!r}; {known}{hint}")
    alias, title, signature, options = (
        spec.alias,
        spec.title or spec.alias,
        spec.signature,
        dict(spec.options),
    )
    for key in sorted(given, key=lambda key: (ORDER.index(key) if key in ORDER else len(ORDER), key)):
        value = _checked(spec, key, given[key], name)
        if options.get(key) == value:
            continue
        options[key] = value
        alias += f":{key}={value}"
        title += _shown(key, value)
        signature = with_field(signature, key, region_identity(str(value)) if key == "region" else str(value))
    return replace(spec, alias=alias, title=title, signature=signature, options=options)


def _checked(spec: MetricSpec, key: str, text: str, name: str) -> int | str:
    choices = spec.parameters[key]
    if choices:
        if text not in choices:
            raise UserError(
                f"metric {name!r}: {key}={text}; it can be {', '.join(choices)}{_close(text, choices)}"
            )
        return text
    if key == "region":
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", text):
            raise UserError(f"metric {name!r}: region={text} is not the name of a region")
        return text
    if not re.fullmatch(r"\d{1,5}", text):
        raise UserError(f"metric {name!r}: {key}={text} is not a whole number of pixels")
    return int(text)


def _close(text: str, choices: tuple[str, ...]) -> str:
    hint = did_you_mean(text, choices)
    return hint if hint.startswith("; did") else ""


def _shown(key: str, value: int | str) -> str:
    """The parameter as a column's title shows it."""
    if key == "crop":
        return f" c{value}"
    return (
        f" [{value}]"
        if key == "region"
        else f" {value}"
        if key in ("space", "variant")
        else " float"
        if key == "round"
        else f" {key}={value}"
    )


def with_field(signature: str, key: str, value: str) -> str:
    """A signature with ``key=value``: in place of the one that is there, or before its version."""
    fields = signature.split("|")
    for place, text in enumerate(fields):
        if text.startswith(f"{key}="):
            fields[place] = f"{key}={value}"
            return "|".join(fields)
    versioned = re.fullmatch(r"v\d+", fields[-1]) is not None
    fields.insert(len(fields) - versioned, f"{key}={value}")
    return "|".join(fields)


def parameters_between(spec: MetricSpec, signature: str) -> dict[str, str] | None:
    """The parameters that make ``signature`` of ``spec``; None when there are none that do."""
    own = set(spec.signature.split("|"))
    given: dict[str, str] = {}
    for text in signature.split("|"):
        key, equals, value = text.partition("=")
        if text not in own:
            if not equals or key not in spec.parameters:
                return None
            given[key] = value.partition("(")[0]
    try:
        made = with_parameters(spec, given)
    except UserError:
        return None
    return given if made.signature == signature else None
