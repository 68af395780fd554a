"""The node types of the oracle's random graphs: each writes down its calls, many lose information.

What they compute is declared once, as ordinary functions; the oracle calls them as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nodegraph import Batch, Collected, Context, Drop, Item, Stream, node, value

CALLS: list[tuple[Any, ...]] = []
"""The function and the arguments of every call since it was last cleared."""

VERSIONS = {"step": 1, "lossy": 1, "total": 1, "listed": 1}
"""The versions of the node types that can be declared again under another one."""

TICK = [0]
"""What `orc.tick`, which is not pure, adds."""

MODULUS = 5


@value("orc.vec", version=1)
@dataclass(frozen=True, eq=False)
class Vec:
    """A row of equal numbers; beyond 1,000 of them it is stored as a file."""

    numbers: np.ndarray


class Split(NamedTuple):
    """A number in two."""

    high: int
    low: int


def outcome(number: int, fault: int, drop: int) -> None:
    """Fail or drop for some numbers."""
    if fault >= 0 and number % MODULUS == fault:
        raise ValueError(f"{number} is bad")
    if drop >= 0 and number % MODULUS == drop:
        raise Drop(f"{number} is not wanted")


def behaviour(kind: str) -> int:
    """What a version adds to a result: versions 2 and 3 do the same, 1 does something else."""
    return VERSIONS[kind] // 2


@node("orc.const", version=1)
def const(*, number: int) -> int:
    CALLS.append(("const", number))
    return number


@node("orc.step", version=1)
def step(x: int, *, plus: int, fault: int, drop: int) -> int:
    CALLS.append(("step", VERSIONS["step"], x, plus, fault, drop))
    outcome(x, fault, drop)
    return x + plus + behaviour("step")


@node("orc.lossy", version=1)
def lossy(x: int, *, by: int) -> int:
    CALLS.append(("lossy", VERSIONS["lossy"], x, by))
    return x // by + behaviour("lossy")


@node("orc.sign", version=1)
def sign(x: int) -> int:
    CALLS.append(("sign", x))
    return (x > 0) - (x < 0)


@node("orc.text", version=1)
def text(x: int, *, width: int) -> str:
    CALLS.append(("text", x, width))
    return "x" * (x % width)


@node("orc.size", version=1)
def size(s: str) -> int:
    CALLS.append(("size", s))
    return len(s)


@node("orc.vec", version=1)
def vec(x: int, *, count: int) -> Vec:
    CALLS.append(("vec", x, count))
    return Vec(np.full(count, x % 3))


@node("orc.norm", version=1)
def norm(v: Vec) -> int:
    CALLS.append(("norm", v.numbers.tobytes()))
    return int(v.numbers.sum())


@node("orc.row", version=1)
def row(x: int) -> list[int]:
    CALLS.append(("row", x))
    return [x % 3, x % 2]


@node("orc.pick", version=1)
def pick(xs: list[int], *, at: int) -> int:
    CALLS.append(("pick", tuple(xs), at))
    return xs[at]


@node("orc.split", version=1)
def split(x: int, *, by: int) -> Split:
    CALLS.append(("split", x, by))
    return Split(x // by, x % by)


@node("orc.maybe", version=1)
def maybe(x: int, *, other: int | None = None) -> int:
    CALLS.append(("maybe", x, other))
    return x if other is None else 3 * x - other


@node("orc.sub", version=1)
def sub(a: int, b: int, *, fault: int, drop: int) -> int:
    CALLS.append(("sub", a, b, fault, drop))
    outcome(a + b, fault, drop)
    return a - 2 * b


@node("orc.lean", version=1, keep=False)
def lean(x: int, *, plus: int, fault: int, drop: int) -> int:
    CALLS.append(("lean", x, plus, fault, drop))
    outcome(x, fault, drop)
    return x + plus


@node("orc.noise", version=1, seeded=True)
def noise(x: int, ctx: Context, *, strength: int) -> int:
    CALLS.append(("noise", x, ctx.seed, strength))
    return x + ctx.seed % strength


@node("orc.tick", version=1, pure=False)
def tick(x: int) -> int:
    CALLS.append(("tick", x))
    return x + TICK[0]


@node("orc.batch", version=1)
def batch(x: Batch[int], *, plus: int, fault: int, drop: int) -> Batch[int]:
    found: list[Any] = []
    for number in x:
        CALLS.append(("batch", number, plus, fault, drop))
        try:
            outcome(number, fault, drop)
            found.append(number + plus)
        except Drop as left_out:
            found.append(left_out)
    return found


def written(path: Path) -> int:
    """The number in a file of a folder."""
    return int(path.read_text())


@node("orc.folder", version=1, pure=False)
def folder(*, root: Path, by: str, turned: bool, fault: int, drop: int, stop: int) -> Stream[int]:
    """The numbers in the files of a folder, by what is read or by what is used; may break off."""

    def make(name: str, number: int) -> int:
        CALLS.append(("folder", by, turned, name, number, fault, drop, stop))
        outcome(number, fault, drop)
        return number

    for index, path in enumerate(sorted(root.iterdir(), reverse=turned)):
        if index == stop:
            raise RuntimeError("broke off")
        if by == "reads":
            yield Item(path.name, lambda path=path: make(path.name, written(path)), reads=[path])
        elif by == "uses":
            number = written(path)
            yield Item(path.name, lambda path=path, n=number: make(path.name, n), uses={"number": number})
        else:
            yield Item(path.name, written(path))


@node("orc.listed", version=1)
def listed(*, numbers: list[int], fault: int, drop: int, stop: int) -> Stream[int]:
    """Numbers, each made on its own."""

    def make(key: str, number: int) -> int:
        CALLS.append(("listed", VERSIONS["listed"], key, number, tuple(numbers), fault, drop, stop))
        outcome(number, fault, drop)
        return number + behaviour("listed")

    for index, number in enumerate(numbers):
        if index == stop:
            raise RuntimeError("broke off")
        yield Item(f"i{index}", lambda key=f"i{index}", number=number: make(key, number))


@node("orc.given", version=1)
def given(*, numbers: list[int]) -> Stream[Split]:
    """Numbers given directly, in two streams."""
    for index, number in enumerate(numbers):
        yield Item(f"i{index}", Split(number // 3, number % 3))


def fanned(kind: str, x: int, by: str, refuse: int, fault: int, drop: int, stop: int) -> Iterator[Item[int]]:
    """Up to three numbers for a number."""

    def make(key: str, number: int) -> int:
        CALLS.append((kind, x, by, refuse, fault, drop, stop, key))
        outcome(number, fault, drop)
        return number

    if refuse >= 0 and x % MODULUS == refuse:
        raise Drop("refused")
    for index in range(x % 4):
        if x % MODULUS == stop and index == 1:
            raise RuntimeError("broke off")
        number = x + 7 * index + 1
        key = f"j{index}"
        yield Item(key, number) if by == "given" else Item(key, lambda key=key, n=number: make(key, n))


@node("orc.fan", version=1)
def fan(x: int, *, by: str, refuse: int, fault: int, drop: int, stop: int) -> Stream[int]:
    yield from fanned("fan", x, by, refuse, fault, drop, stop)


@node("orc.refan", version=1, pure=False)
def refan(x: int, *, by: str, refuse: int, fault: int, drop: int, stop: int) -> Stream[int]:
    yield from fanned("refan", x, by, refuse, fault, drop, stop)


@node("orc.leanfan", version=1, keep=False)
def leanfan(x: int, *, by: str, refuse: int, fault: int, drop: int, stop: int) -> Stream[int]:
    yield from fanned("leanfan", x, by, refuse, fault, drop, stop)


def entries(stream: Any) -> tuple[Any, ...]:
    """A stream as what it holds."""
    return tuple((item.key, item.value) for item in stream)


@node("orc.total", version=1)
def total(xs: Stream[int], *, by: int, fault: int, drop: int) -> int:
    """Add up a stream with regard to keys and order, and lose most of it."""
    held = entries(xs)
    CALLS.append(("total", VERSIONS["total"], held, by, fault, drop))
    number = sum((index + 1) * number + len(key) for index, (key, number) in enumerate(held)) // by
    outcome(number, fault, drop)
    return number + behaviour("total")


@node("orc.count", version=1)
def count(xs: Collected[int]) -> int:
    CALLS.append(("count", entries(xs)))
    return len(xs)


@node("orc.pair", version=1)
def pair(left: Stream[int], right: Stream[int], *, by: int) -> int:
    """Weigh a stream against another, of one origin or of one above it."""
    ours, theirs = entries(left), entries(right)
    CALLS.append(("pair", ours, theirs, by))
    return sum((i + 1) * n for i, (_, n) in enumerate(ours)) // by - sum(n for _, n in theirs)


@node("orc.deep", version=1)
def deep(xss: Stream[Stream[int]], *, by: int) -> int:
    """Add up a stream of streams, with regard to keys and order."""
    held = tuple((outer.key, entries(outer.value)) for outer in xss)
    CALLS.append(("deep", held, by))
    number = 0
    for outer, inside in held:
        number += 1 + sum((i + 1) * n + len(outer) + len(key) for i, (key, n) in enumerate(inside))
    return number // by


_VERSIONED = {"step": step, "lossy": lossy, "total": total, "listed": listed}


def declare_versions(versions: Mapping[str, int]) -> None:
    """Declare the node types that have several versions under these."""
    for kind, version in versions.items():
        if VERSIONS[kind] != version:
            VERSIONS[kind] = version
            node(f"orc.{kind}", version=version)(_VERSIONED[kind])


@dataclass(frozen=True)
class Kind:
    """What the oracle has to know of a node type.

    Attributes:
        inputs: by name, the type and how many levels of streams the input takes off.
        outputs: type by name.
        role: "call", "batch", "fan" (a generator) or "join" (a built-in one: passes values on by digest).
        optional: inputs that may be left unlinked.
        outside: params that are in no key.
    """

    inputs: Mapping[str, tuple[str, int]]
    outputs: Mapping[str, str]
    role: str = "call"
    pure: bool = True
    keep: bool = True
    seeded: bool = False
    optional: frozenset[str] = frozenset()
    outside: frozenset[str] = frozenset()
    type_id: str = ""


_INT, _OUT = {"x": ("int", 0)}, {"out": "int"}
_TWO = {"left": ("int", 1), "right": ("int", 1)}
_PAIR = {"left": "int", "right": "int"}

KINDS: Mapping[str, Kind] = {
    "step": Kind(_INT, _OUT),
    "lossy": Kind(_INT, _OUT),
    "const": Kind({}, _OUT),
    "total": Kind({"xs": ("int", 1)}, _OUT),
    "folder": Kind({}, _OUT, "fan", pure=False, outside=frozenset({"root"})),
    "fan": Kind(_INT, _OUT, "fan"),
    "listed": Kind({}, _OUT, "fan"),
    "given": Kind({}, {"high": "int", "low": "int"}, "fan"),
    "refan": Kind(_INT, _OUT, "fan", pure=False),
    "leanfan": Kind(_INT, _OUT, "fan", keep=False),
    "sub": Kind({"a": ("int", 0), "b": ("int", 0)}, _OUT),
    "lean": Kind(_INT, _OUT, keep=False),
    "batch": Kind(_INT, _OUT, "batch"),
    "split": Kind(_INT, {"high": "int", "low": "int"}),
    "maybe": Kind({"x": ("int", 0), "other": ("int", 0)}, _OUT, optional=frozenset({"other"})),
    "noise": Kind(_INT, _OUT, seeded=True),
    "tick": Kind(_INT, _OUT, pure=False),
    "sign": Kind(_INT, _OUT),
    "vec": Kind(_INT, {"out": "vec"}),
    "norm": Kind({"v": ("vec", 0)}, _OUT),
    "row": Kind(_INT, {"out": "list"}),
    "pick": Kind({"xs": ("list", 0)}, _OUT),
    "text": Kind(_INT, {"out": "text"}),
    "size": Kind({"s": ("text", 0)}, _OUT),
    "count": Kind({"xs": ("int", 1)}, _OUT),
    "pair": Kind(_TWO, _OUT),
    "deep": Kind({"xss": ("int", 2)}, _OUT),
    "zip": Kind(_TWO, _PAIR, "join", type_id="stream.zip"),
    "match": Kind(_TWO, _PAIR, "join", type_id="stream.match"),
    "cross": Kind(_TWO, _PAIR, "join", type_id="stream.cross"),
    "concat": Kind({"first": ("int", 1), "second": ("int", 1)}, _OUT, "join", type_id="stream.concat"),
    "take": Kind({"stream": ("int", 1)}, _OUT, "join", type_id="stream.take"),
    "flatten": Kind({"stream": ("int", 2)}, _OUT, "join", type_id="stream.flatten"),
    "repeat": Kind({"item": ("int", 0)}, _OUT, "fan", type_id="stream.repeat"),
}
