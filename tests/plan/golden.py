"""Keys and digests of a representative set of calls, streams and values, as they have to stay.

python tests/plan/golden.py            # print them as JSON
python tests/plan/golden.py --write    # replace golden_keys.json, after the number in a tag was raised
"""

from __future__ import annotations

import enum
import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel

import nodes.types as kinds
from nodegraph import Artifact, Collected, Context, Item, ModelRef, ReadsFile, Stream, node
from nodegraph.check.literals import default_of
from nodegraph.node.declare import node_type_of
from nodegraph.node.signature import validate_literal
from nodegraph.plan.keys import call_key, call_prefix, derived_seed, item_key, item_prefix, stream_digest
from nodegraph.plan.producers import Listing
from nodegraph.types.wire import Digest, digest, encode

FILE = Path(__file__).with_name("golden_keys.json")
ONE, TWO = Digest(bytes(range(32))), Digest(bytes(range(32, 64)))


class Mode(enum.Enum):
    FAST = "fast"
    FINE = "fine"


class Settings(BaseModel):
    rate: float = 1.0
    names: list[str] = ["a", "b"]


class Both(NamedTuple):
    left: int
    right: str


@node("golden.plain", version=1)
def plain(number: int, *, factor: float = 1, name: str = "", flag: bool = False) -> int:
    """Plain params."""
    return number


@node("golden.rich", version="2024.1")
def rich(
    *,
    mode: Mode = Mode.FAST,
    choice: Literal["a", 1] = "a",
    table: dict[str, list[int]],
    settings: Settings,
    anything: float | None = None,
) -> Both:
    """Params of all other kinds."""
    return Both(1, "a")


@node("golden.file", version=1)
def file(path: Annotated[Path, ReadsFile()]) -> str:
    """A file by its content."""
    return path.read_text()


@node("golden.seeded", version=1, seeded=True)
def seeded(number: int, *, ctx: Context) -> int:
    """A seed."""
    return ctx.seed


@node("golden.total", version=1)
def total(numbers: Collected[int], offset: int) -> int:
    """A stream and a value."""
    return offset


@node("golden.source", version=1, pure=False)
def source(folder: Path, *, limit: int = 10) -> Stream[int]:
    """Items of a folder."""
    yield Item("a", lambda: 1)


def params(function: Any, **literals: Any) -> dict[str, Any]:
    """Literals as `check` gives them, defaults filled in."""
    given = {
        port.name: validate_literal(port, literals[port.name]) if port.name in literals else default_of(port)
        for port in node_type_of(function).signature.inputs
        if port.name in literals or not port.required
    }
    return {name: value for name, value in given.items() if not (name == "seed" and value is None)}


def prefix(function: Any, linked: tuple[tuple[str, bool], ...] = (), **literals: Any) -> bytes:
    """The part of a call's key that all items share."""
    return call_prefix(node_type_of(function), params(function, **literals), {}, linked)


def calls() -> dict[str, bytes]:
    """Keys of calls of nodes with a version."""
    number = (("number", False),)
    table = {"b": [1, 2], "a": []}
    settings = {"rate": 2, "names": ["ä"]}
    by_content = call_prefix(node_type_of(file), {"path": Path("a/b.txt")}, {"path": ONE}, ())
    collected = (("numbers", True), ("offset", False))
    return {
        "literal": call_key(prefix(plain, number=3, factor=2, name="x", flag=True), (), None),
        "linked": call_key(prefix(plain, number), [ONE], None),
        "rich": call_key(prefix(rich, mode="fine", choice=1, table=table, settings=settings), (), None),
        "rich, minus zero": call_key(prefix(rich, table={}, settings={}, anything=-0.0), (), None),
        "file": call_key(by_content, (), None),
        "seeded": call_key(prefix(seeded, number), [ONE], 2**62 + 1),
        "collected": call_key(prefix(total, collected), [stream_digest([("a", ONE)]), TWO], None),
    }


