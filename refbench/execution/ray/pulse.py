"""Whether a cluster still lives: Ray itself ends our process, without a word of ours, when it does not.

Ray's own library waits a minute for a lost head, about 15 seconds for a lost node of this machine, and then
calls ``exit``. Here both are looked at from outside, so that a run ends with a line of its own before that.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping

from refbench.errors import UserError

Place = tuple[str, int]
"""(host, port)."""
HEAD = "its head"
OWN_NODE = "the node of this machine"
PATIENCE = {HEAD: 20.0, OWN_NODE: 2.0}
"""Seconds without an answer until a place counts as lost. A head may start again (with Redis), a node not."""
EVERY_SECONDS = 1.0
CONNECT_SECONDS = 5.0


class ClusterLost(UserError):
    """The cluster is gone: nothing more can be asked of Ray, not even to end its actors."""


def answers(place: Place) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection(place, CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


class Pulse:
    """Looks at places from time to time."""

    def __init__(
        self,
        places: Mapping[str, Place],
        answers: Callable[[Place], bool] = answers,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """places: from :data:`HEAD` or :data:`OWN_NODE` to where it listens."""
        self._places, self._answers, self._clock = places, answers, clock
        self._heard = dict.fromkeys(places, clock())
        """When each last answered."""
        self._looked = clock()

    def check(self, label: str) -> None:
        """Look, at most once in :data:`EVERY_SECONDS`. Raises ClusterLost.

        label: what the cluster is called.
        """
        if self._clock() - self._looked >= EVERY_SECONDS:
            self._all_answer(label)

    def settle(self, label: str, sleep: Callable[[float], None] = time.sleep) -> None:
        """Wait until all places answer, after an error that may come from one that does not.

        Raises ClusterLost.
        """
        while not self._all_answer(label):
            sleep(EVERY_SECONDS)

    def _all_answer(self, label: str) -> bool:
        silent = False
        for what, place in self._places.items():
            if self._answers(place):
                self._heard[what] = self._clock()
                continue
            silent = True
            if self._clock() - self._heard[what] >= PATIENCE[what]:
                raise ClusterLost(
                    f"executor=ray: {label} is lost: {what} ({place[0]}:{place[1]}) no longer answers; "
                    "finished rows are kept; start the cluster again, and the same command goes on from there"
                )
        self._looked = self._clock()
        return not silent
