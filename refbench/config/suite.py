"""Suites: the YAML files in configs/suite, and the user's own.

A suite says its dataset and either a list ``protocols:`` or the short form, in which ``control``,
``transform``, ``levels`` and ``draws`` expand to the undistorted control and one entry per level.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from refbench.config.values import looks_like_path
from refbench.errors import UserError, unknown
from refbench.nets.reference_use import NAMES
from refbench.settings import ProtocolEntry, SuiteConfig
from refbench.specs import ParamValue
from refbench.untrusted.yaml_text import LONGEST, safe_yaml

Scalars = Mapping[str, str | int | float | bool]
Level = str | int | float


@dataclass(frozen=True)
class EntryFile:
    """One protocol of a suite file."""

    card: str = "canonical"
    """Protocol card by name, ``name@version`` or path."""
    reference: Scalars = field(default_factory=dict)
    """Reference policy and its options: ``{policy: level, level: 5}``; default the card's."""
    transform: str | None = None
    """Transform of the references: ``jitter``, ``rotation``."""
    degradation: str | None = None
    """Degradation of LR: ``blur``, ``noise``; excludes ``transform``."""
    level: Level | None = None
    """Level of the transform or degradation."""
    params: Scalars = field(default_factory=dict)
    """Parameters of the transform or degradation."""
    draws: int = 1
    """Random draws per sample, from 1."""
    control: bool = False
    """This entry is what the others' drops are measured from."""


@dataclass(frozen=True)
class SuiteFile:
    """A suite: which protocols a dataset is scored under."""

    name: str
    """Name of the suite; default the file's."""
    dataset: str
    """The dataset, as ``refbench list datasets`` names it."""
    title: str = ""
    """One line for lists."""
    multi: str | tuple[str, ...] = ()
    """For several references: the values of ``method.multi`` to use, the first that a method has."""
    protocols: tuple[EntryFile, ...] | None = None
    """The entries one by one; or the short form below."""
    card: str = "canonical"
    """Card of every entry that names none."""
    reference: Scalars = field(default_factory=dict)
    """Reference policy of every entry that names none."""
    transform: str | None = None
    """Short form: one entry per level of this transform."""
    degradation: str | None = None
    """Short form: one entry per level of this degradation of LR."""
    levels: tuple[Level, ...] = ()
    """Short form: the levels."""
    params: Scalars = field(default_factory=dict)
    """Parameters of the transform or degradation."""
    draws: int = 1
    """Random draws per sample."""
    control: bool = False
    """Short form: an undistorted entry comes first, from which drops are measured."""


SUITE_KEYS = tuple(f.name for f in fields(SuiteFile))
ENTRY_KEYS = tuple(f.name for f in fields(EntryFile))


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
    for key in data:
        if key not in SUITE_KEYS:
            raise UserError(f"{where}: {unknown('suite field', key, SUITE_KEYS)}")
    name = _text(data, "name", where)
    dataset = _text(data, "dataset", where)
    title = str(data.get("title") or name)
    if data.get("protocols") is not None:
        entries = _listed(data, where)
    else:
        entries = _expanded(data, where)
    shipped = config_names("protocol")
    paths = dict.fromkeys(e.card for e in entries if e.card.partition("@")[0] not in shipped)
    multi = _names(data, "multi", where)
    if not paths:
        return SuiteConfig(name, dataset, title, entries, multi=multi)
    # quick commands read suites, too, and must not wait for numpy
    from refbench.protocols.card import card_key, plugin_card

    own: dict[str, dict[str, Any]] = {}
    for path in paths:
        if looks_like_path(path):
            own[path] = read_card_file(path, where, folder)
        elif (found := plugin_card(path)) is not None:
            check_metrics(found, f"card {path} of a plugin")
            own[path] = found
        # a name that nobody knows is refused where cards are loaded
    keys = {path: card_key(path, found) for path, found in own.items()}
    entries = tuple(replace(e, card=keys.get(e.card, e.card)) for e in entries)
    cards = {keys[path]: found for path, found in own.items()}
    return SuiteConfig(name, dataset, title, entries, cards, multi)


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


