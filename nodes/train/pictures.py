"""The pictures a detector learns from: resampled, kept in memory as far as they fit, in a drawn order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from nodegraph import Collected
from nodes.train.settings import IgnoredRegions, TrainingError
from nodes.types import Boxes, File, Image

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

BLANK = (124, 116, 104)
"""The colour of blanked regions: ImageNet's mean, which normalisation turns into about 0."""


@dataclass(frozen=True, slots=True)
class Objects:
    """What is to be learnt of a picture.

    Attributes:
        boxes: float32 `[N, 4]`: centre x, centre y, width, height as shares of the picture's sides.
        classes: int64 `[N]`, indices of the model's classes.
    """

    boxes: Tensor
    classes: Tensor


def matched_keys(images: Collected[Image | File], boxes: Collected[Boxes], what: str) -> list[str]:
    """The keys of pictures with boxes, in the order of the pictures.

    Raises:
        TrainingError: if there is no picture, or an item is in one of the streams only.
    """
    pictures, labelled = images.keys(), boxes.keys()
    if not pictures and not labelled:
        raise TrainingError(
            f"{what}: there is no picture; link streams that have some; a split of few pictures may leave a "
            "part of it empty, which another share or seed changes"
        )
    if lonely := next(iter(set(pictures) ^ set(labelled)), None):
        side = "boxes but no picture" if lonely in set(labelled) else "a picture but no boxes"
        raise TrainingError(
            f"{what}: item {lonely!r} has {side}: link pictures and boxes of the same items; "
            "a picture without objects has empty boxes"
        )
    return list(pictures)