def items() -> dict[str, bytes]:
    """Keys of the items of a fan-out node."""
    start = item_prefix(node_type_of(source), params(source, folder="photos", limit=3), {}, ())
    linked = item_prefix(node_type_of(source), params(source, folder="photos"), {}, (("limit", False),))
    return {
        "item that reads": item_key(start, (), None, "a/b.jpg", [ONE, TWO], None),
        "item that uses": item_key(linked, [ONE], None, "ä", [], TWO),
        "seeded item": item_key(start, (), 7, "a", [ONE], TWO),
    }


def seeds_and_streams() -> dict[str, bytes]:
    """Derived seeds, digests of streams and listings."""
    listing = Listing(("a", "b/c"), (ONE + TWO, TWO + ONE), {1: "too small"})
    return {
        "seed": derived_seed(7, "golden.seeded", [ONE], ["a", "b"]).to_bytes(8, "big"),
        "seed without inputs": derived_seed(2**63 - 1, "golden.seeded", [], []).to_bytes(8, "big"),
        "empty stream": stream_digest([]),
        "stream": stream_digest([("a", ONE), ("b/ä", TWO)]),
        "listing": digest(encode(listing.to_value())),
    }


def samples() -> dict[str, Any]:
    """A value of each kind, among them one of each value type of the engine and of the node library."""
    bools = np.array([[True, False, True], [False, False, True]])
    bytes_3d = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    floats = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4)
    categories = kinds.Categories(("cat", "dog"), (3, 17))
    scores, ids = np.array([1, 0.25], np.float32), np.array([1, 0])
    corners = np.array([[0, 1, 2, 3], [4, 5.5, 6, 7]], np.float32)
    tracked = np.stack([corners, corners + 1], axis=1)
    ones = np.ones((2, 2), np.float32)
    return {
        "none": None,
        "bool": True,
        "int": -(2**63),
        "float": 0.1,
        "minus zero": -0.0,
        "str": "gräph",
        "bytes": b"\0\xff",
        "large bytes": bytes(5000),
        "list": [1, 1.0, True, "1", b"1", None, [], {}],
        "tuple": (1, (2, ())),
        "dict": {"b": 1, "a": {"c": [0.5]}},
        "complex array": np.array([1 + 2j], np.complex64),
        "half array": np.array([[0.5]], np.float16),
        "empty array": np.zeros((0, 4), np.int16),
        "number array": np.array(3),
        "large array": np.arange(3000, dtype=np.int32).reshape(3, 1000),
        "artifact": Artifact(None, {"a.txt": ["x", "y/z"]}, {"a.txt": ("00ff", 3)}),
        "model_ref": ModelRef("svd", "some/model", "abc", "float16", "fp16", "12ef"),
        "image": kinds.Image(bytes_3d),
        "video": kinds.Video(np.stack([bytes_3d, bytes_3d]), 12.5),
        "mask": kinds.Mask(bools),
        "mask_track": kinds.MaskTrack(np.stack([[bools, ~bools]]), np.ones((1, 2), np.float32)),
        "categories": categories,
        "boxes": kinds.Boxes(corners, ids, scores, categories),
        "box_track": kinds.BoxTrack(tracked, ones.astype(bool), ones, ones, ids, categories),
        "depth": kinds.Depth(floats),
        "file": kinds.File(b"\x89PNG", ".png", 4, 2),
    }


def golden() -> dict[str, dict[str, str]]:
    """Everything, as hexadecimal text."""
    values = {name: bytes(digest(encode(value))) for name, value in samples().items()}
    parts = {"calls": calls(), "items": items(), "seeds and streams": seeds_and_streams(), "values": values}
    return {part: {name: key.hex() for name, key in keys.items()} for part, keys in parts.items()}


if __name__ == "__main__":
    text = json.dumps(golden(), indent=2) + "\n"
    if "--write" in sys.argv[1:]:
        FILE.write_text(text)
    else:
        print(text, end="")
