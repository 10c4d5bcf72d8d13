"""The files of a weights variant: what is there, what can be fetched into the weights root, what cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from refbench.specs import MethodSpec, WeightsFile, WeightsVariant
from refbench.untrusted.downloads import Remote, fetch
from refbench.weights.digest import checked_sha256, how_to_get
from refbench.weights.resolve import hub_folder


@dataclass(frozen=True)
class Obtained:
    """One file of the variant."""

    role: str
    name: str
    state: Literal["present", "fetched", "missing"]
    path: Path | None
    verified: bool
    """Whether a digest known beforehand was compared with."""
    remedy: str = ""
    """How to get a missing one."""


def obtain(
    spec: MethodSpec, variant: WeightsVariant, root: Path, say: Callable[[str], None]
) -> tuple[Obtained, ...]:
    """Look for each file of ``variant`` where a run would; fetch those with a known address into ``root``.

    UserError when a file that is there is another one, or when a transfer fails.
    """
    return tuple(_one(spec, file, root, say) for file in variant.files)


def _one(spec: MethodSpec, file: WeightsFile, root: Path, say: Callable[[str], None]) -> Obtained:
    known = file.known_digest
    places = [root / spec.name / file.name, root / file.name]
    if file.hub:
        places.append(hub_folder() / file.name)
    for path in places:
        if path.is_file():
            checked_sha256(path, file)
            return Obtained(file.role, file.name, "present", path, known is not None)
    if not file.url or known is None:
        remedy = f"{how_to_get(file)} and put it at {places[0]}"
        return Obtained(file.role, file.name, "missing", None, False, remedy)
    # companions such as VGG19 serve several methods
    target = places[1] if file.hub else places[0]
    kind, digest = known
    source = Remote(file.url, digest, prefix=kind == "sha256" and file.sha256 is None, kind=kind)
    say(f"{file.name} from {source.host} to {target}")
    fetch(source, target)
    return Obtained(file.role, file.name, "fetched", target, True)
