"""Suites: the YAML files in configs/suite, and the user's own.

A suite says its dataset and either a list ``protocols:`` or the short form, in which ``control``,
``transform``, ``levels`` and ``draws`` expand to the undistorted control and one entry per level.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from annotated_types import MinLen

from refbench.config.values import looks_like_path
from refbench.errors import UserError, unknown
from refbench.nets.reference_use import NAMES
from refbench.settings import ProtocolEntry, ReferenceFile, SuiteConfig
from refbench.untrusted.schema import Whole, written
from refbench.untrusted.yaml_text import LONGEST, safe_yaml

Level = str | int | float


@dataclass(frozen=True)
class EntryFile:
    """One protocol of a suite file."""

    card: str = "canonical"
    """Protocol card by name, ``name@version`` or path."""
    reference: str | ReferenceFile | None = None
    """Reference policy, by name or with its options: ``{policy: level, level: 5}``; default the card's."""
    transform: str | None = None
    """Transform of the references: ``jitter``, ``rotation``."""
    degradation: str | None = None
    """Degradation of LR: ``blur``, ``noise``; excludes ``transform``."""
    level: Level | None = None
    """Level of the transform or degradation."""
    draws: Whole = 1
    """Random draws per sample, from 1."""
    control: bool = False
    """This entry is what the others' drops are measured from."""


@dataclass(frozen=True)
class SuiteFile:
    """A suite: which protocols a dataset is scored under."""

    name: Annotated[str, MinLen(1)]
    """Name of the suite; default the file's."""
    dataset: Annotated[str, MinLen(1)]
    """The dataset, as ``refbench list datasets`` names it."""
    title: str = ""
    """One line for lists."""
    multi: str | tuple[str, ...] = ()
    """For several references: the values of ``method.multi`` to use, the first that a method has."""
    protocols: Annotated[tuple[EntryFile, ...], MinLen(1)] | None = None
    """The entries one by one; or the short form below."""
    card: str = "canonical"
    """Card of every entry that names none."""
    reference: str | ReferenceFile | None = None
    """Reference policy of every entry that names none."""
    transform: str | None = None
    """Short form: one entry per level of this transform."""
    degradation: str | None = None
    """Short form: one entry per level of this degradation of LR."""
    levels: tuple[Level, ...] = ()
    """Short form: the levels."""
    draws: Whole = 1
    """Random draws per sample."""
    control: bool = False
    """Short form: an undistorted entry comes first, from which drops are measured."""


SUITE_KEYS = tuple(f.name for f in fields(SuiteFile))
_SHARED = ("card", "reference", "draws")
"""What entries take over from the suite."""


def config_names(group: str) -> tuple[str, ...]:
    """Names of the YAML files in a folder of configs: suites, executors, protocol cards."""
    folder = files("refbench.configs") / group
    found = (p.name for p in folder.iterdir()) if folder.is_dir() else ()
    return tuple(sorted(n.removesuffix(".yaml") for n in found if n.endswith(".yaml")))


def read_config(group: str, name: str) -> dict[str, Any]:
    """One shipped YAML file as a mapping, not composed."""
    text = (files("refbench.configs") / group / f"{name}.yaml").read_text(encoding="utf-8")
    return as_mapping(text, f"configs/{group}/{name}.yaml")


def read_suite_file(text: str) -> dict[str, Any]:
    """The user's own suite file; its name defaults to the file's."""
    path = Path(text).expanduser()
    if not path.is_file():
        raise UserError(f"suite={text}: there is no file {path}")
    try:
        if path.stat().st_size > 4 * LONGEST:
            raise UserError(f"suite={text}: over {4 * LONGEST // 1024} KB; it is not a suite")
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"suite={text}: cannot read {path}: {error}") from error
    return {"name": path.stem, **as_mapping(content, str(path))}


def as_mapping(text: str, where: str) -> dict[str, Any]:
    """YAML text as a mapping with text keys; UserError naming the file and line otherwise."""
    data = safe_yaml(text, where)
    if not isinstance(data, dict) or not all(isinstance(k, str) for k in data):
        raise UserError(f"{where}: expected a mapping of names to values")
    return data


