"""The goals of the bundled weights on real pairs: ``python tools/goals.py METHOD... [--web DIR] ...``.

Every number is a ``refbench run``: PSNR-Y (crop 4) under the canonical card, in dB over Pillow bicubic, with
the right reference, a constant grey one and another image's. Finished runs are read again, not repeated.

--weights DIR   checkpoints as ``refbench train`` leaves them (DIR/METHOD-compact-seed0/compact.safetensors);
                without it, and for methods that are not there, the bundled ones
--web DIR       WR-SR: input/NNN.png with ref/NNN_ref.png, an incomplete copy will do
--opencv DIR    examples/data of Debian's opencv-doc; with scikit-image's stereo pair the six changes of view
--before FILE   numbers of earlier weights, as --save wrote them, for the goals that say "more than before"
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from PIL import Image

Values = Mapping[str, float]
"""Name of a number ("web right", "sample jitter drop") -> dB."""

VIEWS = {
    "leuven": ("leuvenA.jpg", "leuvenB.jpg", 1),
    "graf": ("graf1.png", "graf3.png", 1),
    "aloe": ("aloeL.jpg", "aloeR.jpg", 2),
    "rubberwhale": ("rubberwhale1.png", "rubberwhale2.png", 1),
    "aero": ("aero1.jpg", "aero3.jpg", 1),
}
"""Input, reference, and what both are reduced by."""
INPUT_SIZE, REFERENCE_SIZE = (320, 240), (400, 320)
"""(W, H) of the central crops."""

CONTROL = "right"
PARTS: Mapping[str, Mapping[str, Mapping[str, object]]] = {
    "web": {
        CONTROL: {"control": True},
        "grey": {"reference": {"policy": "constant"}},
        "wrong": {"reference": {"policy": "other"}},
    },
    "views": {
        CONTROL: {"control": True},
        "grey": {"reference": {"policy": "constant"}},
        "wrong": {"reference": {"policy": "other"}},
    },
    "stereo": {CONTROL: {"control": True}, "grey": {"reference": {"policy": "constant"}}},
    "sample": {
        CONTROL: {"control": True},
        "grey": {"reference": {"policy": "constant"}},
        "wrong": {"reference": {"policy": "other"}, "draws": 2},
        "jitter": {"transform": "jitter", "level": "x1", "draws": 5},
        "one": {"reference": {"policy": "count", "count": 1, "order": "random"}, "draws": 2},
        "five": {"reference": {"policy": "count", "count": 5, "order": "random"}, "draws": 1},
    },
}
DATASETS = {"web": "wrsr", "views": "pairs", "stereo": "stereo", "sample": "sample"}
SEVERAL = ("mrefsr", "edvr_ref")
"""Methods that fuse references: only they are run with five."""


@dataclass(frozen=True)
class Goal:
    """One line of the table: a value that should not be below ``least``."""

    text: str
    value: float
    least: float

    @property
    def met(self) -> bool:
        """To the hundredth of a dB, as it is printed."""
        return round(self.value, 2) >= round(self.least, 2)


def make_views(opencv: Path, folder: Path) -> Path:
    """Write ``folder/input`` and ``folder/ref``: the six pairs, cropped. Returns the folder."""
    import skimage.data

    pairs = {
        name: tuple(_reduced(Image.open(opencv / file).convert("RGB"), factor) for file in (first, second))
        for name, (first, second, factor) in VIEWS.items()
    }
    left, right, _ = skimage.data.stereo_motorcycle()  # type: ignore[no-untyped-call]
    pairs["motorcycle"] = (Image.fromarray(left), Image.fromarray(right))
    for name, images in pairs.items():
        for place, image, size in zip(("input", "ref"), images, (INPUT_SIZE, REFERENCE_SIZE), strict=True):
            (folder / place).mkdir(parents=True, exist_ok=True)
            _central(image, size).save(folder / place / f"{name}.png")
    return folder


def _reduced(image: Image.Image, factor: int) -> Image.Image:
    return image.reduce(factor) if factor > 1 else image


def _central(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    width, height = (min(a, b) for a, b in zip(image.size, size, strict=True))
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def measure(method: str, weights: Path | None, part: str, data: Sequence[str], out: Path) -> Values:
    """Gains over bicubic of one method on one part, one value per name in PARTS."""
    names = [n for n in PARTS[part] if n not in ("one", "five") or method in SEVERAL]
    suite = out / "suites" / f"{part}{'-several' if method in SEVERAL else ''}.yaml"
    suite.parent.mkdir(parents=True, exist_ok=True)
    protocols = [PARTS[part][name] for name in names]
    text = {"name": f"goals_{part}", "title": part, "dataset": DATASETS[part], "protocols": protocols}
    suite.write_text(yaml.safe_dump(text, sort_keys=False), encoding="utf-8")
    command = [
        sys.executable, "-m", "refbench", "run", f"method={method}", f"suite={suite}", f"out={out}",
        "images=none", "tracking=none", "device=cpu", "--plain", "--json", *data,
    ]  # fmt: skip
    if weights is not None:
        command.append(f"method.weights={weights}")
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    means: dict[bool, dict[str, float]] = {True: {}, False: {}}
    for cell in json.loads(done.stdout)["cells"]:
        means[cell["baseline"]][cell["protocol"]] = cell["metrics"]["psnr_y"]["mean"]
    # cells come in the order of the suite's protocols
    gains = [means[False][protocol] - base for protocol, base in means[True].items()]
    return {f"{part} {name}": gain for name, gain in zip(names, gains, strict=True)}


def goals(method: str, values: Values, before: Values) -> list[Goal]:
    """The goals that the measured ``values`` of a method can answer."""
    found: list[Goal] = []

    def add(text: str, least: float, first: str, second: str = "", more: float = 0.0) -> None:
        if first in values and (not second or second in values):
            found.append(Goal(text, values[first] - (values[second] if second else 0.0), least + more))

    add("web: right over grey, each net (the best: +0.25)", 0.15, "web right", "web grey")
    add("web: wrong over grey", -0.02, "web wrong", "web grey")
    if "web right" in before:
        add("web: gain over bicubic, not below before", before["web right"], "web right")
    if "views right" in before:
        was = before["views right"] - before["views grey"]
        add("views: right over grey, 0.3 above before", was, "views right", "views grey", 0.3)
    if method == "datsr":
        add("sample: gain of the right reference", 4.5, "sample right")
    add("sample: the right reference under jitter x1 less without", -0.10, "sample jitter", "sample right")
    if method == "mrefsr":
        add("sample: five references over one, random order", 0.3, "sample five", "sample one")
    if method == "edvr_ref":
        add("stereo: over bicubic, which matches nothing", 0.01, "stereo right")
    return found


def table(measured: Mapping[str, Values]) -> str:
    """Markdown: every number, a column per method."""
    names = list(dict.fromkeys(name for values in measured.values() for name in values))
    lines = ["| dB over bicubic | " + " | ".join(measured) + " |", "|---|" + "---|" * len(measured)]
    for name in names:
        cells = [f"{v[name]:+.2f}" if name in v else "" for v in measured.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def verdicts(measured: Mapping[str, Values], before: Mapping[str, Values]) -> str:
    """Markdown: every goal with its value and whether it is met."""
    lines = ["| method | goal | at least | is | |", "|---|---|---|---|---|"]
    for method, values in measured.items():
        for goal in goals(method, values, before.get(method, {})):
            state = "met" if goal.met else f"**missed by {goal.least - goal.value:.2f}**"
            lines.append(f"| {method} | {goal.text} | {goal.least:+.2f} | {goal.value:+.2f} | {state} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Print both tables; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("methods", nargs="+", metavar="METHOD")
    for name in ("weights", "web", "opencv", "before", "save"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results/goals"))
    parser.add_argument("--parts", nargs="+", choices=tuple(PARTS), default=tuple(PARTS))
    options = parser.parse_args(argv)
    data: dict[str, list[str]] = {"stereo": [], "sample": []}
    if options.web:
        data["web"] = [f"data.root={options.web}", "data.partial=true"]
    if options.opencv:
        views = make_views(options.opencv, options.out / "views")
        data["views"] = [f"data.input={views / 'input'}", f"data.ref={views / 'ref'}"]
    measured: dict[str, Values] = {}
    for method in options.methods:
        file = None
        if options.weights:
            file = options.weights / f"{method}-compact-seed0" / "compact.safetensors"
        values: dict[str, float] = {}
        for part in (part for part in options.parts if part in data):
            weights = file if file is not None and file.is_file() else None
            values |= measure(method, weights, part, data[part], options.out)
        measured[method] = values
    before = json.loads(options.before.read_text(encoding="utf-8")) if options.before else {}
    print(table(measured), verdicts(measured, before), sep="\n\n")
    if options.save:
        options.save.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
