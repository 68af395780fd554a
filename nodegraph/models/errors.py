"""What can be wrong with a model."""

from __future__ import annotations


class ModelError(Exception):
    """A model that cannot be found, read or used; the message says which, what is wrong and what to do."""


class NotHere(ModelError):
    """A model of the hub that is not on this machine.

    Attributes:
        reason: which, where it was looked for, and what to do.
        fetch: the command that fetches it.
    """

    def __init__(self, reason: str, fetch: str) -> None:
        super().__init__(f"{reason}: {fetch}")
        self.reason = reason
        self.fetch = fetch


class DoesNotFit(ModelError):
    """Models and working memory for which a device has no room.

    Attributes:
        device: its name.
        need: bytes that weights and working memory take together.
        budget: bytes that the device has in all.
        held: of these, bytes that other calls hold. A call whose `need` is within `budget` may be tried again
            when they have ended.
    """

    def __init__(self, device: str, *, need: int, budget: int, held: int, what: str) -> None:
        taken = f", {amount(held)} of it in use by other calls" if held else ""
        super().__init__(
            f"device {device}: {what} take {amount(need)} ({need} bytes), and the budget is "
            f"{amount(budget)} ({budget} bytes{taken}); give a larger budget, another device, smaller inputs "
            f"or a smaller dtype"
        )
        self.device = device
        self.need = need
        self.budget = budget
        self.held = held


class DeviceLost(ModelError):
    """A device that failed in mid-run and is not used any more."""

    def __init__(self, device: str) -> None:
        super().__init__(f"device {device} was lost; its calls have to run elsewhere")
        self.device = device


def amount(nbytes: int) -> str:
    """Bytes for people, such as `2.5 GiB`."""
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if nbytes >= size:
            return f"{nbytes / size:.1f} {unit}"
    return f"{nbytes} bytes"
