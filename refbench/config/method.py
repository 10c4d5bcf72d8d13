"""The ``method.*`` part of a command line: weights and options, checked against the method's spec."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from refbench.config.keys import Key, raw_kind
from refbench.config.values import expand, looks_like_path
from refbench.errors import UserError, did_you_mean, unknown
from refbench.settings import MethodChoice
from refbench.specs import MethodSpec, Param, ParamValue

WEIGHTS = "method.weights"


def option_key(name: str, specs: list[MethodSpec]) -> Key:
    """How to read ``method.<name>``: raw for free text, parsed for the rest.

    Raises UserError when none of the methods has the option.
    """
    short = name.removeprefix("method.")
    having = [s for s in specs if has_option(s, name)]
    if not having:
        raise unknown_option(specs[0], short)
    if short == "weights":
        return Key(name, "locator", "")
    if kind := raw_kind(name):
        return Key(name, kind, "")
    # one method that takes free text makes the key raw: its value may be anything
    free = any(isinstance(s.params[short].default, str) and not s.params[short].choices for s in having)
    return Key(name, "text" if free else "value", "")


def has_option(spec: MethodSpec, name: str) -> bool:
    """Whether the method has ``method.<option>``."""
    short = name.removeprefix("method.")
    return spec.takes_weights if short == "weights" else short in spec.params


def method_choice(
    spec: MethodSpec, locator: str, weights: str | None, params: Mapping[str, object]
) -> MethodChoice:
    """The checked choice. Raises UserError naming the method and the option."""
    return MethodChoice(
        name=spec.name,
        weights=check_weights(spec, weights),
        params={name: check_param(spec, name, value) for name, value in params.items()},
        locator=locator,
    )


def check_weights(spec: MethodSpec, text: str | None) -> str | None:
    """A variant's name, or a path that exists with ``~`` expanded."""
    if text is None:
        return None
    if not spec.takes_weights:
        raise UserError(f"method.weights={text}: {spec.name} has no weights; leave the key out")
    if spec.variant(text) is not None:
        return text
    path = expand(text)
    if looks_like_path(text) or Path(path).exists():
        if not Path(path).exists():
            raise UserError(f"method.weights={text}: there is no file or folder {path}")
        return path
    if spec.any_checkpoint:
        raise UserError(f"method.weights={text}: there is no such file; give a checkpoint for {spec.name}")
    raise unknown(f"weights for {spec.name}", text, [v.name for v in spec.variants])


def unknown_option(spec: MethodSpec, short: str) -> UserError:
    """The error for a ``method.<name>`` that the method does not have."""
    names = {"weights", *spec.params} if spec.takes_weights else set(spec.params)
    if not names:
        return UserError(f"no option 'method.{short}' for {spec.name}; it takes none")
    return UserError(f"no option 'method.{short}' for {spec.name}{did_you_mean(short, names)}")


def check_param(spec: MethodSpec, name: str, value: object) -> ParamValue:
    """The value of ``method.<name>`` with the type and choices of the method's own declaration."""
    param = spec.params[name]
    if not isinstance(value, str | int | float | bool | None):
        raise UserError(f"method.{name} for {spec.name} takes one value, not a list")
    said = f"method.{name}={shown(value)} for {spec.name}"
    if param.choices:
        for choice in param.choices:
            same = value == choice and isinstance(value, bool) == isinstance(choice, bool)
            if same or (isinstance(choice, str) and str(value) == choice):
                return choice
        raise UserError(f"{said}: it can be {', '.join(shown(c) for c in param.choices)}")
    if param.default is None:
        return value
    wanted, fits = _wanted(param, value)
    if not fits:
        raise UserError(f"{said}: give {wanted}")
    return float(value) if isinstance(param.default, float) and isinstance(value, int) else value


def shown(value: object) -> str:
    """A value as a person types it."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _wanted(param: Param, value: ParamValue) -> tuple[str, bool]:
    number = not isinstance(value, bool)
    if isinstance(param.default, bool):
        return "true or false", isinstance(value, bool)
    if isinstance(param.default, int):
        return "a whole number", number and isinstance(value, int)
    if isinstance(param.default, float):
        return "a number", number and isinstance(value, int | float)
    return "a text", isinstance(value, str)
