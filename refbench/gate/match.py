"""Which cell of a run stands for a cell of the baseline: same method and compare key, never same weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from refbench.errors import did_you_mean
from refbench.gate.baseline import BaselineCell
from refbench.identity.keys import differences, first_difference
from refbench.results.record import CellRecord
from refbench.store import TrialKey

Value = TypeVar("Value")
SHOWN_NAMES = 5


@dataclass(frozen=True)
class Match:
    """The counterpart, or the first field that differs in the nearest candidate."""

    cell: CellRecord | None = None
    field: str = ""
    reason: str = ""
    remark: str = ""
    added: tuple[str, ...] = ()
    """Images that only the run has."""
    missing: tuple[str, ...] = ()
    """Images that only the baseline has."""
    changed: tuple[str, ...] = ()
    """Images of one name whose inputs differ."""


def find(wanted: BaselineCell, cells: Sequence[CellRecord], *, common: bool = False) -> Match:
    """The cell of the run to compare ``wanted`` with, and the images that they do not share.

    common: another dataset will do, as far as the hashes of its inputs say which images are the same.

    Of several with the same compare key the one with the same weights label counts; a single one with
    another label is compared, because the gate is about changed models.
    """
    same_method = [cell for cell in cells if cell.method == wanted.method]
    if not same_method:
        known = sorted({cell.method for cell in cells})
        hint = did_you_mean(wanted.method, known) if known else "; the run has no cells"
        return Match(field="method", reason=f"method: the run has no {wanted.method!r}{hint}")
    comparable = [c for c in same_method if first_difference(wanted.compare_key, c.compare_key) is None]
    if not comparable and common:
        comparable = [c for c in same_method if _differ(wanted, c, but="dataset") is None]
    labelled = [cell for cell in comparable if cell.weights == wanted.weights]
    if len(labelled) == 1:
        return _with_images(wanted, labelled[0])
    if len(comparable) == 1:
        return _with_images(
            wanted, comparable[0], f"weights: baseline {wanted.weights!r}, run {comparable[0].weights!r}"
        )
    if len(labelled) > 1:
        keys = ", ".join(sorted(cell.run_key[:12] for cell in labelled))
        reason = (
            f"run: {len(labelled)} cells fit ({keys}: other parameters or code); name one with run=FOLDER"
        )
        return Match(field="run", reason=reason)
    if comparable:
        labels = ", ".join(sorted({repr(cell.weights) for cell in comparable}))
        return Match(
            field="weights", reason=f"weights: baseline {wanted.weights!r}, run has {labels}; name one"
        )
    nearest = max(same_method, key=lambda cell: _likeness(wanted, cell))
    return _difference(wanted, nearest)


def _differ(wanted: BaselineCell, cell: CellRecord, *, but: str) -> tuple[str, object, object] | None:
    """The first field of the compare keys that differs, one of them left out."""
    return first_difference({**wanted.compare_key, but: None}, {**cell.compare_key, but: None})


def _with_images(wanted: BaselineCell, cell: CellRecord, remark: str = "") -> Match:
    if first_difference(wanted.compare_key, cell.compare_key) is None:
        added, missing, _ = _images(wanted, cell)
        return Match(cell, remark=remark, added=added, missing=missing)
    lacking = "the baseline" if not wanted.inputs else "the run" if not cell.inputs else ""
    if lacking:
        added, missing, _ = _images(wanted, cell)
        reason = (
            f"inputs: {lacking} does not record the hashes of its images, so that --common cannot tell which "
            "are the same; run it again, and make the baseline anew with --update"
        )
        return Match(field="inputs", reason=reason, added=added, missing=missing)
    names = other_names(wanted.inputs, cell.inputs)
    told = [f"{then} is {now} in the run" for now, then in names.items() if then in wanted.inputs]
    if told:
        more = f", and {len(told) - SHOWN_NAMES} more" if len(told) > SHOWN_NAMES else ""
        remark = "; ".join(filter(None, (remark, f"same by content: {', '.join(told[:SHOWN_NAMES])}{more}")))
    cell = _renamed(cell, names)
    added, missing, changed = _images(wanted, cell)
    return Match(cell, remark=remark, added=added, missing=missing, changed=changed)


def other_names(then: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Image of the run -> the baseline's name for it, where that is another one: what has the same content is
    the same image. ``then``, ``now``: image -> digest of its inputs. Content that is there twice is known by
    its name only."""
    known = _by_content(then)
    names: dict[str, str] = {}
    for digest, image in _by_content(now).items():
        if digest in known and known[digest] != image:
            names[image] = known[digest]
    for taken in set(names.values()) & now.keys() - names.keys():
        # another image of the run has the name that the baseline gives to this one
        names[taken] = f"{taken} (other content)"
    return names


