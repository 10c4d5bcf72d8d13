"""How right the regions ``covered`` and ``uncovered`` are, where it is known what the reference shows.

    python tools/covered_regions.py                 precision and recall at the shipped thresholds
    python tools/covered_regions.py --sweep         at others as well

Known: the sample's images warped in known ways (suite ``cufed5_matching``), the stereo pair with its measured
disparity (pixels without a measurement are left out), and unrelated references, which show nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from refbench.config.suite import parse_suite
from refbench.imaging.warp import project
from refbench.metrics.covered import shown_by
from refbench.metrics.covered_identity import IDENTITY, RETURN, SIMILARITY
from refbench.protocols import build_instances
from refbench.registry import Registry, load_class
from refbench.specs import DataRequest
from refbench.types import Image

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Known:
    """A target, a reference, and where it is known whether the one shows the other."""

    group: str
    target: Image
    reference: Image
    shown: Mask
    told: Mask


def warped() -> Iterator[Known]:
    """The sample's images and their known warps."""
    data = open_dataset("cufed5")
    from importlib.resources import files

    import yaml

    text = (files("refbench.configs") / "suite" / "cufed5_matching.yaml").read_text(encoding="utf-8")
    for instance in build_instances(parse_suite(yaml.safe_load(text), "cufed5_matching")):
        name = (instance.transform or "none").partition("@")[0]
        for sample in data.ids():
            trial = instance.apply(data.load(sample), 0, 0, data)
            assert trial.target is not None
            assert trial.truth is not None
            height, width = trial.target.shape[:2]
            xs, ys = np.meshgrid(np.arange(width), np.arange(height))
            places = project(trial.truth, np.stack([xs, ys], axis=-1).astype(float))
            h, w = trial.refs[0].shape[:2]
            inside = np.asarray((places >= 0).all(axis=-1) & (places <= [w - 1, h - 1]).all(axis=-1))
            label = f"{name} {instance.level or ''}".strip()
            yield Known(label, trial.target, trial.refs[0], inside, np.ones_like(inside))


def stereo() -> Iterator[Known]:
    """The stereo pair; occluded pixels are those with a disparity and without a visible place."""
    data = open_dataset("stereo")
    read = load_class("refbench.datasets.stereo.disparity:read_disparity")
    for sample_id in data.ids():
        sample = data.load(sample_id)
        disparity = read(data._truth[sample_id][0])
        seen = np.isfinite(sample.places).all(axis=-1)
        yield Known("stereo pair", sample.hr, sample.refs[0], seen, np.isfinite(disparity))


def unrelated() -> Iterator[Known]:
    """Each image of the sample with the reference of the next one."""
    data = open_dataset("cufed5")
    ids = data.ids()
    for a, b in zip(ids, (*ids[1:], ids[0]), strict=True):
        target, reference = data.load(a).hr, data.load(b).refs[0]
        nothing = np.zeros(target.shape[:2], bool)
        yield Known("unrelated", target, reference, nothing, ~nothing)


def open_dataset(name: str) -> Any:
    """A dataset that is shipped."""
    return load_class(Registry.discover().dataset(name if name != "cufed5" else "sample").target)(
        DataRequest()
    )


def main() -> None:
    """One line per group: share shown in truth, called shown, precision, recall, and the share of what is
    not shown that is called shown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sweep", action="store_true")
    sweep = parser.parse_args().sweep
    similarities = (0.6, 0.7, 0.75, 0.8, 0.85, 0.9) if sweep else (SIMILARITY,)
    backs = (4.0, 8.0, 16.0) if sweep else (float(RETURN),)
    print(f"covered({IDENTITY})")
    print(
        f"{'group':<24}{'sim':>6}{'fb':>5}{'shown':>8}{'called':>8}{'precision':>11}{'recall':>8}{'wrongly':>9}"
    )
    cases = [*warped(), *stereo(), *unrelated()]
    for similarity in similarities:
        for back in backs:
            counts: dict[str, list[float]] = {}
            for case in cases:
                mask = shown_by(case.target, case.reference, similarity=similarity, back=back)
                sums = counts.setdefault(case.group, [0.0, 0.0, 0.0, 0.0])
                told = case.told
                sums[0] += (case.shown & told).sum()
                sums[1] += (mask & told).sum()
                sums[2] += (mask & case.shown & told).sum()
                sums[3] += told.sum()
            for group, (shown, called, both, total) in counts.items():
                precision = f"{both / called:.3f}" if called else "-"
                recall = f"{both / shown:.3f}" if shown else "-"
                wrongly = f"{(called - both) / (total - shown):.3f}" if total > shown else "-"
                print(
                    f"{group:<24}{similarity:>6}{back:>5.0f}{shown / total:>8.3f}{called / total:>8.3f}"
                    f"{precision:>11}{recall:>8}{wrongly:>9}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
