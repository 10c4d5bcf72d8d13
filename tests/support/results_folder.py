"""Results folders for tests of reports, written through the store as a run writes them."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PilImage

from refbench.identity.keys import digest
from refbench.metrics import METRICS, MetricCatalog, metric_facts
from refbench.protocols import ProtocolInstance, build_instances
from refbench.protocols.instance import control_id, control_of
from refbench.settings import ProtocolEntry, SuiteConfig
from refbench.store import CellStore, Manifest, SampleRow

SUITE = SuiteConfig(
    "tests",
    "cufed5",
    "every kind of protocol",
    (
        ProtocolEntry(control=True),
        *(ProtocolEntry(transform="jitter", level=level, draws=2) for level in ("x2", "x0.5", "x1")),
        *(ProtocolEntry(transform="flip", level=level) for level in ("vertical", "horizontal")),
        ProtocolEntry(reference={"policy": "level", "level": 5}),
        ProtocolEntry(reference={"policy": "hr"}),
        ProtocolEntry(reference={"policy": "other"}, draws=2),
        ProtocolEntry(reference={"policy": "foreign"}, draws=2),
        ProtocolEntry(reference={"policy": "constant"}),
        ProtocolEntry(reference={"policy": "count", "count": 2, "order": "best"}),
        ProtocolEntry(reference={"policy": "count", "count": 3, "order": "best"}),
        ProtocolEntry(card="c2_matching"),
    ),
)
METHODS = {"bicubic": 0.0, "datsr": 1.2, "ttsr": 0.6}
"""Method -> dB above bicubic with its control reference."""
WORK = {"bicubic": {"parameters": 0.0}, "datsr": {"parameters": 453161.0, "flops": 6.2866e9}}
"""What the first row of a cell records; ttsr is made to be one of the methods that cannot tell."""
EFFECT = {
    "x0.5": -0.1, "x1": -0.3, "x2": -0.8, "vertical": -0.5, "horizontal": -0.4, "L5": -0.7, "hr": 2.0,
    "other": -0.9, "foreign": -1.1, "constant": -1.0, "2best": 0.2, "3best": 0.3,
}  # fmt: skip
"""Part of a protocol's id -> dB for methods that use references."""


def instances() -> tuple[ProtocolInstance, ...]:
    """Protocol instances of SUITE."""
    return build_instances(SUITE)


def write_results(
    folder: Path,
    *,
    methods: Mapping[str, float] = METHODS,
    ids: Sequence[str] = tuple(f"{i:03d}" for i in range(10)),
    protocols: Sequence[ProtocolInstance] | None = None,
    draws: int | None = None,
    images: bool = False,
    dataset_label: str = "cufed5-sample",
    fingerprint: str = "f" * 64,
    weights: str = "compact",
    metrics: Sequence[str] = ("psnr_y", "ssim_y"),
    label: str = "",
) -> None:
    """One cell per method and protocol; values depend on image, method and protocol's effect alone."""
    specs = MetricCatalog(METRICS).of_names(metrics)
    for instance in protocols if protocols is not None else instances():
        compare = {
            "dataset": fingerprint,
            "protocol": {"id": instance.id, "params": instance.identity()},
            "seed": 0,
        }
        for method, gain in methods.items():
            own_weights = "" if method == "bicubic" else weights
            identity: dict[str, Any] = {
                "method": method, "code": "c0de", "weights": {"net": own_weights}, "params": {},
                "precision": "fp32", "dataset": fingerprint, "protocol": compare["protocol"], "seed": 0,
            }  # fmt: skip
            shown = label if label and method != "bicubic" else method
            manifest = Manifest(
                run_key=digest(identity),
                method=method,
                dataset="cufed5",
                protocol=instance.id,
                method_label=f"{shown} ({own_weights})" if own_weights else shown,
                weights=own_weights,
                dataset_label=dataset_label,
                suite=SUITE.name,
                controls={SUITE.name: control_id(instance, control_of(instances()))},
                baseline=method == "bicubic",
                identity=identity,
                compare=compare,
                metrics=metric_facts(specs),
                config={"dataset": "cufed5", "data": {}, "suite": asdict(SUITE)},
                sessions=({"id": "s", "started": "2026-01-02T03:04:05+00:00", "git": {"commit": "abc"}},),
            )
            effect = next((v for k, v in EFFECT.items() if k in instance.id), 0.0) if gain else 0.0
            with CellStore.open(folder, manifest.run_key, manifest) as store:
                for sample in ids:
                    for draw in range(draws if draws is not None else instance.draws):
                        row = _row(sample, draw, method, gain + effect, instance.id, specs)
                        if (sample, draw) == (ids[0], 0):
                            row = replace(row, work=WORK.get(method, {}))
                        if images:
                            name = store.write_image(sample, draw, _png(sample, method))
                            row = row.with_image(name)
                        store.append(row)


def _row(sample: str, draw: int, method: str, gain: float, protocol: str, specs: Sequence[Any]) -> SampleRow:
    base = 20.0 + zlib.crc32(sample.encode("utf-8", "surrogatepass")) % 1000 / 100
    noise = zlib.crc32(f"{sample!r}{method}{protocol}{draw}".encode()) % 100 / 1000 - 0.05
    value = base + gain + (noise if method != "bicubic" else 0.0)
    size = 32 + 4 * (zlib.crc32(repr(sample).encode()) % 8)
    stages = {"restore": {"seconds": 0.01, "cpu_seconds": 0.01, "peak_mb": 1.0}}
    if method != "bicubic":
        stages["match"] = {"seconds": 0.03 * size / 32, "cpu_seconds": 0.03, "peak_mb": 5.0}
    return SampleRow(
        sample_id=sample,
        draw=draw,
        metrics={s.signature: value if s.unit == "dB" else value / 50 for s in specs},
        ref_names=("r.png",),
        hr_size=(4 * size, 4 * size),
        lr_size=(size, size),
        ref_sizes=((4 * size, 4 * size),),
        seconds={"method": 0.01 if method == "bicubic" else 0.05, "total": 0.1},
        stages=stages,
        peak_mb=100.0 + 50.0 * gain,
        device="cpu",
    )


def _png(sample: str, method: str) -> bytes:
    seed = int.from_bytes(hashlib.sha256(f"{sample!r}{method}".encode()).digest()[:4], "big")
    rng = np.random.default_rng(seed)
    plain = np.linspace(0, 255, 64 * 80 * 3).reshape(64, 80, 3)
    noisy = plain + rng.normal(0, 5 if method == "bicubic" else 25, plain.shape)
    buffer = io.BytesIO()
    PilImage.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()
