"""What is kept of each node type: what the memo was worth to it, and what its calls take."""

from __future__ import annotations

from dataclasses import dataclass

from nodegraph.store.rows import pack, unpack


@dataclass(frozen=True, slots=True)
class Use:
    """Calls of one node type, or of all, over all runs.

    Attributes:
        executed: calls that ran.
        spent: the seconds they took.
        cached: calls that did not have to run.
        saved: the seconds those took when they ran.
    """

    executed: int = 0
    spent: float = 0.0
    cached: int = 0
    saved: float = 0.0

    @property
    def hit_rate(self) -> float | None:
        """The share of calls that did not have to run, 0 to 1; None if there was no call."""
        calls = self.executed + self.cached
        return self.cached / calls if calls else None

    def plus(self, other: Use) -> Use:
        """Both together."""
        return Use(
            self.executed + other.executed,
            self.spent + other.spent,
            self.cached + other.cached,
            self.saved + other.saved,
        )


@dataclass(frozen=True, slots=True)
class Pace:
    """What calls of a node type take.

    Attributes:
        seconds: what they took in all.
        calls: how many there were; fractions, since older ones count less.
        slow: how many of them were slow in the eyes of who recorded them.
    """

    seconds: float = 0.0
    calls: float = 0.0
    slow: float = 0.0

    def plus(self, other: Pace) -> Pace:
        """Both together."""
        return Pace(self.seconds + other.seconds, self.calls + other.calls, self.slow + other.slow)


def pack_pace(type_id: str, pace: Pace) -> bytes:
    """The payload that `unpack_pace` reads."""
    return pack((type_id, pace.seconds, pace.calls, pace.slow))


def unpack_pace(payload: bytes) -> Pace:
    """The pace of a payload."""
    _, seconds, calls, slow = unpack(payload)
    return Pace(seconds, calls, slow)


def pack_use(type_id: str, use: Use) -> bytes:
    """The payload that `unpack_use` reads."""
    return pack((type_id, use.executed, use.spent, use.cached, use.saved))


def unpack_use(payload: bytes) -> tuple[str, Use]:
    """The node type and its use."""
    type_id, executed, spent, cached, saved = unpack(payload)
    return type_id, Use(executed, spent, cached, saved)
