"""The calls of a node's last run, as far as the store still has them: what they were given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import msgpack as untyped_msgpack  # pyright: ignore[reportMissingTypeStubs]

from nodegraph.plan.history import NodeRecord
from nodegraph.plan.program import Step
from nodegraph.store import Key, Row, Store
from nodegraph.types.wire import Digest

msgpack = cast("Any", untyped_msgpack)

_PREFIX = 8
_DIGEST = 32


@dataclass(frozen=True, slots=True)
class ItemInputs:
    """What the `make` of one item of a fan-out node was given.

    Attributes:
        key: the item's key.
        reads: content digests of the files it was read from.
        uses: digest of what it used besides.
    """

    key: str
    reads: tuple[Digest, ...]
    uses: Digest | None


def pack_item_inputs(
    inputs: Iterable[Digest], key: str, reads: Sequence[Digest], uses: Digest | None
) -> bytes:
    """What the row of a `make` keeps of its inputs: the linked ones joined, and what is the item's own."""
    return b"".join(inputs) + cast("bytes", msgpack.packb([key, list(reads), uses]))


class LastCalls:
    """What the calls of the last run of one node were given.

    Attributes:
        width: the number of linked inputs that enter a key by digest.
    """

    def __init__(self, step: Step, before: NodeRecord | None, store: Store) -> None:
        calls = b"" if before is None else before.calls
        self._prefixes = [calls[at : at + _PREFIX] for at in range(0, len(calls), _PREFIX)]
        self._known = frozenset(self._prefixes)
        self._store = store
        self.width = sum(feed.name != step.linked_seed for feed in step.feeds)

    def had(self, key: Key) -> bool:
        """Whether a call of that key was among them."""
        return key[:_PREFIX] in self._known

    def changed(self, digests: Sequence[Digest]) -> list[int] | None:
        """Which inputs of a call are others than in the last run; None if that cannot be told.

        The call is held against the one that differs from it in the fewest inputs.
        """
        given = tuple(digests)
        if given in self._inputs:
            return []
        near = [at for at in range(len(given)) if (at, _without(given, at)) in self._near]
        if near:
            return near[:1]
        unseen = [at for at, digest in enumerate(given) if (at, digest) not in self._single]
        return unseen or None

    @cached_property
    def items(self) -> dict[tuple[bytes, str], ItemInputs]:
        """What was made for each item, by the joined linked inputs of its stream and its key."""
        found: dict[tuple[bytes, str], ItemInputs] = {}
        start = self.width * _DIGEST
        for row in self._rows:
            if len(row.inputs) > start:
                key, reads, uses = msgpack.unpackb(row.inputs[start:], use_list=False)
                found[row.inputs[:start], key] = ItemInputs(key, reads, uses)
        return found

    @cached_property
    def _rows(self) -> list[Row]:
        rows = self._store.rows_of(dict.fromkeys(self._prefixes))
        return [rows[prefix] for prefix in self._prefixes if prefix in rows]

    @cached_property
    def _inputs(self) -> frozenset[tuple[bytes, ...]]:
        ends = range(0, self.width * _DIGEST, _DIGEST)
        joined = (row.inputs for row in self._rows if len(row.inputs) >= self.width * _DIGEST)
        return frozenset(tuple(inputs[at : at + _DIGEST] for at in ends) for inputs in joined)

    @cached_property
    def _near(self) -> frozenset[tuple[int, tuple[bytes, ...]]]:
        """The calls with one input left out; a call of a single input is near to none."""
        if self.width < 2:
            return frozenset()
        return frozenset((at, _without(given, at)) for given in self._inputs for at in range(self.width))

    @cached_property
    def _single(self) -> frozenset[tuple[int, bytes]]:
        return frozenset((at, digest) for given in self._inputs for at, digest in enumerate(given))


def _without(given: tuple[bytes, ...], at: int) -> tuple[bytes, ...]:
    return given[:at] + given[at + 1 :]
