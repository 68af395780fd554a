"""What is loaded where: one object a process that gives calls room for their models and keeps to budgets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from nodegraph.models.changes import HOST, ResidencyChange
from nodegraph.models.host import HostMemory
from nodegraph.models.lease import Hold, Lease
from nodegraph.models.ledger import DeviceLedger, Resident, State
from nodegraph.models.modes import Mode
from nodegraph.models.rooms import Rooms
from nodegraph.models.tensors import collect, release_cached, tensor_bytes, watch
from nodegraph.types.builtin import ModelRef

_TOLERATED = 0.01
"""How far a model's bytes may be from what was said of it, as a fraction."""


class Residency:
    """What is loaded where. It may be used by many threads; close it at the end.

    A call is admitted with all its models and its working memory at once, so that no two calls can wait for
    each other. What it loaded stays until others need the room; then the models leave that are needed
    farthest in the future, for host memory if there is room, else altogether. At no moment do the
    tracked bytes of a device exceed its budget, and no model leaves that a call holds.

    Args:
        budgets: bytes that weights and working memory may take, per device.
        host_bytes: bytes of host memory for models that left a device or were read ahead; a model that a
            device holds by parts (all modes but resident) comes first. The device `cpu` has no such level,
            since that is the same memory.
        load: loads a model from disk onto a device in a mode.
        sizes: bytes that a model takes on its device, for each mode it can be held in; loads nothing.
        to_host, to_device: move a resident model; they give None for one that has to be loaded again instead.
        files: the files that loading a model reads.
        clock: the time in seconds.
        on_change: is told of every change, one at a time and in order. It must be quick, must not raise, and
            must call nothing here but `tracked`.
    """

    def __init__(
        self,
        budgets: Mapping[str, int],
        *,
        host_bytes: int,
        load: Callable[[ModelRef, str, Mode], Any],
        sizes: Callable[[ModelRef], Mapping[Mode, int]],
        to_host: Callable[[ModelRef, Any], Any] | None = None,
        to_device: Callable[[ModelRef, Any, str], Any] | None = None,
        files: Callable[[ModelRef], Iterable[Path]] | None = None,
        clock: Callable[[], float],
        on_change: Callable[[ResidencyChange], None],
    ) -> None:
        self._load = load
        self._clock = clock
        self._uses = 0
        self._rooms = Rooms(budgets, sizes=sizes, keep=self._keep, clock=clock, on_change=on_change)
        has_host_level = any(ledger.has_host_level for ledger in self._rooms.devices.values())
        self._host = HostMemory(
            host_bytes if has_host_level else 0,
            lock=self._rooms.lock,
            load=load,
            size=lambda ref: self._rooms.need(ref, "resident").nbytes,
            to_host=to_host,
            to_device=to_device,
            files=files,
            next_use=self._rooms.next_use,
            by_parts=self._rooms.by_parts,
            tell=self._rooms.tell_of_host,
            clock=clock,
        )

    def __enter__(self) -> Residency:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def admit(self, device: str, needs: Sequence[tuple[ModelRef, Mode]], working: int) -> Generator[Lease]:
        """Give a call room for all its models and its working memory; waits while others hold what it needs.

        Nothing is loaded before `Lease.use`. First come, first served. A call that holds a lease must not
        wait for a second one on the same device.

        Args:
            device: one of the budgets.
            needs: the models of the call, each with the mode it is held in.
            working: bytes of working memory that the call takes beside them.

        Raises:
            DoesNotFit: if there is not so much room on the device even when it is empty.
            DeviceLost: if the device was lost.
            ModelError: if there is no such device, or a model cannot be held in that mode.
        """
        hold = self._rooms.admit(self._rooms.ledger(device), dict(needs), working)
        try:
            yield Lease(device, partial(self._obtain, hold))
        finally:
            self._rooms.release(hold)

    def tracked(self, device: str) -> int:
        """Bytes that weights and working memory take on a device, or that models take on the `host`."""
        with self._rooms.lock:
            return self._host.tracked if device == HOST else self._rooms.ledger(device).tracked

    def held(self, device: str) -> dict[ModelRef, Mode]:
        """The models that are loaded on a device, and how they are held."""
        with self._rooms.lock:
            residents = self._rooms.ledger(device).residents.values()
            return {r.ref: r.mode for r in residents if r.state is State.LOADED}

    def upcoming(self, device: str, refs: Iterable[ModelRef]) -> None:
        """Say in which order a device will need models from now on; others are not needed any more."""
        next_use: dict[ModelRef, int] = {}
        for rank, ref in enumerate(refs):
            next_use.setdefault(ref, rank)
        with self._rooms.lock:
            self._rooms.ledger(device).next_use = next_use

    def prefetch(self, ref: ModelRef, mode: Mode = "resident") -> None:
        """Read a model that is loaded nowhere from disk into host memory, in the background.

        Where there is no room or no such level, or the model will not be held whole, the system is asked to
        read its files ahead. What goes wrong is left to the call that uses the model.
        """
        with self._rooms.lock:
            if not any(ref in ledger.residents for ledger in self._rooms.devices.values()):
                self._host.prefetch(ref, is_whole=mode == "resident")

    def free(self, device: str) -> int:
        """Evict all models from a device that no call holds; gives the bytes that became free."""
        ledger = self._rooms.ledger(device)
        with self._rooms.lock:
            leaving = self._rooms.take_leave(r for r in ledger.residents.values() if r.can_leave)
            freed = sum(resident.nbytes for resident in leaving)
        self._rooms.evict(ledger, leaving)
        return freed

    def lose(self, device: str) -> None:
        """Forget all that is on a device that failed; whoever asks for room there gets DeviceLost."""
        ledger = self._rooms.ledger(device)
        with self._rooms.lock:
            ledger.is_lost = True
            loaded = ledger.clear()
            self._rooms.tell("lost", ledger, warning=f"device {device} was lost")
            self._rooms.lock.notify_all()
        loaded.clear()

    def close(self) -> None:
        """Let go of everything and end the background reads; who waits for room gets a RuntimeError."""
        rooms = self._rooms
        with rooms.lock:
            if rooms.is_closed:
                return
            rooms.is_closed = True
            loaded = [model for ledger in rooms.devices.values() for model in ledger.clear()]
            rooms.lock.notify_all()
        self._host.close()
        watched = [watch(model) for model in loaded]
        loaded.clear()
        collect(watched)
        for ledger in rooms.devices.values():
            if not ledger.is_lost:
                release_cached(ledger.name)
            with rooms.lock:
                rooms.tell("closed", ledger)

    def _keep(self, resident: Resident, needed: Collection[ModelRef]) -> bool:
        return self._host.keep(resident.ref, resident.nbytes, resident.loaded, needed)

    def _obtain(self, hold: Hold, ref: ModelRef) -> Any:
        """A model that a call uses; loads it, or waits for the thread that does."""
        resident = self._rooms.resident(hold, ref)
        if not self._is_there(hold, resident):
            try:
                self._bring(hold, resident)
            except BaseException:
                self._give_up(hold.ledger, resident)
                raise
        with self._rooms.lock:
            self._rooms.require_open(hold.ledger)
            return resident.loaded

    def _is_there(self, hold: Hold, resident: Resident) -> bool:
        """Whether a model is loaded, once no other thread is loading it; if not, this thread has to."""
        lock = self._rooms.lock
        with lock:
            while True:
                hold.require_going_on(resident.ref)
                self._rooms.require_open(hold.ledger)
                if resident.state is State.LOADED:
                    self._touch(resident)
                    return True
                if resident.state is State.RESERVED:
                    resident.state = State.LOADING
                    return False
                lock.wait()

    def _bring(self, hold: Hold, resident: Resident) -> None:
        """Get a model onto its device, from host memory or from disk."""
        ledger, begun = hold.ledger, self._clock()
        is_whole = resident.mode == "resident"
        if ledger.has_host_level and is_whole:
            resident.loaded = self._host.take(resident.ref, ledger.name)
        elif ledger.has_host_level:
            self._host.make_way()
        source = "disk" if resident.loaded is None else "host"
        if resident.loaded is None:
            resident.loaded = self._load(resident.ref, ledger.name, resident.mode)
        if is_whole:
            self._compare(hold, resident)
        with self._rooms.lock:
            self._rooms.require_open(ledger)
            resident.state = State.LOADED
            self._touch(resident)
            self._rooms.tell("loaded", ledger, resident, source=source, seconds=self._clock() - begun)
            self._rooms.lock.notify_all()

    def _compare(self, hold: Hold, resident: Resident) -> None:
        """Compare what a loaded model takes with what was said of it."""
        actual = tensor_bytes(resident.loaded)
        if actual is not None and abs(actual - resident.nbytes) > _TOLERATED * resident.nbytes:
            self._rooms.correct(hold, resident, actual)

    def _give_up(self, ledger: DeviceLedger, resident: Resident) -> None:
        """Keep the room of a model that could not be loaded, for the next to try."""
        watched = watch(resident.loaded)
        resident.loaded = None
        collect([watched])
        if not ledger.is_lost:
            release_cached(ledger.name)
        with self._rooms.lock:
            resident.state = State.RESERVED
            self._rooms.lock.notify_all()

    def _touch(self, resident: Resident) -> None:
        self._uses += 1
        resident.last_use = self._uses
