"""Room on devices: calls wait for it, models leave for it, and every change of it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from math import inf
from typing import Any

from nodegraph.models.changes import HOST, ResidencyChange, What
from nodegraph.models.errors import DoesNotFit, ModelError, amount
from nodegraph.models.lease import Hold
from nodegraph.models.ledger import DeviceLedger, Need, Resident, State
from nodegraph.models.modes import Mode
from nodegraph.models.sources import described
from nodegraph.models.tensors import collect, release_cached, watch
from nodegraph.types.builtin import ModelRef


class Rooms:
    """The devices' books, and the waiting for room on them.

    Args:
        budgets: bytes that weights and working memory may take, per device.
        sizes: bytes that a model takes on its device, for each mode it can be held in.
        keep: moves a model into host memory without taking room from others; gives whether it did.
        clock: the time in seconds.
        on_change: is told of every change, while the lock is held.
    """

    def __init__(
        self,
        budgets: Mapping[str, int],
        *,
        sizes: Callable[[ModelRef], Mapping[Mode, int]],
        keep: Callable[[Resident, Collection[ModelRef]], bool],
        clock: Callable[[], float],
        on_change: Callable[[ResidencyChange], None],
    ) -> None:
        self.lock = threading.Condition()
        self.devices = {name: DeviceLedger(name, budget) for name, budget in budgets.items()}
        self.is_closed = False
        self._sizes_of = sizes
        self._sizes: dict[ModelRef, dict[Mode, int]] = {}
        self._keep = keep
        self._clock = clock
        self._on_change = on_change

    def ledger(self, device: str) -> DeviceLedger:
        """The books of a device.

        Raises:
            ModelError: if there is no such device.
        """
        ledger = self.devices.get(device)
        if ledger is None:
            raise ModelError(f"device {device!r} has no budget; there are {', '.join(self.devices)}")
        return ledger

    def next_use(self, ref: ModelRef) -> float:
        """The rank of a model among those that any device will need; infinity if none will."""
        return min((ledger.next_use.get(ref, inf) for ledger in self.devices.values()), default=inf)

    def need(self, ref: ModelRef, mode: Mode) -> Need:
        """What a model takes in a mode, by what is known of it so far.

        Raises:
            ModelError: if it cannot be held in that mode.
        """
        sizes = self._modes(ref)
        if mode not in sizes:
            raise ModelError(f"model {described(ref)}: it cannot be held {mode!r}, only {', '.join(sizes)}")
        return Need(mode, sizes[mode])

    def by_parts(self) -> int:
        """Bytes of host memory behind models that devices hold by parts; the lock is held."""
        return sum(
            self.need(resident.ref, "resident").nbytes
            for ledger in self.devices.values()
            if ledger.has_host_level
            for resident in ledger.residents.values()
            if resident.mode != "resident"
        )

    def require_open(self, ledger: DeviceLedger) -> None:
        """Raise if nothing may be loaded any more: DeviceLost, or RuntimeError after the end."""
        if self.is_closed:
            raise RuntimeError("models were asked for after the run had ended")
        ledger.require_working()

    def admit(self, ledger: DeviceLedger, modes: Mapping[ModelRef, Mode], working: int) -> Hold:
        """Wait until a call has its turn and its room; gives the room."""
        for ref, mode in modes.items():
            self.need(ref, mode)
        ticket = object()
        with self.lock:
            ledger.queue.append(ticket)
        try:
            while True:
                found = self._first_in_line(ledger, ticket, modes, working)
                if isinstance(found, Hold):
                    return found
                self.evict(ledger, found, needed=modes)
        finally:
            with self.lock:
                ledger.queue.remove(ticket)
                self.lock.notify_all()

    def release(self, hold: Hold) -> None:
        """Take back a call's room."""
        with self.lock:
            hold.is_over = True
            if not self.is_closed and not hold.ledger.is_lost:
                hold.ledger.release(hold.residents.values(), hold.working)
                self.tell("released", hold.ledger)
            self.lock.notify_all()

    def resident(self, hold: Hold, ref: ModelRef) -> Resident:
        """A model's place on a device.

        One that the call was not admitted with gets it in the first mode for which there is room now. It does
        not wait: a call that waits while it holds room could wait for another one that does the same.

        Raises:
            DoesNotFit: if there is no room.
        """
        modes = self._modes(ref)
        with self.lock:
            known = hold.residents.get(ref)
            there = known or hold.ledger.residents.get(ref)
        if known is not None:
            return known
        for mode in sorted(modes, key=lambda mode: there is not None and mode != there.mode):
            while (found := self._room_now(hold, ref, mode)) is not None:
                if isinstance(found, Resident):
                    return found
                self.evict(hold.ledger, found, needed=(ref,))
        raise self._too_large(hold, ref, min(modes.values()))

    def correct(self, hold: Hold, resident: Resident, actual: int) -> None:
        """Track what a loaded model takes where that is not what was said of it; others leave for it.

        Raises:
            DoesNotFit: if there is no room for so much.
        """
        warning = (
            f"model {described(resident.ref)} takes {amount(actual)} ({actual} bytes) on {hold.ledger.name} "
            f"where {amount(resident.nbytes)} ({resident.nbytes} bytes) were expected"
        )
        while leaving := self._who_leaves_for(hold, resident, actual, warning):
            self.evict(hold.ledger, leaving)

    def take_leave(self, residents: Iterable[Resident]) -> list[Resident]:
        """Mark residents that are about to be evicted; the lock is held."""
        leaving = list(residents)
        for resident in leaving:
            resident.state = State.LEAVING
        return leaving

    def evict(
        self, ledger: DeviceLedger, leaving: Iterable[Resident], *, needed: Collection[ModelRef] = ()
    ) -> None:
        """Move models off a device; their bytes are tracked until they are gone.

        Those that are `needed` now, in another mode, are dropped; what waits of them in host memory stays.
        """
        for resident in leaving:
            is_kept = resident.mode == "resident" and ledger.has_host_level and resident.ref not in needed
            moved = is_kept and self._keep(resident, needed)
            watched = [] if moved else [watch(resident.loaded)]
            resident.loaded = None
            collect(watched)
            if not ledger.is_lost:
                release_cached(ledger.name)
            with self.lock:
                ledger.forget(resident)
                self.tell("evicted", ledger, resident, to="host" if moved else "dropped")
                self.lock.notify_all()

    def tell(self, what: What, ledger: DeviceLedger, about: Resident | None = None, **details: Any) -> None:
        """Tell of a change on a device; the lock is held."""
        if about is not None:
            details |= {"model": about.ref, "mode": about.mode, "nbytes": about.nbytes}
        self._on_change(
            ResidencyChange(self._clock(), ledger.name, what, ledger.tracked, ledger.budget, **details)
        )

    def tell_of_host(self, what: What, tracked: int, budget: int, **details: Any) -> None:
        """Tell of a change in host memory; the lock is held."""
        self._on_change(ResidencyChange(self._clock(), HOST, what, tracked, budget, **details))

    def _first_in_line(
        self, ledger: DeviceLedger, ticket: object, modes: Mapping[ModelRef, Mode], working: int
    ) -> Hold | list[Resident]:
        """Wait for a call's turn: gives its room, or what has to leave before there is enough."""
        with self.lock:
            while True:
                self.require_open(ledger)
                leaving = None
                if ledger.queue[0] is ticket:
                    leaving = ledger.who_leaves({ref: self.need(ref, modes[ref]) for ref in modes}, working)
                if leaving:
                    return self.take_leave(leaving)
                if leaving is not None:
                    return self._hold(ledger, modes, working)
                self.lock.wait()

    def _hold(self, ledger: DeviceLedger, modes: Mapping[ModelRef, Mode], working: int) -> Hold:
        residents = ledger.admit({ref: self.need(ref, mode) for ref, mode in modes.items()}, working)
        self.tell("admitted", ledger)
        return Hold(ledger, residents, working)

    def _room_now(self, hold: Hold, ref: ModelRef, mode: Mode) -> Resident | list[Resident] | None:
        """A model's place, or what has to leave before it has one; None if there is no room now."""
        with self.lock:
            hold.require_going_on(ref)
            self.require_open(hold.ledger)
            try:
                leaving = hold.ledger.who_leaves({ref: self.need(ref, mode)}, 0)
            except DoesNotFit:
                return None
            if leaving is None:
                return None
            if leaving:
                return self.take_leave(leaving)
            hold.residents |= self._hold(hold.ledger, {ref: mode}, 0).residents
            return hold.residents[ref]

    def _who_leaves_for(self, hold: Hold, resident: Resident, actual: int, warning: str) -> list[Resident]:
        """What has to leave so that a model can take `actual` bytes; none once they are tracked."""
        with self.lock:
            self._sizes[resident.ref][resident.mode] = actual
            while True:
                self.require_open(hold.ledger)
                leaving = hold.ledger.who_makes_room(actual - resident.nbytes)
                if leaving:
                    return self.take_leave(leaving)
                if leaving is not None:
                    resident.nbytes = actual
                    self.tell("corrected", hold.ledger, resident, warning=warning)
                    return []
                if all(other.state is not State.LEAVING for other in hold.ledger.residents.values()):
                    told = f"{warning}, for which there is no room: it was unloaded"
                    self.tell("corrected", hold.ledger, resident, warning=told)
                    raise self._too_large(hold, resident.ref, actual)
                self.lock.wait()

    def _too_large(self, hold: Hold, ref: ModelRef, nbytes: int) -> DoesNotFit:
        with self.lock:
            need = hold.total(hold.residents.get(ref)) + nbytes
            held = max(0, hold.ledger.tracked - hold.total()) if need <= hold.ledger.budget else 0
        what = f"model {described(ref)} and what its call uses beside it"
        return DoesNotFit(hold.ledger.name, need=need, budget=hold.ledger.budget, held=held, what=what)

    def _modes(self, ref: ModelRef) -> dict[Mode, int]:
        known = self._sizes.get(ref)
        return known if known is not None else self._sizes.setdefault(ref, dict(self._sizes_of(ref)))
