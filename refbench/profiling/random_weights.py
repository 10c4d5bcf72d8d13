"""``method.weights=random``: a net of official size without its checkpoint, to measure what it costs.

The method's own ``trainable`` module builds the net and its start of training, here from a seed; it
is written as a whole-model file and loaded the way every checkpoint is. Images restored with it mean
nothing, so the label says what it is.
"""

from __future__ import annotations

from pathlib import Path

from refbench.errors import UserError
from refbench.specs import MethodSpec
from refbench.weights import ResolvedWeights

RANDOM = "random"
DEFAULT_SIZE = "official"


def is_random(choice: str | None) -> bool:
    """Whether a weights choice is ``random`` or ``random:SIZE``."""
    return choice is not None and (choice == RANDOM or choice.startswith(f"{RANDOM}:"))


def random_label(choice: str) -> str:
    """What tables show: ``random weights, official size``."""
    return f"{RANDOM} weights, {_size(choice)} size"


def random_weights(spec: MethodSpec, choice: str, seed: int, folder: Path) -> ResolvedWeights:
    """Build the net that ``choice`` names (``random``, ``random:compact``) and write it into ``folder``.

    UserError for a method without weights and for one whose nets refbench cannot build.
    """
    if not spec.variants:
        raise UserError(f"method.weights={choice}: {spec.name} has no weights; leave method.weights= out")
    import torch
    from safetensors.torch import save_file

    from refbench.training.trainable import build_trainable
    from refbench.weights.save import FORMAT

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            net = build_trainable(spec.name, _size(choice), {}, spec.trainable)
        except UserError as error:
            raise UserError(f"method.weights={choice}: {error}") from error
    path = folder / f"{spec.name}-{_size(choice)}-random.safetensors"
    tensors = {name: value.detach().contiguous().clone() for name, value in net.model.state_dict().items()}
    save_file(tensors, path, {"format": FORMAT, "method": spec.name, "config": net.config_json})
    label = random_label(choice)
    return ResolvedWeights(spec.name, RANDOM, label, {"net": path}, {"net": None}, {"net": False})


def _size(choice: str) -> str:
    return choice.partition(":")[2] or DEFAULT_SIZE
