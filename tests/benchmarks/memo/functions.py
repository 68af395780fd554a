"""The trivial functions of the works as the peers take them: plain, and each counts its calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from memo.works import CELLS, MODULUS

Functions = Mapping[int, Callable[..., Any]]
"""By how many values they read."""
Run = Callable[[], Sequence[Any]]
"""Gives the values of the nodes that no node reads, or of the items after the last node."""

RAN: list[None] = []
"""Grows by one with every call; appending is atomic, whatever threads call."""


def start(k: int) -> int:
    """Give a number."""
    RAN.append(None)
    return k


def add(a: int, k: int) -> int:
    """Add a number."""
    RAN.append(None)
    return (a + k) % MODULUS


def join3(a: int, b: int, c: int, k: int) -> int:
    """Add three numbers and one more."""
    RAN.append(None)
    return (a + b + c + k) % MODULUS


def join4(a: int, b: int, c: int, d: int, k: int) -> int:
    """Add four numbers and one more."""
    RAN.append(None)
    return (a + b + c + d + k) % MODULUS


def start_array(k: int) -> np.ndarray:
    """Give an array."""
    RAN.append(None)
    return np.full(CELLS, k, np.int32)


def add_array(a: np.ndarray, k: int) -> np.ndarray:
    """Add a number."""
    RAN.append(None)
    return (a + k) % MODULUS


def join3_array(a: np.ndarray, b: np.ndarray, c: np.ndarray, k: int) -> np.ndarray:
    """Add three arrays and a number."""
    RAN.append(None)
    return (a + b + c + k) % MODULUS


def join4_array(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray, k: int) -> np.ndarray:
    """Add four arrays and a number."""
    RAN.append(None)
    return (a + b + c + d + k) % MODULUS


FUNCTIONS: Functions = {0: start, 1: add, 3: join3, 4: join4}
ARRAY_FUNCTIONS: Functions = {0: start_array, 1: add_array, 3: join3_array, 4: join4_array}
