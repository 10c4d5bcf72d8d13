"""``refbench verify method=NAME golden=FILE.npz keys=FILE.json``: agreement with official forward passes.

A method that can be checked this way has a module ``golden`` in its folder with
``run(case, k)``, which fills its nets, runs them and hands every intermediate to the case.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from refbench.conformance.golden_case import AnyArray, GoldenCase, stopped
from refbench.conformance.golden_report import GoldenReport, render
from refbench.errors import UserError

__all__ = ["GoldenReport", "check_golden", "read_arrays", "read_networks", "render"]


def check_golden(
    method_name: str, golden: Path, keys: Path, k: int | None = None, device: str = "cpu"
) -> GoldenReport:
    """Fill ``method_name``'s nets by the golden weight rule, run them and compare every stored array.

    ``k``: matches to mix (DATSR; its K=2 file also stores the K=1 result). Values must agree on the scale
    of their array (see RTOL in refbench.conformance.golden_case), indices wherever the two best
    similarities differ by more than 1e-5, and an array that is stored but never compared is a failure.
    UserError for files that cannot be read and for methods that have no golden check.
    """
    import torch

    from refbench.execution.precision import precision_scope

    package = f"refbench.methods.{method_name}"
    if importlib.util.find_spec(package) is None or importlib.util.find_spec(f"{package}.golden") is None:
        raise UserError(
            f"method {method_name!r} has no golden check; run `refbench verify method={method_name}`"
        )
    module: Any = importlib.import_module(f"{package}.golden")
    case = GoldenCase(method_name, golden, read_arrays(golden), read_networks(keys), module.OPTIONAL, device)
    try:
        # cuDNN's default is TF32, which the stored arrays are not made with
        with torch.inference_mode(), precision_scope("fp32"):
            module.run(case, keys, k)
    except Exception as error:
        if not stopped(error):
            raise
    return case.report()


def read_arrays(path: Path) -> Mapping[str, AnyArray]:
    """All arrays of an npz file (no pickled objects). UserError when it cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except FileNotFoundError:
        raise UserError(f"golden={path}: no such file; give the .npz of the golden case") from None
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise UserError(f"golden={path}: not a readable npz file ({error})") from None


def read_networks(path: Path) -> Mapping[str, Any]:
    """Network name -> key list of a keys.json file. UserError when it cannot be read."""
    try:
        networks: Any = json.loads(path.read_text(encoding="utf-8"))["networks"]
    except FileNotFoundError:
        raise UserError(f"keys={path}: no such file; give the .keys.json of the method") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"keys={path}: not a key list ({type(error).__name__}: {error})") from None
    if not isinstance(networks, dict):
        raise UserError(f"keys={path}: its `networks` is not a table")
    return networks
