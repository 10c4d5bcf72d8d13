"""From a checkpoint file to a net: spandrel recognises the architecture by its tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from refbench.errors import UserError
from refbench.extras import install_command
from refbench.specs import CheckpointFacts
from refbench.weights.checkpoint import read_checkpoint

from .licences import architecture_licence

SCALES = (2, 3, 4, 8)
PURPOSE = "SR"


def load_net(path: Path) -> Any:
    """spandrel's descriptor of the net in ``path``, in eval mode and float32 on the CPU.

    The file is read by refbench: tensors only, nothing in it is executed. UserError, one line: spandrel is
    not installed; no architecture that it knows; not a net for RGB super-resolution by 2, 3, 4 or 8.
    """
    spandrel = _spandrel()
    tensors = dict(read_checkpoint(path).tensors)
    try:
        found = spandrel.ModelLoader().load_from_state_dict(spandrel.canonicalize_state_dict(tensors))
    except spandrel.UnsupportedModelError:
        raise UserError(
            f"{path}: not a checkpoint of an architecture that spandrel {spandrel.__version__} knows; "
            "run another net as method=command or method=my.py:SPEC"
        ) from None
    except Exception as error:  # architectures raise what they like for tensors that only look like theirs
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{path}: spandrel cannot build its net ({first[:160]}); is the file whole?"
        ) from None
    name = found.architecture.name
    if not isinstance(found, spandrel.ImageModelDescriptor) or found.purpose != PURPOSE:
        raise UserError(f"{path}: is a {name} for {found.purpose}, not for super-resolution")
    if found.scale not in SCALES:
        raise UserError(f"{path}: is a {name} that enlarges x{found.scale}; x2, x3, x4 and x8 can be scored")
    if (found.input_channels, found.output_channels) != (3, 3):
        raise UserError(
            f"{path}: is a {name} for {found.input_channels} channels; RGB nets with 3 can be scored"
        )
    return found.float().eval()


def facts(path: Path) -> CheckpointFacts:
    """Architecture, scale and licence of the net in ``path``. UserError as for :func:`load_net`."""
    found = load_net(path)
    architecture = found.architecture
    return CheckpointFacts(
        f"{architecture.name} x{found.scale}", found.scale, architecture_licence(architecture.id)
    )


def _spandrel() -> Any:
    try:
        import spandrel
    except ImportError as error:
        raise UserError(
            f"method=sisr needs spandrel ({error}); install it with: {install_command('sisr')}"
        ) from None
    return spandrel
