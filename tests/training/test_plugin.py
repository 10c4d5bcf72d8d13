"""Methods of one's own under ``refbench train``: a spec names how its net is built."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from refbench.cli.main import main
from refbench.errors import UserError
from refbench.registry import spec_in_file
from refbench.training.recipe import load_recipe
from refbench.training.trainable import build_trainable, each_reference

SOURCE = """
from torch import nn

from refbench.specs import MethodSpec
from refbench.training.trainable import Trainable


def build(weights, changes):
    net = nn.Conv2d(3, 3, changes.get("kernel", 3), padding="same")
    return Trainable(net, None, None, None, lambda lr, ref: net(ref), '{"sizes": "%s"}' % weights)


def wrong(weights, changes):
    return "a net"


SPEC = MethodSpec(name="own", target=":Own", trainable="own:build")
WRONG = MethodSpec(name="own", target=":Own", trainable=":wrong")
ABSENT = MethodSpec(name="own", target=":Own", trainable=":nothing")
NONE = MethodSpec(name="own", target=":Own")
"""


@pytest.fixture
def own(tmp_path: Path) -> str:
    path = tmp_path / "own.py"
    path.write_text(SOURCE)
    return str(path)


def test_a_file_names_its_own_function(own: str) -> None:
    spec = spec_in_file(f"{own}:SPEC")
    made = build_trainable(spec.name, "compact", {"kernel": 5}, spec.trainable)
    assert made.model.weight.shape == (3, 3, 5, 5)
    assert made.config_json == '{"sizes": "compact"}'


def test_the_recipe_is_that_of_the_bundled_nets(own: str) -> None:
    mine = load_recipe({"method": f"{own}:SPEC", "train": {"data": "x"}})
    theirs = load_recipe({"method": "c2_matching", "train": {"data": "x"}})
    assert (mine.method, theirs.method) == ("own", "c2_matching")
    assert (mine.stage1, mine.stage2, mine.synthesis) == (theirs.stage1, theirs.stage2, theirs.synthesis)
    # where the file lies decides no step: a state of the run outlives a move
    assert theirs.trainable == ""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("WRONG", "wrong of method 'own' returned str; return a refbench.training.trainable.Trainable"),
        ("ABSENT", "has no 'nothing'"),
        ("NONE", "no method with the preset 'compact' called 'own'"),
    ],
)
def test_mistakes_are_one_line(own: str, name: str, message: str) -> None:
    def prepared() -> None:
        recipe = load_recipe({"method": f"{own}:{name}", "train": {"data": "x"}})
        build_trainable(recipe.method, recipe.weights, {}, recipe.trainable)

    with pytest.raises(UserError) as error:
        prepared()
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_options_of_the_method_are_refused(own: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "method=datsr", "method.k=2", "train.data=x"]) == 2
    assert "method.k= has no effect on training" in capsys.readouterr().err


def test_a_net_without_an_encoder_has_no_stage_1() -> None:
    trainable = build_trainable("edvr_ref", "compact", {"channels": 8, "groups": 2})
    with pytest.raises(UserError, match=r"EdvrRefNet matches nothing.*train\.stage1\.teacher=0"):
        _ = trainable.matched


def test_references_one_by_one() -> None:
    one, three = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 3, 8, 8)
    assert [r is one for r in each_reference(one)] == [True]
    assert all(torch.equal(r, three[:, k]) for k, r in enumerate(each_reference(three)))
    assert each_reference(torch.rand(2, 0, 3, 8, 8)) == []
