"""The bookkeeping of one device: who has room there, and who would have to leave for others."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from math import inf
from typing import Any

from nodegraph.models.errors import DeviceLost, DoesNotFit
from nodegraph.models.modes import Mode
from nodegraph.models.sources import described
from nodegraph.types.builtin import ModelRef


class State(Enum):
    """What has become of a model that has room on a device."""

    RESERVED = "nothing is loaded yet"
    LOADING = "a thread is loading it"
    LOADED = "it is there"
    LEAVING = "a thread is moving it away"


@dataclass(slots=True, eq=False)
class Resident:
    """A model that has room on a device.

    Attributes:
        nbytes: bytes of weights that are tracked for it.
        leases: how many calls hold it; while there is one, it stays.
        loaded: what its kind loaded, None unless its state is LOADED.
        last_use: grows with every use.
    """

    ref: ModelRef
    mode: Mode
    nbytes: int
    leases: int = 0
    state: State = State.RESERVED
    loaded: Any = None
    last_use: int = 0

    @property
    def can_leave(self) -> bool:
        """Whether it is loaded and no call holds it."""
        return self.leases == 0 and self.state is State.LOADED


@dataclass(frozen=True, slots=True)
class Need:
    """A model that a call needs: how it is to be held, and the bytes that this takes."""

    mode: Mode
    nbytes: int


@dataclass(slots=True, eq=False)
class DeviceLedger:
    """What has room on a device. It knows no threads: whoever calls holds the lock.

    Attributes:
        working: bytes of working memory that calls hold.
        next_use: rank of the models in the order in which they will be needed.
        queue: those that wait for room, first come, first served, so that a call that needs much is not
            overtaken for ever by calls that need little.
    """

    name: str
    budget: int
    residents: dict[ModelRef, Resident] = field(default_factory=dict[ModelRef, Resident])
    working: int = 0
    next_use: Mapping[ModelRef, int] = field(default_factory=dict[ModelRef, int])
    queue: deque[object] = field(default_factory=deque[object])
    is_lost: bool = False

    @property
    def tracked(self) -> int:
        """Bytes that weights and working memory take."""
        return self.working + sum(resident.nbytes for resident in self.residents.values())

    @property
    def has_host_level(self) -> bool:
        """Whether moving a model into host memory frees memory of the device."""
        return self.name.partition(":")[0] != "cpu"

    def require_working(self) -> None:
        """Raise DeviceLost if the device is lost."""
        if self.is_lost:
            raise DeviceLost(self.name)

    def who_leaves(self, needs: Mapping[ModelRef, Need], working: int) -> list[Resident] | None:
        """The residents that have to leave before there is room; None while others hold what is needed.

        Raises:
            DoesNotFit: if there will never be room.
        """
        there = [self.residents[ref] for ref in needs if ref in self.residents]
        other_mode = [resident for resident in there if resident.mode != needs[resident.ref].mode]
        kept = {resident.ref: resident for resident in there if resident.mode == needs[resident.ref].mode}
        missing = sum(need.nbytes for ref, need in needs.items() if ref not in kept)
        total = missing + working + sum(resident.nbytes for resident in kept.values())
        if total > self.budget:
            raise self.does_not_fit(needs, total)
        if any(resident.state is State.LEAVING for resident in kept.values()):
            return None
        if not all(resident.can_leave for resident in other_mode):
            return None
        freed = sum(resident.nbytes for resident in other_mode)
        leaving = self.who_makes_room(missing + working - freed, needs)
        return None if leaving is None else other_mode + leaving

    def who_makes_room(self, nbytes: int, kept: Iterable[ModelRef] = ()) -> list[Resident] | None:
        """The residents to evict for `nbytes` more, farthest next use first; None if there are too few."""
        staying = set(kept)
        candidates = [r for r in self.residents.values() if r.can_leave and r.ref not in staying]
        return farthest(candidates, nbytes - (self.budget - self.tracked), self.next_use)

    def admit(self, needs: Mapping[ModelRef, Need], working: int) -> dict[ModelRef, Resident]:
        """Give a call its room; `who_leaves` has said that there is enough."""
        for ref, need in needs.items():
            self.residents.setdefault(ref, Resident(ref, need.mode, need.nbytes)).leases += 1
        self.working += working
        return {ref: self.residents[ref] for ref in needs}

    def release(self, residents: Iterable[Resident], working: int) -> None:
        """Take back a call's room. What it loaded stays until others need the room."""
        self.working -= working
        for resident in residents:
            resident.leases -= 1
            if resident.leases == 0 and resident.state is State.RESERVED:
                self.forget(resident)

    def forget(self, resident: Resident) -> None:
        """Take a resident off the books."""
        if self.residents.get(resident.ref) is resident:
            del self.residents[resident.ref]

    def clear(self) -> list[Any]:
        """Take everything off the books; gives what was loaded."""
        loaded = [resident.loaded for resident in self.residents.values()]
        for resident in self.residents.values():
            resident.loaded = None
        self.residents.clear()
        self.working = 0
        return loaded

    def does_not_fit(self, needs: Mapping[ModelRef, Need], total: int) -> DoesNotFit:
        """The error of a call that takes `total` bytes."""
        names = ", ".join(f"{described(ref)} ({need.mode})" for ref, need in needs.items())
        others = sum(r.nbytes for r in self.residents.values() if r.leases and r.ref not in needs)
        return DoesNotFit(
            self.name,
            need=total,
            budget=self.budget,
            held=others + self.working if total <= self.budget else 0,
            what=f"models {names} and working memory" if names else "working memory",
        )


def farthest(
    candidates: Iterable[Resident], nbytes: int, next_use: Mapping[ModelRef, int]
) -> list[Resident] | None:
    """Of residents that can leave, those with the farthest next use that free `nbytes`; None if too few.

    What is not used any more goes first, the least recently used before others. Of those chosen, what turns
    out not to be needed stays, nearest next use first.
    """
    ranked = sorted(candidates, key=lambda r: (-next_use.get(r.ref, inf), r.last_use))
    chosen: list[Resident] = []
    freed = 0
    for resident in ranked:
        if freed >= nbytes:
            break
        chosen.append(resident)
        freed += resident.nbytes
    if freed < nbytes:
        return None
    for resident in reversed(chosen):
        if freed - resident.nbytes >= nbytes:
            chosen.remove(resident)
            freed -= resident.nbytes
    return chosen
