"""Models that can be fetched: what they are called, how large they are, and under which licence they come."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Published:
    """A model on the Hugging Face hub that works with a kind of model.

    Attributes:
        id: its hub id.
        nbytes: about as many bytes have to be fetched.
        licence: a short note, such as "Apache-2.0" or "non-commercial".
        include: patterns of the files that are needed; () for all.
    """

    id: str
    nbytes: int
    licence: str
    include: tuple[str, ...] = ()


def fetch_command(model: str, revision: str = "", include: Iterable[str] = ()) -> str:
    """The command that fetches a model into the hub's cache, where nodegraph finds it."""
    words = ["hf", "download", model]
    if revision:
        words += ["--revision", revision]
    for pattern in include:
        words += ["--include", pattern]
    return shlex.join(words)


def find_published(known: Iterable[Published], model: str) -> Published | None:
    """What is known of a model by its hub id."""
    return next((one for one in known if one.id == model), None)


def download_text(nbytes: int) -> str:
    """A download's size for people, in the decimal units that download pages use."""
    for unit, size in (("GB", 10**9), ("MB", 10**6)):
        if nbytes >= size:
            return f"about {nbytes / size:.1f} {unit}"
    return f"about {max(1, nbytes // 1000)} kB"
