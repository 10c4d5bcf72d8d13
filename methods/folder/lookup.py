"""Which file in a folder is the SR image of a sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from refbench.errors import UserError
from refbench.imaging.files import EXTENSIONS, plain

SHOWN = 5
"""Files that an error line names."""


@dataclass(frozen=True)
class SrFolder:
    """A folder of SR images called ``<name><suffix>.<extension>``."""

    root: Path
    suffix: str = ""

    @classmethod
    def open(cls, directory: object, suffix: object = "") -> SrFolder:
        """The folder at ``directory``. Raises UserError when it is missing or not a folder."""
        if not directory:
            raise UserError("method=folder needs method.dir=DIR, the folder that holds the SR images")
        root = Path(str(directory)).expanduser()
        if not root.is_dir():
            kind = "is not a folder" if root.exists() else "does not exist"
            raise UserError(f"method.dir={root} {kind}")
        return cls(root, "" if suffix is None else str(suffix))

    def stems(self, sample_id: str, ref_names: Sequence[str]) -> tuple[str, ...]:
        """File names without extension that may hold this sample, in the order in which they are tried.

        The official RefSR codes save an SR image under the name of its *reference*, hence the second.
        """
        names = [sample_id, *(PurePosixPath(ref).stem for ref in ref_names)]
        return tuple(dict.fromkeys(f"{name}{self.suffix}" for name in names))

    def candidates(self, stem: str) -> list[Path]:
        """Image files called ``stem`` plus any known extension; ``stem`` may name a subfolder."""
        wanted = PurePosixPath(stem)
        if wanted.is_absolute() or ".." in wanted.parts:
            raise UserError(f"sample id {stem!r} would lead out of method.dir={self.root}")
        parent = self.root / wanted.parent
        if not parent.is_dir():
            return []
        return sorted(
            entry
            for entry in parent.iterdir()
            if plain(entry.stem) == plain(wanted.name)
            and entry.suffix.lower() in EXTENSIONS
            and entry.is_file()
        )

    def find(self, sample_id: str, ref_names: Sequence[str]) -> Path | None:
        """The SR file of a sample, or None. Raises UserError when two files answer to one name."""
        for stem in self.stems(sample_id, ref_names):
            found = self.candidates(stem)
            if len(found) > 1:
                both = " and ".join(path.name for path in found[:2])
                raise UserError(f"method.dir={self.root}: {both} both stand for {stem!r}; keep one")
            if found:
                return found[0]
        return None

    def files_for(self, ids: Iterable[str]) -> list[Path]:
        """Every file that the samples ``ids`` could use, sorted.

        A sample without a file of its own name may use one named after a reference, and references
        are not known here: then all images with the suffix count. More than the used files is
        harmless for an identity, fewer would let a changed image pass unseen.
        """
        used: set[Path] = set()
        for sample_id in ids:
            own = self.candidates(f"{sample_id}{self.suffix}")
            if not own:
                return sorted(self._all())
            used.update(own)
        return sorted(used)

    def listing(self) -> str:
        """What lies in the folder, the first few by name: ``sr holds 9 images: 000_mse.png, ...``."""
        names = sorted(path.relative_to(self.root).as_posix() for path in SrFolder(self.root)._all())
        if not names:
            return f"{self.root} holds no image"
        more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        plural = "image" if len(names) == 1 else "images"
        return f"{self.root} holds {len(names)} {plural}: {', '.join(names[:SHOWN])}{more}"

    def better_suffix(self, ids: Sequence[str], found: int) -> str | None:
        """The suffix with which most samples have a file, where that is more than ``found``; else None."""
        stems = [
            path.relative_to(self.root).with_suffix("").as_posix() for path in SrFolder(self.root)._all()
        ]
        known = {plain(sample) for sample in ids}
        count: Counter[str] = Counter()
        for stem in map(plain, stems):
            # the longest id that it starts with: 10_x belongs to 10 and not to 1
            ends = (stop for stop in range(len(stem), 0, -1) if stem[:stop] in known)
            stop = next(ends, None)
            if stop is not None:
                count[stem[stop:]] += 1
        suffix, most = min(count.items(), key=lambda item: (-item[1], item[0]), default=("", 0))
        return suffix if most > found and suffix != self.suffix else None

    def _all(self) -> Iterable[Path]:
        for path in self.root.rglob("*"):
            if path.suffix.lower() in EXTENSIONS and path.stem.endswith(self.suffix) and path.is_file():
                yield path
