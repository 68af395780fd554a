"""What calls of each node type take, and which types are cheap: made in line, unclaimed, unreported."""

from __future__ import annotations

from nodegraph.store import Store
from nodegraph.store.uses import Pace

DURABLE_SECONDS = 0.005
"""A finished call that took longer is committed before it is reported done, and claimed before it starts."""

_TELLING_CALLS = 8
_SLOW_SHARE = 0.01


class Paces:
    """The paces of node types, over earlier runs and this one.

    Attributes:
        cheap: node types whose calls are known to take less than what is claimed and reported.
    """

    def __init__(self, store: Store) -> None:
        self.cheap: set[str] = set()
        self._store = store
        self._paces: dict[str, Pace] = {}

    def is_cheap(self, type_id: str) -> bool:
        """Whether calls of a type are known to take less than what is claimed and reported."""
        if type_id not in self._paces:
            self._paces[type_id] = self._store.pace(type_id)
            self._judge(type_id)
        return type_id in self.cheap

    def learn(self, type_id: str, seconds: float, made: int) -> None:
        """Take a call into account; one at a time.

        Plain calls that are quick are not, so a slow one first counts those: `made` calls of the type in this
        run.
        """
        slow = seconds >= DURABLE_SECONDS
        pace = self._paces.get(type_id) or self._store.pace(type_id)
        if slow:
            pace = Pace(pace.seconds, max(pace.calls, made), pace.slow)
        self._paces[type_id] = pace.plus(Pace(seconds, 1, slow))
        self._judge(type_id)

    def _judge(self, type_id: str) -> None:
        """Tell whether a type is cheap: few calls are needed to tell, and a slow one now and then is none."""
        pace = self._paces[type_id]
        if pace.calls >= _TELLING_CALLS and pace.slow <= 1 + pace.calls * _SLOW_SHARE:
            self.cheap.add(type_id)
        else:
            self.cheap.discard(type_id)
