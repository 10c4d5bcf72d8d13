"""Suites: their dataset and protocols."""

from __future__ import annotations

from refbench.cli.listing.row import Details, Listing, Row
from refbench.cli.output import plain
from refbench.config.suite import config_names, parse_suite, read_config, read_suite_file
from refbench.config.values import looks_like_path
from refbench.errors import UserError, unknown
from refbench.settings import ProtocolEntry, SuiteConfig

COLUMNS = ("suite", "dataset", "protocols", "title")


def suite_rows() -> Listing:
    """Every shipped suite; one whose file is wrong says why."""
    rows = []
    for name in config_names("suite"):
        try:
            suite = _read(name)
        except UserError as error:
            rows.append(Row((name, "-", "-", f"broken: {error}"), {"name": name, "error": str(error)}))
            continue
        cells = (name, suite.dataset, str(len(suite.protocols)), suite.title)
        rows.append(Row(cells, plain(suite)))
    return Listing(COLUMNS, tuple(rows))


def suite_details(name: str) -> Details:
    """One suite, also the user's own file."""
    suite = _read(name)
    rows = [(describe(p), str(p.draws), "control" if p.control else "") for p in suite.protocols]
    return Details(
        f"{suite.name}: {suite.title}",
        plain(suite),
        [("dataset", suite.dataset)],
        [("protocols", ("protocol", "draws", ""), rows)],
    )


def describe(entry: ProtocolEntry) -> str:
    """``canonical, reference first, jitter x1``."""
    reference = " ".join(str(v) for v in entry.reference.values())
    parts = [entry.card, *([f"reference {reference}"] if reference else [])]
    if entry.transform is not None:
        parts.append(f"{entry.transform} {entry.level or ''}".strip())
    if entry.degradation is not None:
        parts.append(f"LR {entry.degradation} {entry.level or ''}".strip())
    return ", ".join(parts)


def _read(name: str) -> SuiteConfig:
    if looks_like_path(name):
        return parse_suite(read_suite_file(name), name)
    if name not in config_names("suite"):
        raise unknown("suite", name, config_names("suite"))
    return parse_suite(read_config("suite", name), f"suite {name}")