def class_names(boxes: Collected[Boxes], keys: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """The classes that the boxes are of, in order of appearance, and how many boxes count.

    Raises:
        TrainingError: if no picture has a box that counts.
    """
    names: dict[str, None] = {}
    count = 0
    for key in keys:
        found = boxes[key].value
        names |= dict.fromkeys(found.categories.names)
        count += int((~found.ignore).sum())
    if not count:
        raise TrainingError(
            f"none of the {len(keys)} pictures has a box to learn from; check the annotations"
        )
    return tuple(names), count


def objects_of(boxes: Boxes, size: tuple[int, int], numbers: dict[str, int]) -> Objects:
    """The objects of a picture as a network learns them.

    Boxes are cut at the picture's edges; those without area inside, and ignore regions, are left out.

    Args:
        boxes: the annotation.
        size: width and height of the picture in pixels.
        numbers: the model's number of each class by name.
    """
    import numpy as np
    import torch

    sides = np.array(size * 2, np.float32)
    xyxy = boxes.xyxy.clip(0, sides) / sides
    kept = (xyxy[:, 2:] > xyxy[:, :2]).all(axis=1) & ~boxes.ignore
    low, high = xyxy[kept, :2], xyxy[kept, 2:]
    classes = [numbers[boxes.categories.names[index]] for index in boxes.class_ids[kept]]
    return Objects(
        torch.from_numpy(np.concatenate([(low + high) / 2, high - low], axis=1).astype(np.float32)),
        torch.tensor(classes, dtype=torch.int64),
    )


def sample_order(pictures: int, first: int, count: int, seed: int) -> list[int]:
    """Which pictures `count` samples show, from the sample `first` on.

    Samples go through all pictures in an order drawn anew for every epoch; it follows from the seed and the
    epoch alone, so that a training that goes on sees what it would have seen.
    """
    order: list[int] = []
    while len(order) < count:
        epoch, begin = divmod(first + len(order), pictures)
        drawn = _rng(seed, "order", epoch).permutation(pictures)
        order.extend(int(index) for index in drawn[begin : begin + count - len(order)])
    return order


def flips(count: int, share: float, seed: int, step: int) -> list[bool]:
    """Which of the samples of a step are mirrored."""
    return [bool(drawn) for drawn in _rng(seed, "flip", step).random(count) < share]


def step_seed(seed: int, step: int) -> int:
    """The seed of what the network draws in a step, below 2⁶³."""
    return int(_rng(seed, "network", step).integers(2**63))


def _rng(seed: int, what: str, index: int) -> np.random.Generator:
    import numpy as np

    return np.random.default_rng([seed, index, *what.encode()])


class Pictures:
    """Pictures resampled to one size, and their objects; to be used in a `with`.

    Args:
        images, boxes: the data.
        keys: of what is used of it.
        resized: makes a uint8 tensor `[3, S, S]` of pixels uint8 `[H, W, 3]`.
        numbers: the model's number of each class by name.
        ignored: "blank" paints ignore regions over, except where a box that counts lies.
        cache_bytes: resampled pictures are kept in memory up to so many bytes.
        workers: threads that decode and resample ahead; 0 for none.
    """

    def __init__(
        self,
        images: Collected[Image | File],
        boxes: Collected[Boxes],
        keys: Sequence[str],
        *,
        resized: Callable[[np.ndarray[Any, Any]], Tensor],
        numbers: dict[str, int],
        ignored: IgnoredRegions,
        cache_bytes: int,
        workers: int,
    ) -> None:
        self._images, self._boxes, self._keys = images, boxes, keys
        self._resized, self._numbers, self._ignored = resized, numbers, ignored
        self._room = cache_bytes
        self._kept: dict[int, tuple[Tensor, Objects]] = {}
        self._coming: dict[int, Future[tuple[Tensor, Objects]]] = {}
        self._pool = ThreadPoolExecutor(workers, "pictures") if workers else None

    def __enter__(self) -> Pictures:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def __len__(self) -> int:
        return len(self._keys)

    def fetch(self, indices: Sequence[int], ahead: Sequence[int] = ()) -> Iterator[tuple[Tensor, Objects]]:
        """Pictures by their place among the keys, while those `ahead` are made in the background."""
        if self._pool is not None:
            for index in (*indices, *ahead):
                if index not in self._kept and index not in self._coming:
                    self._coming[index] = self._pool.submit(self._make, index)
        for index in indices:
            yield self._take(index)

    def _take(self, index: int) -> tuple[Tensor, Objects]:
        if (found := self._kept.get(index)) is not None:
            return found
        coming = self._coming.pop(index, None)
        made = self._make(index) if coming is None else coming.result()
        if made[0].nbytes <= self._room:
            self._room -= made[0].nbytes
            self._kept[index] = made
        return made

    def _make(self, index: int) -> tuple[Tensor, Objects]:
        key = self._keys[index]
        boxes = self._boxes[key].value
        pixels = pixels_of(self._images[key].value)
        if self._ignored == "blank" and boxes.ignore.any():
            pixels = blanked(pixels, boxes)
        size = (pixels.shape[1], pixels.shape[0])
        return self._resized(pixels), objects_of(boxes, size, self._numbers)


def pixels_of(picture: Image | File) -> np.ndarray[Any, Any]:
    """The pixels of a picture, encoded or not: uint8 `[H, W, 3]`, may be read-only."""
    if isinstance(picture, Image):
        return picture.pixels
    from io import BytesIO

    import numpy as np
    from PIL import Image as Pillow

    return np.array(Pillow.open(BytesIO(picture.data)).convert("RGB"))


def blanked(pixels: np.ndarray[Any, Any], boxes: Boxes) -> np.ndarray[Any, Any]:
    """A copy of a picture, painted over where ignore regions lie and no box that counts does."""
    import numpy as np

    region = np.zeros(pixels.shape[:2], dtype=bool)
    for ignore, inside in ((True, True), (False, False)):
        for left, top, right, bottom in boxes.xyxy[boxes.ignore == ignore].clip(0):
            rows = slice(int(np.floor(top)), int(np.ceil(bottom)))
            region[rows, int(np.floor(left)) : int(np.ceil(right))] = inside
    painted = pixels.copy()
    painted[region] = BLANK
    return painted
