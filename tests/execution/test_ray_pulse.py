"""A lost cluster is noticed in time, a short silence of its head is not a loss."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from refbench.execution.ray.pulse import HEAD, OWN_NODE, PATIENCE, ClusterLost, Place, Pulse, answers

PLACES = {HEAD: ("10.0.0.1", 6379), OWN_NODE: ("10.0.0.7", 33333)}


class World:
    """Time that passes when it is told, and places that are silent when they are told."""

    def __init__(self) -> None:
        self.now = 0.0
        self.silent: set[Place] = set()
        self.asked = 0

    def pulse(self) -> Pulse:
        return Pulse(PLACES, self.answers, lambda: self.now)

    def answers(self, place: Place) -> bool:
        self.asked += 1
        return place not in self.silent

    def wait(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("what", PLACES)
def test_a_place_that_stays_silent_is_a_loss(what: str) -> None:
    world = World()
    pulse = world.pulse()
    world.silent.add(PLACES[what])
    world.wait(PATIENCE[what] - 0.5)
    pulse.check("the Ray cluster at X")
    world.wait(1.5)
    with pytest.raises(ClusterLost) as caught:
        pulse.check("the Ray cluster at X")
    host, port = PLACES[what]
    assert str(caught.value) == (
        f"executor=ray: the Ray cluster at X is lost: {what} ({host}:{port}) no longer answers; "
        "finished rows are kept; start the cluster again, and the same command goes on from there"
    )


def test_a_head_that_comes_back_is_not_a_loss() -> None:
    world = World()
    pulse = world.pulse()
    for _ in range(5):
        world.silent.add(PLACES[HEAD])
        for _ in range(15):
            world.wait(1)
            pulse.check("X")
        world.silent.clear()
        world.wait(1)
        pulse.check("X")


def test_places_are_asked_once_a_second_at_most() -> None:
    world = World()
    pulse = world.pulse()
    for _ in range(100):
        world.wait(0.1)
        pulse.check("X")
    assert world.asked <= 10 * len(PLACES)


@pytest.mark.parametrize("comes_back", [True, False])
def test_after_an_error_it_is_waited_until_all_answer_or_one_is_lost(comes_back: bool) -> None:
    world = World()
    world.silent.add(PLACES[HEAD])

    def sleep(seconds: float) -> None:
        world.wait(seconds)
        if comes_back and world.now > 10:
            world.silent.clear()

    settle: Callable[[], None] = lambda: world.pulse().settle("X", sleep)  # noqa: E731
    if comes_back:
        settle()
        assert 10 < world.now < 12
    else:
        with pytest.raises(ClusterLost):
            settle()
        assert world.now == pytest.approx(PATIENCE[HEAD], abs=1)


def test_what_listens_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = server.getsockname()
        assert answers(place)
    assert not answers(place)
