"""Adam with parameter groups by name, learning-rate schedules, and averaged weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from refbench.errors import UserError

from .recipe import GroupRecipe, OptimRecipe


def parameter_groups(
    named: list[tuple[str, nn.Parameter]], lr: float, groups: tuple[GroupRecipe, ...]
) -> list[dict[str, object]]:
    """Trainable parameters split by the first group whose words all occur in the name, else ``lr``.

    UserError when a group catches nothing: its words no longer fit the net.
    """
    named = [(name, parameter) for name, parameter in named if parameter.requires_grad]
    buckets: list[list[nn.Parameter]] = [[] for _ in range(len(groups) + 1)]
    for name, parameter in named:
        fits = (i for i, g in enumerate(groups) if all(word in name for word in g.match))
        buckets[next(fits, len(groups))].append(parameter)
    for group, bucket in zip(groups, buckets, strict=False):
        if not bucket:
            raise UserError(
                f"train.stage2.optim.groups: no parameter has {' and '.join(group.match)} in its name"
            )
    rates = [g.lr for g in groups] + [lr]
    return [{"params": p, "lr": r, "base_lr": r} for p, r in zip(buckets, rates, strict=True) if p]


def rate_factor(step: int, steps: int, recipe: OptimRecipe) -> float:
    """What every group's learning rate is multiplied by at ``step`` (from 0) of ``steps``."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    if recipe.schedule == "steps":
        return recipe.factor ** sum(step >= m for m in recipe.milestones)
    if recipe.schedule == "cosine":
        progress = (step - recipe.warmup) / max(1, steps - recipe.warmup)
        return recipe.floor + (1 - recipe.floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    if recipe.schedule == "cooldown":
        start = stable_steps(steps, recipe)
        progress = (step - start) / max(1, steps - start)
        return 1 - (1 - recipe.floor) * min(1.0, max(0.0, progress))
    return 1.0


def stable_steps(steps: int, recipe: OptimRecipe) -> int:
    """Steps after which the rate depends on how many ``steps`` there are; 0 where it always does."""
    return round(steps * (1 - recipe.cooldown)) if recipe.schedule == "cooldown" else 0


def make_adam(module: nn.Module, recipe: OptimRecipe) -> torch.optim.Adam:
    """Adam over the trainable parameters of ``module``; ``base_lr`` of each group feeds the schedule."""
    groups = parameter_groups(list(module.named_parameters()), recipe.lr, recipe.groups)
    return torch.optim.Adam(groups, lr=recipe.lr, betas=recipe.betas)


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set each group's learning rate to ``factor`` times its base."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor


class AveragedWeights:
    """Exponential moving average of a module's parameters; early steps use a shorter memory.

    The decay at step t is min(decay, (1 + t) / (10 + t)), so that the random start is soon forgotten.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {n: p.detach().clone() for n, p in module.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move the average towards the present weights."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, parameter in module.named_parameters():
            if name in self.values:
                self.values[name].lerp_(parameter.detach(), 1 - decay)

    @torch.no_grad()
    def swap(self, module: nn.Module) -> None:
        """Exchange the module's weights with the averaged ones; calling it twice restores them."""
        for name, parameter in module.named_parameters():
            if name in self.values:
                present = parameter.detach().clone()
                parameter.copy_(self.values[name])
                self.values[name] = present

    def state(self) -> dict[str, Tensor]:
        """The averages by parameter name."""
        return self.values

    def load(self, state: dict[str, Tensor]) -> None:
        """Restore what :meth:`state` gave, on the module's device: a state is read on the CPU."""
        self.values = {name: state[name].to(value.device, copy=True) for name, value in self.values.items()}
