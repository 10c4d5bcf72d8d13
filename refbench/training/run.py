"""``train``: one run from a recipe to a checkpoint; killed and repeated, it goes on where it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from refbench.files.disk import write_atomic

from .checkpoint import export, load_encoder, metadata
from .curves import draw_curves
from .data.ahead import Pairs
from .data.pair import Pair
from .data.source import PairSource, Refuse, TrainingData, open_data
from .distributed import Group, process_group
from .loop import Loop, LoopPlan, Progress, item_generator
from .recipe import OptimRecipe, Recipe, Stage2Recipe, ValidationRecipe, load_recipe
from .stage1.objective import EncoderObjective
from .stage2.objective import CriticTrainer, RestorationObjective
from .trainable import Trainable, build_trainable
from .validation import ValidationSet

Echo = Callable[[str], None]
Publish = Callable[["TrainingResult"], None]


@dataclass(frozen=True)
class TrainingResult:
    """A finished run, as a tracker may want to mirror it."""

    checkpoint: Path
    curves: Path
    recipe: Recipe
    stages: Mapping[str, Sequence[Mapping[str, float]]]
    """Stage -> one row per validation: step, loss, cpu_seconds and scores."""
    data_fingerprint: str


def train(config: Mapping[str, Any], echo: Echo, refuse: Refuse, publish: Publish | None = None) -> Path:
    """Train what ``config`` asks for (keys method, preset, out, seed, device, train); the checkpoint.

    The folder is ``out/METHOD-PRESET-seedN``. ``refuse`` raises for photos that must
    not be trained on. ``publish`` is called with the result once it is on disk,
    by the first process only. UserError for anything in the configuration or data that cannot be used.
    """
    recipe = load_recipe(config)
    folder = Path(str(config.get("out") or "training")) / f"{recipe.method}-{recipe.preset}-seed{recipe.seed}"
    with process_group(recipe.device) as group, _threads(recipe.threads):
        data = open_data(recipe, refuse)
        result = _Run(recipe, data, folder, group, echo if group.rank == 0 else _silent).run()
        group.wait()
    if publish is not None and group.rank == 0:
        publish(result)
    return result.checkpoint


def _silent(line: str) -> None:
    """What the other processes of a group say."""


class _threads:
    """Sets torch's CPU threads for a block and restores them."""

    def __init__(self, count: int) -> None:
        self.count, self.before = count, torch.get_num_threads()

    def __enter__(self) -> None:
        if self.count:
            torch.set_num_threads(self.count)

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self.before)