def parse_suite(data: Mapping[str, Any], where: str, folder: Path | None = None) -> SuiteConfig:
    """Check a suite's mapping and expand it; folder: where the paths of its cards start.

    Raises UserError naming the suite and the field.
    """
    given = {name: value for name, value in data.items() if value is not None}
    if isinstance(rows := given.get("protocols"), list):
        shared = {name: given[name] for name in _SHARED if name in given}
        given["protocols"] = [{**shared, **row} if isinstance(row, dict) else row for row in rows]
    found = written(SuiteFile, given, where)
    entries = _listed(found, given, where) if found.protocols else _expanded(found, where)
    multi = (found.multi,) if isinstance(found.multi, str) else found.multi
    for name in multi:
        if name not in NAMES:
            raise UserError(f"{where}: {unknown('multi', name, NAMES)}")
    suite = SuiteConfig(found.name, found.dataset, found.title or found.name, entries, multi=multi)
    shipped = config_names("protocol")
    paths = dict.fromkeys(e.card for e in entries if e.card.partition("@")[0] not in shipped)
    if not paths:
        return suite
    # quick commands read suites, too, and must not wait for numpy
    from refbench.protocols.card import card_key, plugin_card

    own: dict[str, dict[str, Any]] = {}
    for path in paths:
        if looks_like_path(path):
            own[path] = read_card_file(path, where, folder)
        elif (brought := plugin_card(path)) is not None:
            check_metrics(brought, f"card {path} of a plugin")
            own[path] = brought
        # a name that nobody knows is refused where cards are loaded
    keys = {path: card_key(path, card) for path, card in own.items()}
    entries = tuple(replace(e, card=keys.get(e.card, e.card)) for e in entries)
    return replace(suite, protocols=entries, cards={keys[path]: card for path, card in own.items()})


def read_card_file(text: str, where: str, folder: Path | None = None) -> dict[str, Any]:
    """The user's own protocol card, checked. A relative path starts at ``folder`` (the suite file's), else
    at the working folder. Raises UserError naming the suite, the file and the field."""
    path = Path(text).expanduser()
    if folder is not None and not path.is_absolute():
        path = folder / path
    if not path.is_file():
        raise UserError(f"{where}: card: {text}: there is no file {path}")
    try:
        if path.stat().st_size > LONGEST:
            raise UserError(f"{where}: card: {text}: over {LONGEST // 1024} KB; it is not a protocol card")
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{where}: card: {text}: cannot read {path}: {error}") from error
    from refbench.protocols.card import parse_card

    found = as_mapping(content, str(path))
    parse_card(found, str(path))
    check_metrics(found, str(path))
    return found


def check_metrics(card: Mapping[str, Any], where: str) -> None:
    """UserError naming the card's file, the field and a suggestion where a metric is not known here."""
    from refbench.metrics import MetricCatalog
    from refbench.registry import Registry

    if "metrics" in card:
        try:
            MetricCatalog.of(Registry.discover()).of_names(card["metrics"])
        except UserError as error:
            raise UserError(f"{where}: metrics: {error}") from error


def _listed(suite: SuiteFile, given: Mapping[str, Any], where: str) -> tuple[ProtocolEntry, ...]:
    short = [k for k in ("transform", "degradation", "levels", "control") if k in given]
    if short:
        raise UserError(f"{where}: {short[0]} and protocols exclude each other; keep one of the two forms")
    return tuple(_entry(e, f"{where}: protocols[{n}]") for n, e in enumerate(suite.protocols or (), 1))


def _expanded(suite: SuiteFile, where: str) -> tuple[ProtocolEntry, ...]:
    control = EntryFile(suite.card, suite.reference, control=True)
    if suite.transform is None and suite.degradation is None:
        if suite.levels:
            raise UserError(f"{where}: levels needs a transform or a degradation")
        # without a transform the only entry is undistorted: what drops are measured from
        return (_entry(control, where),)
    if not suite.levels:
        raise UserError(f"{where}: levels is a list of the transform's levels, e.g. [x0.5, x1, x2]")
    entries = [control] if suite.control else []
    entries += [
        EntryFile(suite.card, suite.reference, suite.transform, suite.degradation, level, suite.draws)
        for level in suite.levels
    ]
    return tuple(_entry(entry, where) for entry in entries)


def _entry(said: EntryFile, where: str) -> ProtocolEntry:
    for name in ("transform", "degradation"):
        if said.control and getattr(said, name) is not None:
            raise UserError(f"{where}: a control has no {name}; drop one of the two fields")
    if said.transform is not None and said.degradation is not None:
        raise UserError(
            f"{where}: an entry has a transform of the reference or a degradation of LR, not both"
        )
    policy = ReferenceFile(said.reference) if isinstance(said.reference, str) else said.reference
    reference = {} if policy is None else policy.said()
    level = None if said.level is None else str(said.level)
    return ProtocolEntry(
        said.card, reference, said.transform, level, said.draws, said.control, said.degradation
    )
