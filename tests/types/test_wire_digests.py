"""Digests: equal where values are, in every process, and the same from one release to the next."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from nodegraph import value
from nodegraph.types.wire import Wire, buffer_specs, decode, digest, encode
from tests.types.wire_values import VALUES, Mask, Point, same


@value("test.wire_partial", version=1, fields=("kept",))
@dataclass(frozen=True)
class Partial:
    kept: int
    left_out: int = 0


def stored(wire: Wire) -> Wire:
    """A wire form as it comes back from disk: each buffer cut out by its size."""
    body = b"".join(wire.buffers)
    sizes = [spec.nbytes for spec in buffer_specs(wire.header)]
    ends = list(itertools.accumulate(sizes))
    assert (ends[-1] if ends else 0) == len(body)
    return Wire(wire.header, tuple(body[end - size : end] for size, end in zip(sizes, ends, strict=True)))


@given(VALUES)
def test_value_comes_back_from_its_header_and_buffers_on_disk_with_the_same_digest(original):
    wire = stored(encode(original))
    assert same(decode(wire), original)
    assert digest(encode(decode(wire))) == digest(wire) == digest(encode(original))


@given(VALUES, VALUES)
def test_digests_are_equal_exactly_where_values_are(one, other):
    assert (digest(encode(one)) == digest(encode(other))) == same(one, other)


ALL_DIFFERENT: dict[str, Any] = {
    "one": 1,
    "one as float": 1.0,
    "true": True,
    "one as text": "1",
    "one as bytes": b"1",
    "zero": 0,
    "zero as float": 0.0,
    "minus zero": -0.0,
    "false": False,
    "none": None,
    "none as text": "None",
    "nan": float("nan"),
    "infinity": float("inf"),
    "empty text": "",
    "empty bytes": b"",
    "empty list": [],
    "empty tuple": (),
    "empty dict": {},
    "list": [1, 2],
    "list in another order": [2, 1],
    "tuple": (1, 2),
    "nested list": [[1], 2],
    "nested otherwise": [1, [2]],
    "list of lists": [[1, 2]],
    "dict": {"a": 1, "b": 2},
    "dict in another order": {"b": 2, "a": 1},
    "dict of other values": {"a": 2, "b": 1},
    "pairs": [["a", 1], ["b", 2]],
    "large bytes": b"x" * 5000,
    "large text": "x" * 5000,
    "large bytes in two": [b"x" * 4096, b"x" * 4096],
    "large bytes in one": [b"x" * 8192],
    "large bytes cut elsewhere": [b"x" * 4097, b"x" * 4095],
    "zeros": np.zeros((2, 3)),
    "zeros of other shape": np.zeros((3, 2)),
    "zeros of other rank": np.zeros(6),
    "zeros of other size": np.zeros(7),
    "zeros of other dtype": np.zeros((2, 3), np.int64),
    "zeros of unsigned dtype": np.zeros((2, 3), np.uint64),
    "zeros of smaller dtype": np.zeros((2, 3), np.float32),
    "zeros with minus": -np.zeros((2, 3)),
    "one number": np.zeros(()),
    "one number in a row": np.zeros(1),
    "A": np.arange(6).reshape(2, 3),
    "A.T": np.arange(6).reshape(2, 3).T,
    "square A": np.arange(4).reshape(2, 2),
    "square A.T": np.arange(4).reshape(2, 2).T,
    "empty mask": np.zeros((0, 4), bool),
    "other empty mask": np.zeros((4, 0), bool),
    "empty mask of another size": np.zeros((0, 5), bool),
    "empty array of another dtype": np.zeros((0, 4), np.uint8),
    "array in a list": [np.zeros((2, 3))],
    "array in a value": Mask(np.zeros((2, 3))),
    "two arrays": [np.zeros(1), np.zeros(2)],
    "two arrays cut elsewhere": [np.zeros(2), np.zeros(1)],
    "array as list": np.zeros((2, 3)).tolist(),
    "point": Point(1.0, 2.0),
    "point the other way": Point(2.0, 1.0),
    "point as list": ["test.wire_point", 2, [1.0, 2.0]],
    "point as dict": {"x": 1.0, "y": 2.0},
    "point as tuple": (1.0, 2.0),
}


def test_no_two_of_many_alike_values_share_a_digest():
    digests = {name: digest(encode(held)) for name, held in ALL_DIFFERENT.items()}
    shared = [(a, b) for a, b in itertools.combinations(digests, 2) if digests[a] == digests[b]]
    assert shared == []


@pytest.mark.parametrize(
    "alike",
    [
        np.arange(12).reshape(3, 4)[:, ::2],
        np.asfortranarray(np.array([[0, 2], [4, 6], [8, 10]])),
        np.array([[0, 2], [4, 6], [8, 10]], dtype=">i8"),
    ],
    ids=["strided", "column-major", "big-endian"],
)
def test_layout_of_an_array_in_memory_does_not_count(alike):
    plain = np.array([[0, 2], [4, 6], [8, 10]])
    assert digest(encode(alike)) == digest(encode(plain))
    assert same(decode(encode(alike)), plain)


def test_field_that_is_not_stored_does_not_count():
    assert digest(encode(Partial(1, 2))) == digest(encode(Partial(1, 3)))
    assert decode(encode(Partial(1, 2))) == Partial(1, 0)


PROBE = """
import numpy as np
from dataclasses import dataclass
from nodegraph import value
from nodegraph.types.wire import digest, encode

