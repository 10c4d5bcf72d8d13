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
from refbench.weights.header import MOST_TENSORS, check_header, read_header, read_metadata, shown

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

    check_header(path, read_header(path))
    try:
        return load_file(path), read_metadata(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(
            f"{path}: damaged or truncated safetensors file ({_first(error)}); copy it again"
        ) from None


def _read_torch(path: Path) -> object:
    packed = zipfile.is_zipfile(path)
    if packed:
        _check_zip(path)
    try:
        # memory-mapping reads only what is used: VGG19's classifier is 500 MB that no net here needs
        loaded: object = torch.load(path, map_location="cpu", weights_only=True, mmap=packed)
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


def _check_zip(path: Path) -> None:
    """UserError for a zip file that torch did not write: it stores tensors as they are, one file each."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UserError(
            f"{path}: damaged or truncated checkpoint ({_first(error)}); download it again"
        ) from None
    if len(members) > MOST_TENSORS:
        raise UserError(
            f"{path}: holds {len(members)} parts, over {MOST_TENSORS}; it is not a checkpoint of a net"
        )
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise UserError(f"{path}: its parts are compressed, which torch.save never does; get the file anew")
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise UserError(f"{path}: its parts overlap; the file is damaged or made up")


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
    if len(loaded) > MOST_TENSORS:
        raise UserError(
            f"{path}: holds {len(loaded)} entries, over {MOST_TENSORS}; it is not a checkpoint of a net"
        )
    for name, value in loaded.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise UserError(
                f"{path}: entry {shown(name)} is not a tensor; give the network's state_dict, "
                "not a training state"
            )
        if value.layout != torch.strided or value.device.type != "cpu":
            raise UserError(
                f"{path}: {shown(name)} is not a plain tensor ({value.layout}); save it as a dense one"
            )
        # strides of 0 can claim any size for a few stored bytes, and would fill memory when they are copied
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise UserError(f"{path}: {shown(name)} claims more values than the file holds; it is made up")
    return dict(loaded)