def _listed(data: Mapping[str, Any], where: str) -> tuple[ProtocolEntry, ...]:
    short = [k for k in ("transform", "degradation", "levels", "control") if k in data]
    if short:
        raise UserError(f"{where}: {short[0]} and protocols exclude each other; keep one of the two forms")
    rows = data["protocols"]
    if not isinstance(rows, list) or not rows:
        raise UserError(f"{where}: protocols is a list with at least one entry")
    shared = {k: data[k] for k in ("card", "reference", "params", "draws") if k in data}
    entries = []
    for number, row in enumerate(rows, 1):
        place = f"{where}: protocols[{number}]"
        if not isinstance(row, Mapping):
            raise UserError(f"{place}: expected a mapping such as {{card: canonical}}")
        for key in row:
            if key not in ENTRY_KEYS:
                raise UserError(f"{place}: {unknown('field', str(key), ENTRY_KEYS)}")
        entries.append(_entry({**shared, **row}, place))
    return tuple(entries)


def _expanded(data: Mapping[str, Any], where: str) -> tuple[ProtocolEntry, ...]:
    base = {k: data[k] for k in ("card", "reference") if k in data}
    if data.get("transform") is None and data.get("degradation") is None:
        for key in ("levels", "params"):
            if data.get(key):
                raise UserError(f"{where}: {key} needs a transform or a degradation")
        # without a transform the only entry is undistorted: what drops are measured from
        return (_entry({**base, "control": True}, where),)
    levels = data.get("levels")
    if not isinstance(levels, list) or not levels:
        raise UserError(f"{where}: levels is a list of the transform's levels, e.g. [x0.5, x1, x2]")
    if not isinstance(data.get("control", False), bool):
        raise UserError(f"{where}: control is true or false")
    entries = [_entry({**base, "control": True}, where)] if data.get("control", False) else []
    more = {k: data[k] for k in ("transform", "degradation", "params", "draws") if k in data}
    entries += [_entry({**base, **more, "level": level}, where) for level in levels]
    return tuple(entries)


def _entry(data: Mapping[str, Any], where: str) -> ProtocolEntry:
    draws = data.get("draws", 1)
    if not isinstance(draws, int) or isinstance(draws, bool) or draws < 1:
        raise UserError(f"{where}: draws={draws!r} is not a whole number from 1")
    control = data.get("control", False)
    if not isinstance(control, bool):
        raise UserError(f"{where}: control is true or false")
    level, transform, degradation = data.get("level"), data.get("transform"), data.get("degradation")
    for name, value in (("transform", transform), ("degradation", degradation)):
        if control and value is not None:
            raise UserError(f"{where}: a control has no {name}; drop one of the two fields")
    if transform is not None and degradation is not None:
        raise UserError(
            f"{where}: an entry has a transform of the reference or a degradation of LR, not both"
        )
    return ProtocolEntry(
        card=str(data.get("card", "canonical")),
        reference=_scalars(data.get("reference", {}), "reference", where),
        transform=None if transform is None else str(transform),
        level=None if level is None else str(level),
        params=_scalars(data.get("params") or {}, "params", where),
        draws=draws,
        control=control,
        degradation=None if degradation is None else str(degradation),
    )


def _scalars(data: object, field: str, where: str) -> dict[str, ParamValue]:
    if isinstance(data, str) and field == "reference":
        return {"policy": data}
    if not isinstance(data, Mapping):
        raise UserError(f"{where}: {field} is a mapping of names to single values")
    for key, value in data.items():
        if not isinstance(value, str | int | float | bool | None):
            raise UserError(f"{where}: {field}.{key} is a single value, not a list or mapping")
    return {str(k): v for k, v in data.items()}


def _names(data: Mapping[str, Any], field: str, where: str) -> tuple[str, ...]:
    """A list of names, or one name; each is a value that ``method.multi`` can have."""
    value = data.get(field, [])
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{where}: {field} is a list of names, e.g. [per_patch, average]")
    for name in names:
        if name not in NAMES:
            raise UserError(f"{where}: {unknown(field, name, NAMES)}")
    return tuple(names)


def _text(data: Mapping[str, Any], field: str, where: str) -> str:
    value = data.get(field)
    if value is not None and not isinstance(value, str):
        kind = type(value).__name__
        raise UserError(f'{where}: {field}: {value} is read as {kind}, not as text; write {field}: "{value}"')
    if not value:
        raise UserError(f"{where}: field {field!r} is missing")
    return value
