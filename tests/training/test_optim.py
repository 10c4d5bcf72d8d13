"""Parameter groups, schedules, averaged weights and recipe fields."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from refbench.errors import UserError
from refbench.training.fields import build, merged
from refbench.training.optim import (
    AveragedWeights,
    make_adam,
    parameter_groups,
    rate_factor,
    set_rates,
    stable_steps,
)
from refbench.training.recipe import GroupRecipe, OptimRecipe, Recipe, load_recipe, presets


class Net(nn.Module):
    """Names as in the official nets."""

    def __init__(self) -> None:
        super().__init__()
        self.small_offset_conv1 = nn.Linear(2, 2)
        self.large_offset_conv1 = nn.Linear(2, 2)
        self.body = nn.Linear(2, 2)
        self.frozen = nn.Linear(2, 2).requires_grad_(False)


GROUPS = (GroupRecipe(("offset", "small"), 1e-6), GroupRecipe(("offset",), 1e-4))


def test_first_fitting_group_wins_and_frozen_parameters_are_left_out() -> None:
    net = Net()
    groups = parameter_groups(list(net.named_parameters()), 1e-3, GROUPS)
    assert [g["lr"] for g in groups] == [1e-6, 1e-4, 1e-3]
    assert [len(g["params"]) for g in groups] == [2, 2, 2]  # type: ignore[arg-type]
    with pytest.raises(UserError, match="no parameter has nowhere in its name"):
        parameter_groups(list(net.named_parameters()), 1e-3, (GroupRecipe(("nowhere",), 1.0),))


def test_schedules() -> None:
    steps = OptimRecipe(schedule="steps", milestones=(10, 20), factor=0.1)
    assert [rate_factor(s, 100, steps) for s in (0, 9, 10, 20)] == pytest.approx([1, 1, 0.1, 0.01])
    cosine = OptimRecipe(schedule="cosine", warmup=10, floor=0.1)
    assert rate_factor(0, 110, cosine) == pytest.approx(0.1)
    assert rate_factor(10, 110, cosine) == pytest.approx(1.0)
    assert rate_factor(60, 110, cosine) == pytest.approx(0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi / 2)))
    assert rate_factor(109, 110, cosine) == pytest.approx(0.1, abs=1e-3)


def test_cooldown_is_the_same_for_every_budget_until_it_falls() -> None:
    recipe = OptimRecipe(schedule="cooldown", cooldown=0.25, floor=0.1, warmup=2)
    assert stable_steps(100, recipe) == 75
    assert [rate_factor(s, 100, recipe) for s in (0, 2, 74, 75)] == pytest.approx([0.5, 1, 1, 1])
    assert rate_factor(100, 100, recipe) == pytest.approx(0.1)
    assert [rate_factor(s, 100, recipe) for s in range(75)] == [
        rate_factor(s, 900, recipe) for s in range(75)
    ]
    assert stable_steps(100, OptimRecipe(schedule="cosine")) == 0


def test_the_identity_of_a_recipe_leaves_defaults_out() -> None:
    assert Recipe("x", "compact").identity() == '{"method":"x","preset":"compact"}'
    changed = replace(Recipe("x", "compact"), stage2=replace(Recipe("x", "y").stage2, batch=2))
    assert json.loads(changed.identity())["stage2"] == {"batch": 2}
    grouped = replace(changed, stage2=replace(changed.stage2, optim=OptimRecipe(groups=GROUPS)))
    assert json.loads(grouped.identity())["stage2"]["optim"]["groups"][1] == {"match": ["offset"], "lr": 1e-4}


def test_rates_scale_each_group_from_its_base() -> None:
    optimizer = make_adam(Net(), OptimRecipe(lr=1e-3, groups=GROUPS))
    set_rates(optimizer, 0.5)
    set_rates(optimizer, 0.25)
    assert [g["lr"] for g in optimizer.param_groups] == pytest.approx([2.5e-7, 2.5e-5, 2.5e-4])


def test_average_follows_its_formula_and_swaps_both_ways() -> None:
    net = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        net.weight.fill_(1.0)
    average = AveragedWeights(net, 0.9)
    expected = 1.0
    for step in range(40):
        with torch.no_grad():
            net.weight.fill_(float(step))
        average.update(net, step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    average.swap(net)
    assert net.weight.item() == pytest.approx(expected, rel=1e-5)
    average.swap(net)
    assert net.weight.item() == 39.0


def test_every_preset_and_method_builds_a_recipe() -> None:
    assert {"compact", "official"} <= set(presets())
    for preset in presets():
        for method in ("datsr", "c2_matching", "ttsr"):
            recipe = load_recipe({"method": method, "preset": preset, "train": {"data": "x"}})
            assert (recipe.method, recipe.preset) == (method, preset)


def test_published_schedules() -> None:
    def of(method: str, preset: str = "official") -> Recipe:
        return load_recipe({"method": method, "preset": preset, "train": {"data": "x"}})

    datsr = of("datsr")
    assert (datsr.stage2.steps, datsr.stage2.batch, datsr.stage2.optim.lr) == (400_000, 9, 1e-4)
    assert datsr.stage2.optim.milestones == (72_545, 211_040)
    assert datsr.stage1.kl == 15.0
    assert datsr.stage1.temperature == 0.15
    assert of("c2_matching").stage2.steps == 255_000
    gan = of("datsr", "official-gan").stage2
    assert gan.optim.milestones == (72_545, 161_040)
    assert (gan.loss.perceptual, gan.loss.adversarial, gan.loss.gradient_penalty) == (1e-4, 1e-6, 10.0)
    assert of("c2_matching", "official-gan").stage2.loss.start == 10_000
    ttsr = of("ttsr", "official-gan").stage2
    assert (ttsr.loss.perceptual, ttsr.loss.transferal, ttsr.loss.adversarial) == (1e-2, 1e-2, 1e-3)
    assert ttsr.loss.critic_steps == 2


def test_fields_name_the_key_in_errors() -> None:
    with pytest.raises(UserError, match=r"train.lr: expected float, got 'fast'"):
        build(OptimRecipe, {"lr": "fast"}, "train")
    with pytest.raises(UserError, match=r"train.warmup: expected int, got 1.5"):
        build(OptimRecipe, {"warmup": 1.5}, "train")
    with pytest.raises(UserError, match=r"train.groups: expected a list"):
        build(OptimRecipe, {"groups": "offset"}, "train")
    with pytest.raises(UserError, match=r"no training preset 'compat'; did you mean 'compact'"):
        load_recipe({"method": "datsr", "preset": "compat"})
    with pytest.raises(UserError, match=r"train.data is missing"):
        load_recipe({"method": "datsr", "preset": "compact"})
    with pytest.raises(UserError, match=r"no train.precision 'fp8'"):
        replace(Recipe("datsr", "compact"), precision="fp8")
    assert merged({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}) == {"a": {"b": 1, "c": 3}}