class _Run:
    """The stages of one run, each with its own resumable state file."""

    def __init__(self, recipe: Recipe, data: TrainingData, folder: Path, group: Group, echo: Echo) -> None:
        self.recipe, self.data, self.folder, self.group, self.echo = recipe, data, folder, group, echo
        v = recipe.validation
        self.validation = ValidationSet(
            data.validation, recipe.synthesis, v.patch, v.pairs, recipe.stage2.references
        )
        # what the run computes at each step, without where and for how long: a resume may change those
        fixed = replace(
            recipe.anywhere(), trainable="", budget=0, stage2=replace(recipe.stage2, steps=0),
            validation=ValidationRecipe(),
        )  # fmt: skip
        self.source = f" data={data.fingerprint} processes={group.size}"
        self.identity = fixed.identity() + self.source
        # stage 1 may be reused when only later stages change
        early = replace(fixed, stage2=Stage2Recipe(), export_net={})
        self.early_identity = early.identity() + self.source
        self.stages: dict[str, list[dict[str, float]]] = {}

    def run(self) -> TrainingResult:
        started = time.time()
        net = self._fresh(0)
        if self.recipe.encoder:
            self.identity += f" encoder={load_encoder(self.recipe.encoder, net)}"
        elif self.recipe.stage1.teacher or self.recipe.stage1.student:
            if net.encoder is None:
                self.echo(f"stage1  none: {self.recipe.method} matches nothing")
            else:
                self._stage1(net)
        frozen = self.recipe.stage2.encoder == "frozen"
        if net.encoder is not None:
            net.encoder.requires_grad_(not frozen)
        if self.recipe.steps:
            self._stage2(net)
        path, curves = self.folder / f"{self.recipe.weights}.safetensors", self.folder / "curves.png"
        if self.group.rank == 0:
            self._write(net, path, curves)
            self.echo(
                f"{path}  ({path.stat().st_size / 1e6:.2f} MB, {time.time() - started:.0f} s this session)"
            )
        return TrainingResult(path, curves, self.recipe, self.stages, self.data.fingerprint)

    def _fresh(self, salt: int) -> Trainable:
        """The net with its initial weights, which depend on the seed alone."""
        recipe = self.recipe
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.seed * 1000 + salt)
            net = build_trainable(recipe.method, recipe.weights, recipe.net, recipe.trainable)
        net.model.to(self.group.device)
        return net

    def _stage1(self, net: Trainable) -> None:
        """Teacher at HR, then the student, which starts from it and keeps to its correlations."""
        recipe = self.recipe.stage1
        teacher: Trainable | None = None
        if recipe.teacher:
            teacher = self._fresh(0)
            self._encoder_loop("stage1-teacher", teacher, None, recipe.teacher)
            if teacher.join_trunks is not None:
                teacher.join_trunks()
            learned = teacher.matched.encoder.requires_grad_(False).eval()
            net.matched.encoder.load_state_dict(learned.state_dict())
        if recipe.student:
            self._encoder_loop("stage1-student", net, teacher, recipe.student)

    def _encoder_loop(self, stage: str, net: Trainable, teacher: Trainable | None, steps: int) -> None:
        recipe = self.recipe.stage1
        objective = EncoderObjective(net, recipe, teacher)
        draw = self._drawer(stage, self.data.stage1, recipe.batch, 1, "similar")
        self._loop(
            stage, steps, recipe.optim, net.matched.encoder, objective, draw,
            lambda: self.validation.matching(net, at_hr=teacher is None and stage.endswith("teacher")),
        )  # fmt: skip

    def _stage2(self, net: Trainable) -> None:
        recipe = self.recipe.stage2
        most = net.most_references
        objective = RestorationObjective(net, recipe.loss, self.recipe.vgg19).to(self.group.device)
        for part in objective.helpers:
            part.to(self.group.device)
        critic = None
        if objective.critic is not None:
            critic = CriticTrainer(net, objective.critic, recipe.loss)
        self._loop(
            "stage2", self.recipe.steps, recipe.optim, net.model, objective,
            self._drawer("stage2", self.data.stage2, recipe.batch, min(recipe.references, most), None),
            lambda: self.validation.gains(net),
            critic,
        )  # fmt: skip

    def _drawer(self, stage: str, source: PairSource, batch: int, references: int, kind: str | None) -> Pairs:
        """This process's pairs of a step; with ``references`` over 1 each has as many, from 1 to that."""
        share, seed = self.group.share(batch), self.recipe.seed

        def draw(step: int) -> list[Pair]:
            more = 0
            if references > 1:
                more = int(item_generator(seed, f"{stage}-references", step, 0).integers(references))
            return [source.pair(item_generator(seed, stage, step, item), kind, more) for item in share]

        return draw

    def _loop(
        self,
        stage: str,
        steps: int,
        optim: OptimRecipe,
        net: torch.nn.Module,
        objective: torch.nn.Module,
        pairs: Pairs,
        validate: Callable[[], dict[str, float]],
        critic: CriticTrainer | None = None,
    ) -> Progress:
        recipe = self.recipe
        plan = LoopPlan(
            stage=stage,
            steps=steps,
            stop=min(steps, recipe.max_steps or steps),
            seed=recipe.seed,
            optim=optim,
            path=self.folder / f"{stage}.state",
            recipe=self.early_identity if stage.startswith("stage1") else self.identity,
            precision=recipe.precision,
            checkpoint_every=recipe.checkpoint_every,
            validate_every=recipe.validation.every,
            workers=recipe.workers,
        )
        extra = {"critic": critic} if critic is not None else {}
        loop = Loop(plan, net, objective, pairs, validate, self.echo, self.group, critic, extra)
        progress = loop.run()
        self.stages[stage] = progress.rows
        return progress

    def _write(self, net: Trainable, path: Path, curves: Path) -> None:
        recipe = self.recipe
        draw_curves(curves, self.stages, f"{recipe.method} ({recipe.preset}), seed {recipe.seed}")
        last = self.stages.get("stage2", [])
        facts = {
            "data_fingerprint": self.data.fingerprint,
            "data_photos": list(self.data.names),
            "curve": self.stages,
            "cpu_seconds": sum(rows[-1]["cpu_seconds"] for rows in self.stages.values() if rows),
            "steps": int(last[-1]["step"]) if last else 0,
            "torch": torch.__version__,
        }
        # paths say where a run took place, not what it computed: they stay out of a published file
        public = replace(recipe, data="", val_data="", vgg19="", encoder="", trainable="")
        config_json = net.config_json
        if recipe.export_net:
            config_json = build_trainable(
                recipe.method, recipe.weights, {**recipe.net, **recipe.export_net}, recipe.trainable
            ).config_json
        export(path, net.model, metadata(recipe.method, config_json, public.to_json(), facts))
        write_atomic(self.folder / "curves.json", json.dumps(self.stages, indent=1).encode())
