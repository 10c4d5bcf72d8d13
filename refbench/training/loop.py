"""The optimisation loop shared by both stages: deterministic, resumable, one process or several.

Everything random at step t comes from (seed, stage, t): a resumed run needs no generator state and sees
the same data, whatever was computed before.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from refbench.errors import UserError

from .data.ahead import Pairs, made_ahead
from .data.pair import Batch, collate
from .distributed import Group
from .optim import AveragedWeights, make_adam, rate_factor, set_rates, stable_steps
from .recipe import OptimRecipe
from .state import load_state, save_state

Validate = Callable[[], dict[str, float]]


def item_generator(seed: int, stage: str, step: int, item: int) -> np.random.Generator:
    """The generator of one training pair: a function of its place in the run alone."""
    return np.random.default_rng([seed, zlib.crc32(stage.encode()), step, item])


@dataclass(frozen=True)
class LoopPlan:
    """What does not change while the loop runs."""

    stage: str
    steps: int
    """Length of the schedule."""
    stop: int
    """Stop after this step: ``steps``, or earlier by train.max_steps."""
    seed: int
    optim: OptimRecipe
    path: Path
    """Where the state for a resume is kept."""
    recipe: str
    """Recipe JSON without the length of the schedule, and data fingerprint; a state of another recipe is
    refused."""
    precision: str = "fp32"
    checkpoint_every: int = 250
    validate_every: int = 500
    workers: int = 0
    """Processes that make pairs ahead."""


@dataclass
class Progress:
    """The curve so far."""

    step: int = 0
    seconds: float = 0.0
    """CPU seconds of the training process, over all sessions."""
    rows: list[dict[str, float]] = field(default_factory=list)
    """One per validation: step, loss, lr, and what the validation returned."""


class Loop:
    """Trains ``objective``, a module whose forward maps a Batch to a dict with the scalar ``loss``.

    ``net`` is the part of it that is optimised, averaged and saved.
    """

    def __init__(
        self,
        plan: LoopPlan,
        net: nn.Module,
        objective: nn.Module,
        pairs: Pairs,
        validate: Validate,
        echo: Callable[[str], None],
        group: Group,
        extra_update: Callable[[Batch, int], dict[str, float]] | None = None,
        extra_state: Mapping[str, Any] | None = None,
    ) -> None:
        self.plan, self.net, self.pairs = plan, net, pairs
        self.validate, self.echo, self.group = validate, echo, group
        self.objective = group.wrap(objective)
        self.optimizer = make_adam(net, plan.optim)
        self.average = AveragedWeights(net, plan.optim.ema) if plan.optim.ema else None
        self.scaler = torch.amp.GradScaler(enabled=plan.precision == "fp16" and group.device.type == "cuda")
        self.progress = Progress()
        self.extra_update, self.extra_state = extra_update, dict(extra_state or {})
        self._losses: list[float] = []

    def run(self) -> Progress:
        """Resume where the saved state ends, train to ``plan.stop``, leave the final weights in ``net``."""
        self._resume()
        plan, started = self.plan, time.process_time() - self.progress.seconds
        with made_ahead(self.pairs, range(self.progress.step, plan.stop), plan.workers) as self.pairs:
            while self.progress.step < plan.stop:
                self._step(self.progress.step)
                self.progress.step += 1
                step = self.progress.step
                last = step == plan.stop
                if step % plan.validate_every == 0 or last:
                    self.progress.seconds = time.process_time() - started
                    self._validate(step)
                if step % plan.checkpoint_every == 0 or last:
                    self.progress.seconds = time.process_time() - started
                    self._save()
        if self.average is not None:
            self.average.swap(self.net)
        return self.progress

    def draw(self, step: int) -> Batch:
        """The batch of a step on this process's device."""
        return collate(self.pairs(step), str(self.group.device))

    def _step(self, step: int) -> None:
        plan, device = self.plan, self.group.device
        batch = self.draw(step)
        set_rates(self.optimizer, rate_factor(step, plan.steps, plan.optim))
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            # dropout and drop-path draw from torch's generator: tie it to the step as well
            torch.manual_seed(zlib.crc32(f"{plan.seed}/{plan.stage}/{step}/{self.group.rank}".encode()))
            if self.extra_update is not None:
                self.extra_update(batch, step)
            with self._autocast():
                terms: dict[str, Tensor] = self.objective(batch, step)
        loss = terms["loss"]
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if plan.optim.clip:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.net.parameters(), plan.optim.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average is not None:
            self.average.update(self.net, step)
        self._losses.append(float(loss.detach()))

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.plan.precision == "fp32":
            return nullcontext()
        kind = torch.bfloat16 if self.plan.precision == "bf16" else torch.float16
        return torch.autocast(self.group.device.type, dtype=kind)

    def _validate(self, step: int) -> None:
        if self.average is not None:
            self.average.swap(self.net)
        self.net.eval()
        with torch.no_grad():
            scores = self.validate() if self.group.rank == 0 else {}
        self.net.train()
        if self.average is not None:
            self.average.swap(self.net)
        loss = sum(self._losses) / max(1, len(self._losses))
        self._losses.clear()
        row = {"step": float(step), "loss": loss, "cpu_seconds": round(self.progress.seconds, 1), **scores}
        self.progress.rows.append(row)
        if self.group.rank == 0:
            shown = "  ".join(f"{k} {v:.3f}" for k, v in scores.items())
            pace = self.progress.seconds / step
            left = pace * (self.plan.stop - step) / 60
            self.echo(
                f"{self.plan.stage}  step {step}/{self.plan.stop}  loss {loss:.4f}  {shown}  "
                f"[{self.progress.seconds / 60:.1f} CPU min, {left:.1f} left]"
            )

    def _save(self) -> None:
        if self.group.rank != 0:
            return
        save_state(
            self.plan.path,
            {
                "recipe": self.plan.recipe,
                "steps": self.plan.steps,
                "net": self.net.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "average": self.average.state() if self.average else {},
                "scaler": self.scaler.state_dict(),
                "extra": {name: part.state_dict() for name, part in self.extra_state.items()},
                "step": self.progress.step,
                "seconds": self.progress.seconds,
                "rows": self.progress.rows,
                "losses": self._losses,
            },
        )

    def _resume(self) -> None:
        plan = self.plan
        state = load_state(plan.path, plan.recipe)
        if state is None:
            return
        if state["steps"] != plan.steps:
            stable = stable_steps(min(plan.steps, state["steps"]), plan.optim)
            if state["step"] > stable:
                raise UserError(
                    f"{str(plan.path)!r} is at step {state['step']} of {state['steps']}; a budget "
                    f"of {plan.steps} has its rate until step {stable} only; choose another out= or remove it"
                )
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load(state["average"])
        self.scaler.load_state_dict(state["scaler"])
        for name, part in self.extra_state.items():
            part.load_state_dict(state["extra"][name])
        self.progress = Progress(state["step"], state["seconds"], list(state["rows"]))
        self._losses = list(state["losses"])
        self.echo(f"{self.plan.stage}  resuming after step {self.progress.step}")
