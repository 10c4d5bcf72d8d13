"""A training recipe: everything that decides what a run computes, as one frozen value."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from refbench.errors import UserError, unknown
from refbench.registry import Registry

from .data.synthesis import SynthesisRecipe
from .fields import build, merged

PRECISIONS = ("fp32", "bf16", "fp16")
SCHEDULES = ("constant", "cosine", "cooldown", "steps")


@dataclass(frozen=True)
class GroupRecipe:
    """Parameters whose name contains every word of ``match`` get ``lr``; the first group that fits wins."""

    match: tuple[str, ...]
    lr: float


@dataclass(frozen=True)
class OptimRecipe:
    """Adam, its learning rate and schedule."""

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    warmup: int = 0
    """Steps of linear warm-up."""
    schedule: str = "constant"
    """constant | cosine (to ``floor`` of lr at the end) | cooldown (constant, then linear to ``floor`` over
    the last ``cooldown`` share of the steps) | steps (times ``factor`` at milestones)."""
    floor: float = 0.01
    cooldown: float = 0.25
    """Share of the steps; until then a run is the same for every budget (see ``train.budget``)."""
    milestones: tuple[int, ...] = ()
    factor: float = 0.1
    groups: tuple[GroupRecipe, ...] = ()
    clip: float = 0.0
    """Largest gradient norm; 0: no clipping."""
    ema: float = 0.0
    """Decay of the exponential average of the weights, which is then what is validated and kept; 0: none."""


@dataclass(frozen=True)
class Stage1Recipe:
    """Correspondence encoder. ``teacher`` steps at HR, then ``student`` steps with LR as image 1."""

    teacher: int = 0
    student: int = 0
    batch: int = 8
    patch: int = 96
    margin: float = 1.0
    safe_radius: float = 4.0
    """In cells of the feature map (4 px each), as in the official recipe."""
    border: int = 6
    """Points nearer to the border than this many px are dropped."""
    fine: float = 0.0
    """Weight of the same task at x2 and x4 within a small window; for encoders matched at every scale."""
    kl: float = 15.0
    temperature: float = 0.15
    optim: OptimRecipe = field(default_factory=OptimRecipe)


@dataclass(frozen=True)
class LossRecipe:
    """Weights of the terms; a term of weight 0 is not computed."""

    pixel: str = "l1"
    """l1 | charbonnier."""
    perceptual: float = 0.0
    perceptual_norm: str = "mse"
    """mse | frobenius, on VGG19 relu5_1."""
    transferal: float = 0.0
    """TTSR's transferal perceptual loss."""
    adversarial: float = 0.0
    gradient_penalty: float = 10.0
    critic_steps: int = 1
    """Updates of the discriminator per update of the net."""
    critic_lr: float = 1e-4
    critic_betas: tuple[float, float] = (0.9, 0.999)
    start: int = 0
    """First steps with the pixel term alone."""


@dataclass(frozen=True)
class Stage2Recipe:
    """Restoration net on top of the encoder."""

    steps: int = 1000
    batch: int = 9
    patch: int = 160
    references: int = 1
    """Most references of one sample, for nets that fuse several; how many it is is drawn for each step."""
    encoder: str = "frozen"
    """frozen | finetune."""
    loss: LossRecipe = field(default_factory=LossRecipe)
    optim: OptimRecipe = field(default_factory=OptimRecipe)


@dataclass(frozen=True)
class ValidationRecipe:
    """PSNR on held-out photos with a good, an unrelated and no reference."""

    every: int = 500
    pairs: int = 16
    patch: int = 128


