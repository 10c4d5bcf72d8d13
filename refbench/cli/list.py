"""``refbench list``: what there is, where it comes from, and whether it can be used as it stands."""

from __future__ import annotations

import argparse

from refbench.cli.listing.card import card_details, card_rows
from refbench.cli.listing.dataset import dataset_details, dataset_rows
from refbench.cli.listing.method import method_details, method_rows
from refbench.cli.listing.metric import metric_details, metric_rows
from refbench.cli.listing.part import part_details, part_rows
from refbench.cli.listing.row import Details, Listing
from refbench.cli.listing.suite import suite_details, suite_rows
from refbench.cli.output import Output
from refbench.cli.parser import add_words
from refbench.cli.table import aligned, print_table
from refbench.config.keys import WEIGHTS_ROOT, Key
from refbench.config.load import load_command
from refbench.config.override import is_override
from refbench.errors import UserError, unknown
from refbench.registry import Registry

HELP = """Show methods, datasets, suites, metrics and protocols; with a NAME, everything about one of them.

  refbench list                     all of them
  refbench list methods             with weights present or missing
  refbench list methods datsr       its options, weights files and published numbers
  refbench list protocols canonical the protocol in prose
  refbench list transforms          changes of the reference, with their levels; also degradations, references
  refbench list published cufed5    what others reported, never ranked with measured numbers"""
PLUGINS = ("methods", "datasets", "suites", "metrics", "protocols")
PARTS = ("transforms", "degradations", "references")
"""What protocols are put together from, besides cards; shown when asked for."""
KINDS = (*PLUGINS, *PARTS, "published")
CHECKPOINT = Key("method.weights", "path", "checkpoint to describe, for a method that takes any")
KEYS = (WEIGHTS_ROOT, CHECKPOINT)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``[KIND] [NAME] [weights.root=DIR]``."""
    add_words(parser, "KIND|NAME|KEY=VALUE", f"{', '.join(KINDS)}; then a name")


def run(args: argparse.Namespace) -> int:
    """Print the listing; a broken plugin is a row, not a failure."""
    values = load_command("list", KEYS, [w for w in args.words if is_override(w)])
    words = [w for w in args.words if not is_override(w)]
    if len(words) > 2:
        raise UserError(f"list takes a kind and a name, not also {words[2]!r}")
    kind = _kind(words[0]) if words else None
    registry = Registry.discover()
    root = values["weights.root"]
    if values[CHECKPOINT.name] is not None and (kind != "methods" or len(words) != 2):
        raise UserError(f"list: {CHECKPOINT.name}= goes with `list methods NAME`")
    if kind == "published":
        from refbench.cli.listing.published import published_listing

        table = published_listing(registry, words[1] if len(words) == 2 else None)
        args.output.emit({"published": [row.document for row in table.rows]})
        if not args.json:
            print_table(args.output, table.columns, [row.cells for row in table.rows], "")
        return 0
    if kind is not None and len(words) == 2:
        _show(args.output, details(kind, words[1], registry, root, values[CHECKPOINT.name]))
        return 0
    found = {k: listing(k, registry, root) for k in (PLUGINS if kind is None else (kind,))}
    args.output.emit({name: [r.document for r in table.rows] for name, table in found.items()})
    for number, (name, table) in enumerate(found.items() if not args.json else ()):
        if number:
            args.output.line()
        title = f"{name}:" if len(found) > 1 else ""
        print_table(args.output, table.columns, [r.cells for r in table.rows], title)
    return 0


def listing(kind: str, registry: Registry, weights_root: str | None) -> Listing:
    """The rows of one kind."""
    if kind == "methods":
        return method_rows(registry, weights_root)
    if kind == "datasets":
        return dataset_rows(registry)
    if kind == "metrics":
        return metric_rows(registry)
    if kind in PARTS:
        return part_rows(kind)
    return suite_rows() if kind == "suites" else card_rows()


def details(
    kind: str, name: str, registry: Registry, weights_root: str | None, checkpoint: str | None = None
) -> Details:
    """Everything about one name. UserError with a suggestion when it is not known."""
    if kind == "methods":
        return method_details(registry, name, weights_root, checkpoint)
    if kind == "datasets":
        return dataset_details(registry, name)
    if kind == "metrics":
        return metric_details(registry, name)
    if kind in PARTS:
        return part_details(kind, name)
    return suite_details(name) if kind == "suites" else card_details(name)


def _kind(word: str) -> str:
    if word in KINDS:
        return word
    if f"{word}s" in KINDS:
        return f"{word}s"
    raise unknown("kind of thing to list", word, KINDS)


def _show(output: Output, shown: Details) -> None:
    output.emit(shown.document)
    if output.json:
        return
    output.line(shown.heading)
    for line in aligned([[f"  {label}", text] for label, text in shown.facts]):
        output.line(line)
    for title, columns, rows in shown.tables:
        output.line()
        print_table(output, columns, rows, f"{title}:")
    for paragraph in shown.prose:
        output.line()
        output.line(paragraph)
