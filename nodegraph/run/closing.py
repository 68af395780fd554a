"""When the stores of past runs are closed: once nobody can ask for their values, at the latest at exit.

A store is not closed from within garbage collection, which may interrupt one of its own threads, but when the
next one is opened.
"""

from __future__ import annotations

import atexit
import weakref
from collections import deque

from nodegraph.plan.values import Values
from nodegraph.store import Store

_unused: deque[Store] = deque()


def close_when_unused(store: Store, values: Values) -> None:
    """Let a store be closed once nothing refers to the values that read it."""
    weakref.finalize(values, _unused.append, store)


def close_at_exit(store: Store) -> None:
    """Keep a store open as long as the process lives."""
    atexit.register(store.close)


def close_unused() -> None:
    """Close the stores that nothing reads any more."""
    while _unused:
        _unused.popleft().close()


# Before the first `finalize`, so that it runs after the last one.
atexit.register(close_unused)