@value("test.wire_probe", version=1)
@dataclass(frozen=True)
class Probe:
    names: tuple
    pixels: object

pixels = np.arange(6, dtype="uint8").reshape(2, 3)
held = {"a": [1, 2.5, None, True, "text", b"bytes"], "b": Probe(("x", "y"), pixels)}
print(digest(encode(held)).hex())
"""


def test_digest_is_the_same_in_every_process_and_for_every_hash_seed():
    digests = {
        subprocess.run(
            [sys.executable, "-c", PROBE],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(digests) == 1


def test_digests_do_not_change_from_one_release_to_the_next():
    """Golden digests: changing one loses every stored result, and takes a new number in the tag."""
    golden = {
        "int": (1, "9dedbc025b89c76d"),
        "list": ([1, 2.5, None, True, "text", b"bytes", (1,)], "a42155f38a633214"),
        "array": (np.arange(6, dtype=np.uint8).reshape(2, 3), "7d69953a04d84cc4"),
        "value": (Mask(np.zeros((2, 2), bool), Point(1.0, -0.0)), "c757bce13a6ef8ab"),
    }
    assert {name: digest(encode(held)).hex()[:16] for name, (held, _) in golden.items()} == {
        name: known for name, (_, known) in golden.items()
    }


ARRAY_DTYPES = ["?", "u1", "i2", "u4", "i8", "f2", "f4", "f8", "c8", "c16"]
LAYOUTS = {
    "plain": lambda array: array,
    "column-major": np.asfortranarray,
    "strided": lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
    "reversed": lambda array: np.flip(np.flip(array).copy()),
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "unaligned": lambda array: np.frombuffer(b"x" + array.tobytes(), array.dtype, offset=1).reshape(
        array.shape
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(3,), (0, 5), (2, 3, 4), (1023,), (1025, 8), (513, 16)], ids=str)
def test_array_of_any_size_dtype_and_layout_is_its_bytes_in_order(shape, layout):
    random = np.random.default_rng(0)
    for name in ARRAY_DTYPES:
        plain = (
            random.integers(0, 2, shape).astype(name) if name == "?" else random.random(shape).astype(name)
        )
        wire = encode(LAYOUTS[layout](plain))
        assert b"".join(map(bytes, wire.buffers)) == plain.tobytes()
        assert digest(wire) == digest(encode(plain))
        assert same(decode(wire), plain)
        assert not decode(wire).flags.writeable


def test_bits_of_nan_and_the_sign_of_zero_are_kept():
    bits = np.array([0x7FC00000, 0x7FC00001, 0xFFC00000, 0x7F800001, 0x80000000, 0], np.uint32)
    array = bits.view(np.float32)
    assert decode(encode(array)).view(np.uint32).tolist() == bits.tolist()
    assert len({digest(encode(array[i : i + 1])) for i in range(len(bits))}) == len(bits)


def test_numbers_are_encoded_alike_by_many_threads_at_once():
    from concurrent.futures import ThreadPoolExecutor

    numbers = [value for size in range(0, 63, 3) for value in (1 << size, -(1 << size), 1.5 * 2**size)]
    alone = [encode(value).header for value in numbers]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda _: [encode(value).header for value in numbers], range(50)))
    assert all(headers == alone for headers in together)


FORKED = """
import os, signal
import numpy as np
from nodegraph.types.wire import digest, encode

wire = encode(np.arange(1_000_000))
known = digest(wire)
child = os.fork()
if child == 0:
    signal.alarm(60)
    os._exit(0 if digest(wire) == known else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_large_value_is_hashed_in_a_forked_child_too():
    assert subprocess.run([sys.executable, "-c", FORKED], check=False).returncode == 0
