"""Reading checkpoints: tensors only, never code."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from refbench.errors import UserError
from refbench.weights.header import read_header, read_metadata

WRAPPERS = ("state_dict", "params_ema", "params", "model")
"""Keys under which common training code nests a state_dict, in order of preference."""


@dataclass(frozen=True)
class Checkpoint:
    """A state_dict and, from safetensors files, its text metadata."""

    path: Path
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a safetensors file, or a torch file (zip or legacy pickle) with ``weights_only=True``.

    ``module.`` prefixes of data-parallel training are removed. UserError, one line: missing, empty,
    truncated or damaged file; a pickle that asks for anything but tensors (it is not executed); a file
    that holds no state_dict.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; check method.weights and weights.root")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty (0 bytes); download it again")
    if path.suffix == ".safetensors" or read_header(path) is not None:
        tensors, metadata = _read_safetensors(path)
    else:
        tensors, metadata = _state_dict(_read_torch(path), path), {}
    return Checkpoint(path, {_plain(name): value for name, value in tensors.items()}, metadata)


def _plain(name: str) -> str:
    return name.removeprefix("module.")


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], Mapping[str, str]]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path), read_metadata(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(
            f"{path}: damaged or truncated safetensors file ({_first(error)}); copy it again"
        ) from None


def _read_torch(path: Path) -> object:
    try:
        # memory-mapping reads only what is used: VGG19's classifier is 500 MB that no net here needs
        loaded: object = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except pickle.UnpicklingError as error:
        asked = re.search(r"GLOBAL (\S+)", str(error))
        if asked is not None:
            raise UserError(
                f"{path}: refused, its pickle asks for {asked.group(1)} and a checkpoint needs only tensors; "
                "nothing was executed; get the file from its authors"
            ) from None
        raise UserError(f"{path}: no checkpoint, or damaged ({_first(error)}); download it again") from None
    except Exception as error:  # torch raises many kinds for damaged files, from EOFError to IndexError
        raise UserError(
            f"{path}: damaged or truncated checkpoint ({_first(error)}); download it again"
        ) from None
    return loaded


def _first(error: Exception) -> str:
    """First line of an exception's text, short enough for one line."""
    text = str(error).strip().split("\n")[0][:120]
    return text or type(error).__name__


def _state_dict(loaded: object, path: Path) -> dict[str, Tensor]:
    """The name -> tensor mapping in what a torch file held."""
    for wrapper in WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
            break
    if not isinstance(loaded, Mapping) or not loaded:
        raise UserError(
            f"{path}: holds {type(loaded).__name__}, not a state_dict; give the network's checkpoint"
        )
    odd = next((k for k, v in loaded.items() if not isinstance(k, str) or not isinstance(v, Tensor)), None)
    if odd is not None:
        raise UserError(
            f"{path}: entry {odd!r} is no tensor; give the network's state_dict, not a training state"
        )
    return dict(loaded)