@dataclass(frozen=True)
class Recipe:
    """See the YAML files in ``configs/train`` for the presets."""

    method: str
    preset: str
    trainable: str = ""
    """Where the method's spec says that its net is built; empty for hosted methods."""
    seed: int = 0
    device: str = "cpu"
    precision: str = "fp32"
    threads: int = 0
    """CPU threads of torch; 0 leaves them. Part of the recipe: sums depend on it in the last bit."""
    data: str = ""
    """Folder of photos, or CUFED train layout (input/, ref/)."""
    val_data: str = ""
    """Folder of photos for validation; empty: every eighth photo of ``data`` is held out."""
    photo_sizes: tuple[int, ...] = ()
    """Short sides (px) to which each photo is also reduced; empty: original size."""
    budget: int = 0
    """Steps of stage 2 in place of ``stage2.steps``; 0: as the preset says. With the schedule ``cooldown`` a
    state may go on with another budget, as long as its learning rate has not begun to fall for either."""
    max_steps: int = 0
    """Stop each stage after this many steps, its schedule unchanged; 0: run it to its end."""
    checkpoint_every: int = 250
    workers: int = 0
    """Processes that make training pairs ahead of the net, for a device that would wait for them: the same
    pairs in the same order. 0: the training process makes them."""
    weights: str = "compact"
    """compact | official: which configuration of the method's net is trained."""
    vgg19: str = ""
    """Path of vgg19-dcbb9e9d.pth for the perceptual terms and the official texture features."""
    encoder: str = ""
    """Checkpoint whose encoder is taken instead of training stage 1."""
    net: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the net's configuration that differ from the chosen one: the ablations."""
    export_net: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the configuration that the checkpoint names in place of the trained ones, for switches that
    change no weight: a net trained with one match and run with several."""
    synthesis: SynthesisRecipe = field(default_factory=SynthesisRecipe)
    stage1: Stage1Recipe = field(default_factory=Stage1Recipe)
    stage2: Stage2Recipe = field(default_factory=Stage2Recipe)
    validation: ValidationRecipe = field(default_factory=ValidationRecipe)

    def __post_init__(self) -> None:
        choices = {
            "precision": (self.precision, PRECISIONS),
            "stage2.encoder": (self.stage2.encoder, ("frozen", "finetune")),
            "stage2.loss.pixel": (self.stage2.loss.pixel, ("l1", "charbonnier")),
            "stage2.optim.schedule": (self.stage2.optim.schedule, SCHEDULES),
            "stage1.optim.schedule": (self.stage1.optim.schedule, SCHEDULES),
        }
        for name, (value, known) in choices.items():
            if value not in known:
                raise unknown(f"train.{name}", value, known)

    @property
    def steps(self) -> int:
        """Steps of stage 2: the budget when one is given."""
        return self.budget or self.stage2.steps

    def anywhere(self) -> Recipe:
        """The recipe without where, on what and for how long it runs: what a resume may change."""
        return dataclasses.replace(
            self, data="", val_data="", vgg19="", encoder="", device="", max_steps=0, checkpoint_every=0,
            workers=0,
        )  # fmt: skip

    def identity(self) -> str:
        """Canonical JSON of what differs from the defaults: a state outlives the recipe's later fields."""
        return json.dumps(
            _differences(self), sort_keys=True, separators=(",", ":"), default=dataclasses.asdict
        )

    def to_json(self) -> str:
        """Canonical JSON of the whole recipe, for checkpoints."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, separators=(",", ":"))


def _differences(part: Any) -> dict[str, Any]:
    """Fields of a dataclass that are not their default, groups inside it likewise."""
    found: dict[str, Any] = {}
    for known in dataclasses.fields(part):
        value = getattr(part, known.name)
        if dataclasses.is_dataclass(value):
            if inner := _differences(value):
                found[known.name] = inner
            continue
        default = known.default
        if known.default_factory is not dataclasses.MISSING:
            default = known.default_factory()
        if value != default:
            found[known.name] = value
    return found


def presets() -> list[str]:
    """Names of the presets in ``configs/train``."""
    folder = resources.files("refbench.configs") / "train"
    return sorted(p.name.removesuffix(".yaml") for p in folder.iterdir() if p.name.endswith(".yaml"))


def load_recipe(config: Mapping[str, Any]) -> Recipe:
    """The preset named in ``config`` with its changes for the method, then those of ``config["train"]``.

    ``method`` is a name, or ``path/to/file.py:SPEC`` of a method whose spec names its ``trainable``. Raises
    UserError on an unknown preset, method, key or value.
    """
    import yaml

    # a net of one's own is trained in this process: its file runs here, and sees no HR that is scored
    spec = Registry.discover().method_here(str(config.get("method") or ""))
    method, preset = spec.name, str(config.get("preset") or "compact")
    if preset not in presets():
        raise unknown("training preset", preset, presets())
    file = resources.files("refbench.configs") / "train" / f"{preset}.yaml"
    values: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    methods = values.pop("methods")
    if method not in methods and not spec.trainable:
        raise unknown(f"method with the preset {preset!r} called", method, methods)
    # a preset may differ for one of its methods; a method of one's own gets what all have
    values = merged(values, methods.get(method) or {})
    changes = {k: v for k, v in dict(config.get("train") or {}).items() if v is not None}
    values = merged(values, changes)
    for key in ("seed", "device"):
        if config.get(key) is not None:
            values[key] = config[key]
    recipe = build(
        Recipe, {**values, "method": method, "preset": preset, "trainable": spec.trainable}, "train"
    )
    if not recipe.data:
        raise UserError("train.data is missing: give a folder of photos or the CUFED train layout")
    return recipe
