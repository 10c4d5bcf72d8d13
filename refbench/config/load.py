"""Hydra's part of the configuration, and the two entry points; the only module that knows Hydra.

Hydra's compose API gives the override grammar, the config groups and the sweeps. Keys declared raw
(see :mod:`refbench.config.keys`) never reach it, and every error leaves here as one line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from refbench.config.command import read_command
from refbench.config.keys import Key
from refbench.config.override import Override
from refbench.config.run import read_run
from refbench.errors import UserError
from refbench.registry import Registry
from refbench.settings import RunConfig


def load_run(overrides: Sequence[str], registry: Registry | None = None) -> list[RunConfig]:
    """The runs that the overrides ask for: several where a value is a sweep (``a,b``, ``range(0,3)``).

    Runs of one method stand together (so that its weights load once), methods in the order given,
    then the other swept keys in the order given. In a sweep over methods, a ``method.<option>`` holds
    for the methods that have it. Raises UserError for anything unknown, misspelt or of the wrong type.
    """
    return read_run(overrides, registry or Registry.discover(), HydraGrammar())


def load_command(
    command: str, keys: Iterable[Key], overrides: Sequence[str], registry: Registry | None = None
) -> dict[str, Any]:
    """The settings of a command other than ``run``: every declared key, checked or at its default.

    When ``method`` is among the keys, ``method.*`` options are read too and the value of ``method``
    is a :class:`~refbench.settings.MethodChoice`. Raises UserError.
    """
    return read_command(command, tuple(keys), overrides, registry, HydraGrammar())[0]


def load_commands(
    command: str,
    keys: Iterable[Key],
    overrides: Sequence[str],
    sweeps: bool,
    groups: Sequence[str] = (),
    registry: Registry | None = None,
) -> list[dict[str, Any]]:
    """:func:`load_command` with ``sweeps`` (``a=x,y`` asks for both) and groups of keys the command checks.

    With ``groups=("train",)`` every ``train.*`` is accepted and returned under its dotted name.
    """
    return read_command(command, tuple(keys), overrides, registry, HydraGrammar(), groups, sweeps)


class HydraGrammar:
    """Values, sweeps and composition by Hydra, imported when first used."""

    def value(self, override: Override) -> object:
        """One value: number, truth value, null, text, list or mapping. UserError for a sweep."""
        parsed = self._parse(override)
        if parsed.is_sweep_override():
            raise UserError(
                f"{override} asks for several values, and one is taken; quote it if it is one text"
            )
        return _plain(parsed.value())

    def choices(self, override: Override) -> list[str]:
        """The values of a sweep (``a,b``, ``range(0,3)``, ``choice(a,b)``) as override texts."""
        from hydra.core.override_parser.types import Glob

        parsed = self._parse(override)
        if not parsed.is_sweep_override():
            return [override.text]
        if isinstance(parsed.value(), Glob):
            raise UserError(f"{override}: glob() is not supported; list the values")
        return [str(text) for text in parsed.sweep_string_iterator()]

    def compose(self, config: str, overrides: Sequence[str]) -> dict[str, Any]:
        """``configs/<config>.yaml`` with its groups and overrides, resolved to plain data."""
        from hydra import compose, initialize_config_module
        from hydra.core.global_hydra import GlobalHydra
        from hydra.errors import HydraException
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException

        # somebody else's Hydra application may be running in this process (a notebook, a test)
        outer = GlobalHydra.instance().hydra
        GlobalHydra.instance().clear()
        try:
            with initialize_config_module("refbench.configs", version_base="1.3"):
                composed = compose(config, overrides=list(overrides))
                plain = OmegaConf.to_container(composed, resolve=True)
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(f"{' '.join(overrides)}: {_first_line(error)}") from error
        finally:
            if outer is not None:
                GlobalHydra.instance().initialize(outer)
        return {str(k): v for k, v in plain.items()} if isinstance(plain, dict) else {}

    def _parse(self, override: Override) -> Any:
        from hydra.core.override_parser.overrides_parser import OverridesParser
        from hydra.errors import HydraException

        try:
            return OverridesParser.create().parse_override(str(override))
        except HydraException as error:
            raise UserError(
                f"{override}: cannot be read ({_first_line(error)}); put a text in quotes: "
                f"'{override.key}=\"...\"'"
            ) from error


def _plain(value: Any) -> object:
    """Quoted strings inside lists and mappings as plain text."""
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {str(_plain(k)): _plain(v) for k, v in value.items()}
    return value.text if hasattr(value, "quote") else value


def _first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0].strip() if lines else type(error).__name__
