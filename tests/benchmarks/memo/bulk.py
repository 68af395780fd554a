"""Large values, stored and loaded beside plain synced files of the same bytes.

In processes of their own, one after the other on one folder: python -m memo.bulk write|read KIND FOLDER
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from nodegraph.store import Store
from nodegraph.types.wire import Digest, decode, digest, encode

PHOTOS = Path(__file__).parents[3] / "examples" / "data" / "photos-mini"
ARRAY_BYTES = 256_000_000
FRAMES = 1000
FRAME_SHAPE = (256, 256, 4)
PHOTO_SHAPE = (296, 296, 3)
"""Shapes of a frame of 256 KiB."""
KINDS = ("array", "frames", "photos")


def values_of(kind: str) -> list[np.ndarray]:
    """One array of 256 MB of noise; or 1,000 frames of 256 KiB, of noise or cut from photos."""
    noise = np.random.default_rng(1)
    if kind == "array":
        return [noise.random(ARRAY_BYTES // 4, dtype=np.float32)]
    if kind == "frames":
        return [noise.integers(0, 256, FRAME_SHAPE, dtype=np.uint8) for _ in range(FRAMES)]
    return list(_crops())


def _crops() -> Iterator[np.ndarray]:
    """Crops that are all different: equal ones would be kept once."""
    from PIL import Image

    photos = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(PHOTOS.glob("*.jpg"))]
    height, width, _ = PHOTO_SHAPE
    for index in range(FRAMES):
        photo = photos[index % len(photos)]
        rows, columns = photo.shape[0] - height + 1, photo.shape[1] - width + 1
        top, left = divmod(index * 37 % (rows * columns), columns)
        yield np.ascontiguousarray(photo[top : top + height, left : left + width])


def write(kind: str, folder: Path) -> dict[str, float]:
    """Seconds to store the values, and to write the same bytes to plain files before and after.

    Returns:
        store: encode, digest, put, commit and sync.
        put: put, commit and sync alone.
        files: as many files, each synced. one: a single file, synced.
        bytes: of the values. kept: of the store's folder.
    """
    values = values_of(kind)
    before = _plain(values, folder / "before")
    started = time.perf_counter()
    wires = [encode(value) for value in values]
    digests = [digest(wire) for wire in wires]
    hashed = time.perf_counter()
    with Store.open(folder / "store") as store:
        opened = time.perf_counter()
        for own, wire in zip(digests, wires, strict=True):
            store.put(own, wire)
    # All is synced when the store is closed, not before.
    put = time.perf_counter() - opened
    after = _plain(values, folder / "after")
    (folder / "digests").write_bytes(b"".join(digests))
    (folder / "sums").write_bytes(np.array([value.sum(dtype=np.float64) for value in values]).tobytes())
    return {
        "store": hashed - started + put,
        "put": put,
        "files": (before[0] + after[0]) / 2,
        "one": (before[1] + after[1]) / 2,
        "bytes": sum(value.nbytes for value in values),
        "kept": sum(path.stat().st_size for path in (folder / "store").rglob("*") if path.is_file()),
    }


def read(folder: Path) -> dict[str, float]:
    """Seconds to load the values in a new process, before any byte of them is looked at."""
    packed = (folder / "digests").read_bytes()
    digests = [Digest(packed[start : start + 32]) for start in range(0, len(packed), 32)]
    with Store.open(folder / "store") as store:
        started = time.perf_counter()
        wires = [store.get(own) for own in digests]
        values = [decode(wire) for wire in wires if wire is not None]
        taken = time.perf_counter() - started
        sums = np.array([value.sum(dtype=np.float64) for value in values])
        assert sums.tobytes() == (folder / "sums").read_bytes(), "other bytes came back"
    return {"load": taken}


def _plain(values: Sequence[np.ndarray], folder: Path) -> tuple[float, float]:
    """Seconds to write a synced file for each value, and a synced file of all."""
    folder.mkdir()
    started = time.perf_counter()
    for index, value in enumerate(values):
        _write([value], folder / str(index))
    middle = time.perf_counter()
    if len(values) > 1:
        _write(values, folder / "all")
    return middle - started, (time.perf_counter() - middle) if len(values) > 1 else middle - started


def _write(values: Sequence[np.ndarray], path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for value in values:
            file.write(value.data)
        os.fsync(file.fileno())


if __name__ == "__main__":
    _, what, kind, name = sys.argv
    print(json.dumps(write(kind, Path(name)) if what == "write" else read(Path(name))))