def _by_content(inputs: Mapping[str, str]) -> dict[str, str]:
    count = Counter(inputs.values())
    return {digest: image for image, digest in inputs.items() if count[digest] == 1}


def _renamed(cell: CellRecord, names: Mapping[str, str]) -> CellRecord:
    """The cell with its images called as in ``names``."""

    def keys(found: Mapping[TrialKey, Value]) -> dict[TrialKey, Value]:
        return {(names.get(sample, sample), draw): value for (sample, draw), value in found.items()}

    if not names:
        return cell
    return replace(
        cell,
        values={alias: keys(found) for alias, found in cell.values.items()},
        special={alias: keys(found) for alias, found in cell.special.items()},
        inputs={names.get(image, image): digest for image, digest in cell.inputs.items()},
        failed=tuple(names.get(image, image) for image in cell.failed),
    )


def _images(
    wanted: BaselineCell, cell: CellRecord
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """(added, missing, changed): an image with an error is there; one without hashes is not known as same."""
    then = {sample for trials in wanted.values.values() for sample, _ in trials}
    now = {sample for trials in (*cell.values.values(), *cell.special.values()) for sample, _ in trials}
    now |= set(cell.failed)
    changed = {i for i in then & now if not wanted.inputs.get(i) or wanted.inputs[i] != cell.inputs.get(i)}
    return tuple(sorted(now - then)), tuple(sorted(then - now)), tuple(sorted(changed))


def _likeness(wanted: BaselineCell, cell: CellRecord) -> tuple[bool, ...]:
    """Fields that agree, most telling first: the nearest candidate explains best what is missing."""
    names = ("dataset", "protocol", "seed")
    agree = [first_difference(wanted.compare_key.get(n), cell.compare_key.get(n)) is None for n in names]
    return (agree[0], cell.protocol == wanted.protocol, *agree[1:], cell.weights == wanted.weights)


def _difference(wanted: BaselineCell, cell: CellRecord) -> Match:
    found = first_difference(wanted.compare_key, cell.compare_key)
    assert found is not None
    name, old, new = found
    if name == "dataset":
        old, new = f"{wanted.dataset_label} {str(old)[:12]}", f"{cell.dataset_label} {str(new)[:12]}"
    more = _parameters(wanted, cell) if name == "protocol.id" else ""
    if name != "dataset" or _differ(wanted, cell, but="dataset") is not None:
        return Match(field=name, reason=f"{name}: baseline {old}, run {new}{more}")
    known = bool(wanted.inputs and cell.inputs)
    added, missing, changed = _images(wanted, _renamed(cell, other_names(wanted.inputs, cell.inputs)))
    same = len({i for trials in wanted.values.values() for i, _ in trials}) - len(missing) - len(changed)
    if known and same:
        more = f"; --common compares the {same} image{'s' if same != 1 else ''} that are the same"
    return Match(
        field=name,
        reason=f"{name}: baseline {old}, run {new}{more}",
        added=added,
        missing=missing,
        changed=changed if known else (),
    )


def _parameters(wanted: BaselineCell, cell: CellRecord) -> str:
    """What another version or variant of a protocol means: ``; card.hr_crop_multiple: 4, 8``."""
    both = [key.get("protocol") for key in (wanted.compare_key, cell.compare_key)]
    old, new = (p.get("params") if isinstance(p, Mapping) else None for p in both)
    found = [f"{name}: {a}, {b}" for name, a, b in differences(old, new)]
    told = [text for text in found if not text.startswith(("card.name:", "card.version:"))] or found
    return "".join(f"; {text}" for text in told)
