"""The room that one call has on a device, and the models it uses there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from nodegraph.models.ledger import DeviceLedger, Resident
from nodegraph.models.sources import described
from nodegraph.types.builtin import ModelRef


@dataclass(slots=True, eq=False)
class Hold:
    """What a call holds on a device: its models and its working memory; `is_over` once it was given back."""

    ledger: DeviceLedger
    residents: dict[ModelRef, Resident]
    working: int
    is_over: bool = False

    def require_going_on(self, ref: ModelRef) -> None:
        """Raise RuntimeError if the room was given back already."""
        if self.is_over:
            raise RuntimeError(f"model {described(ref)} was asked for after its call had ended")

    def total(self, besides: Resident | None = None) -> int:
        """Bytes of working memory and of all models, but for one."""
        others = (resident.nbytes for resident in self.residents.values() if resident is not besides)
        return self.working + sum(others)


class Lease:
    """Room for the models and the working memory of one call. It ends with the `with` that gave it.

    Attributes:
        device: the device that the room is on.
    """

    __slots__ = ("_obtain", "device")

    def __init__(self, device: str, obtain: Callable[[ModelRef], Any]) -> None:
        self.device = device
        self._obtain = obtain

    def use(self, ref: ModelRef) -> Use:
        """The loaded model, in a `with`; loads it on first use, once for all threads that ask for it.

        A model that the call was not given room for gets it if there is some without waiting.

        Raises:
            DoesNotFit: if there is no room for it, or it takes more than was known before it was loaded.
            DeviceLost: if the device was lost.
            Exception: whatever the function raises that loads it.
        """
        return Use(self._obtain, ref)


class Use:
    """A `with` that gives a loaded model. It keeps no reference to it."""

    __slots__ = ("_obtain", "_ref")

    def __init__(self, obtain: Callable[[ModelRef], Any], ref: ModelRef) -> None:
        self._obtain = obtain
        self._ref = ref

    def __enter__(self) -> Any:
        return self._obtain(self._ref)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """The room is given back with the lease."""
