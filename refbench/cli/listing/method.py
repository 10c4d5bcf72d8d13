"""Methods: source, weights present or missing, references, licence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from refbench.cli.listing.row import Details, Listing, Row, broken, dash
from refbench.cli.listing.weights import find_file, variant_state
from refbench.config.method import shown
from refbench.errors import UserError
from refbench.isolation.outside import method_outside
from refbench.registry import Registry, is_file_locator, load_class
from refbench.specs import MethodSpec

COLUMNS = ("method", "weights", "refs", "licence", "title", "source")


def method_rows(registry: Registry, root: str | None) -> Listing:
    """Every method; a broken one says why."""
    rows = []
    for entry in registry.entries("methods"):
        if not isinstance(entry.spec, MethodSpec):
            rows.append(broken(entry, len(COLUMNS)))
            continue
        spec = entry.spec
        states = weights_states(spec, root)
        unnamed = "any file" if spec.any_checkpoint else "none needed"
        cells = (
            spec.name,
            ", ".join(f"{k} {v}" for k, v in states.items()) or unnamed,
            " ".join((reference_range(spec), *several(spec))),
            dash(spec.licence),
            dash(spec.title),
            entry.source,
        )
        rows.append(Row(cells, _document(spec, entry.source, states)))
    return Listing(COLUMNS, tuple(rows))


def method_details(registry: Registry, name: str, root: str | None, checkpoint: str | None = None) -> Details:
    """One method, also ``path/to/file.py:SPEC``; ``checkpoint``: a file to describe, where it takes any."""
    spec = method_outside(registry, name)
    source = name if is_file_locator(name) else _source(registry, name)
    states = weights_states(spec, root)
    document = _document(spec, source, states)
    options = [(f"method.{k}", shown(p.default), _help(p.help, p.choices)) for k, p in spec.params.items()]
    files = []
    for variant in spec.variants:
        for file in variant.files:
            place = find_file(spec, variant, file, root)
            state = "missing" if place is None else "bundled" if variant.bundled else str(place)
            files.append((variant.name, file.role, file.name, state, dash(file.source), dash(file.licence)))
    from refbench.cli.listing.published import COLUMNS, published_cells

    published = published_cells(spec)
    tables: list[tuple[str, Any, Any]] = []
    if options:
        tables.append(("options", ("option", "default", "meaning"), options))
    if files:
        tables.append(("weights", ("weights", "role", "file", "state", "where to get it", "licence"), files))
    if published:
        tables.append(("published numbers (never ranked with measured ones)", COLUMNS, published))
    facts = [
        ("source", source),
        ("paper", dash(spec.paper)),
        ("licence", dash(spec.licence)),
        ("scale", spec.scales_text),
        ("references", reference_range(spec)),
        ("several", ", ".join(several(spec)) or "-"),
    ]
    if checkpoint is not None:
        described = _described(spec, checkpoint)
        document["checkpoint"] = dict(described)
        facts.extend(described)
    return Details(f"{spec.name}: {spec.title or spec.name}", document, facts, tables)


def _described(spec: MethodSpec, checkpoint: str) -> list[tuple[str, str]]:
    """What a file is. UserError where the method has named weights, or cannot read it."""
    from refbench.execution.loader import resolve_weights

    if not spec.any_checkpoint:
        raise UserError(f"list: {spec.name} has named weights; leave method.weights= out")
    weights = resolve_weights(spec, checkpoint, None)
    assert weights is not None
    found = load_class(spec.any_checkpoint)(Path(checkpoint).expanduser())
    return [
        ("checkpoint", weights.label),
        ("checkpoint scale", f"x{found.scale}"),
        ("architecture licence", found.licence),
    ]


def weights_states(spec: MethodSpec, root: str | None) -> dict[str, str]:
    """Variant name -> ``bundled``, ``present`` or ``missing``."""
    return {v.name: variant_state(spec, v, root) for v in spec.variants}


def reference_range(spec: MethodSpec) -> str:
    """``0``, ``1``, ``0-1``, ``1-5``."""
    if spec.min_refs == spec.max_refs:
        return str(spec.max_refs)
    return f"{spec.min_refs}-{spec.max_refs}"


def several(spec: MethodSpec) -> tuple[str, ...]:
    """What a method can do with several references, its default first; empty where it takes one at most.

    That is the option ``multi``; a method without it gets them all and says itself what it does.
    """
    if spec.max_refs < 2:
        return ()
    multi = spec.params.get("multi")
    if multi is None:
        return ("all",)
    return (shown(multi.default), *(shown(c) for c in multi.choices if c != multi.default))


def _document(spec: MethodSpec, source: str, states: dict[str, str]) -> dict[str, Any]:
    return {
        "name": spec.name,
        "title": spec.title,
        "source": source,
        "weights": states,
        "scale": spec.scale,
        "scales": list(spec.all_scales),
        "min_refs": spec.min_refs,
        "max_refs": spec.max_refs,
        "several": list(several(spec)),
        "uses_reference": spec.uses_reference,
        "deterministic": spec.deterministic,
        "licence": spec.licence,
        "paper": spec.paper,
        "options": {
            k: {"default": p.default, "help": p.help, "choices": list(p.choices)}
            for k, p in spec.params.items()
        },
    }


def _source(registry: Registry, name: str) -> str:
    return next(e.source for e in registry.entries("methods") if e.name == name and e.spec is not None)


def _help(text: str, choices: tuple[object, ...]) -> str:
    return f"{text} [{'|'.join(shown(c) for c in choices)}]" if choices else text
