"""Everything about CUDA in a few minutes on one card: ``make gpu-check``, or ``python tools/gpu_check.py``.

Writes one folder with ``summary.md`` and ``summary.json``; exit code 0 when every part passed, 1 when one
failed, 5 without a card. It needs no network, and of refbench's dependencies only torch, torchvision,
numpy, pillow, pandas, scikit-image, pyyaml, rich, jinja2, matplotlib, safetensors, pydantic, hydra-core and
omegaconf; refbench itself need not be installed.

  --cpu          the same table from the parts that a CPU can run, on small sizes: a dry run
  --out DIR      where to write (gpu-check)
  --parts A,B    only these parts
  --limit S      seconds that one part may take (150 on a card, 900 on a CPU): a part that hangs is a row
"""

from __future__ import annotations

import argparse
import atexit
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NO_CARD = 5


def linked_package() -> None:
    """Make ``refbench`` importable from this checkout, also in child processes, where it is not installed.

    Its four top-level folders are mapped into the package by an install; here links do that.
    """
    if importlib.util.find_spec("refbench") is not None and importlib.util.find_spec("refbench.methods"):
        return
    for name in [n for n in sys.modules if n == "refbench" or n.startswith("refbench.")]:
        del sys.modules[name]
    folder = Path(tempfile.mkdtemp(prefix="refbench-linked-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    package = folder / "refbench"
    package.mkdir()
    inside = [p for p in (ROOT / "refbench").iterdir() if p.name != "__pycache__"]
    for path in [*inside, *(ROOT / name for name in ("methods", "datasets", "reports", "configs"))]:
        (package / path.name).symlink_to(path)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), *([before] if before else [])])


def main(words: list[str] | None = None) -> int:
    """Run the parts one after the other; a part that fails is a row, and the next one runs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("gpu-check"))
    parser.add_argument("--parts", default="")
    parser.add_argument("--limit", type=float, default=0.0)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(words)
    import torch

    if not args.cpu and not torch.cuda.is_available():
        print("gpu-check: no CUDA device here; run it on a machine with a card, or a dry run with --cpu")
        return NO_CARD
    linked_package()
    from gpu_parts.table import run_here, run_parts

    parts = [p for p in args.parts.split(",") if p]
    if args.child is not None:
        said, sys.stdout = sys.stdout, sys.stderr
        args.child.mkdir(parents=True, exist_ok=True)
        run_here(args.cpu, args.child, parts, lambda event: print(json.dumps(event), file=said, flush=True))
        return 0
    return run_parts(args.cpu, args.out, parts, args.limit or (900.0 if args.cpu else 150.0))


if __name__ == "__main__":
    sys.exit(main())
