"""`track.sam2`: boxes and masks of the first frame carried through a clip by SAM 2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from nodegraph import Context, ModelRef, Param, node
from nodes.linked_models import use_linked
from nodes.track.flow import Tracked
from nodes.track.sam2_config import image_size
from nodes.track.sam2_predictor import Clip, ClipPredictor, ObjectMemory, Prompts, Segments, mask_of
from nodes.track.segments import boxes_inside, first_masks, tracked_from_masks
from nodes.types import Boxes, MaskTrack, Video

if TYPE_CHECKING:
    import numpy as np

_DEFAULT_BATCH = 8
_ENCODER_BYTES, _BATCH_BYTES, _MEMORY_BYTES = 1_500_000_000, 300_000_000, 5_000_000


def sam2_bytes(model: ModelRef, boxes: Boxes | None = None, objects_per_batch: int | None = None) -> int:
    """Bytes that `track.sam2` works in.

    With frames of 1024 × 1024: 1.5 GB for the features of a frame, 0.3 GB for each object of a batch, and
    5 MB for what is remembered of each object; with others, by their area. Estimates, replaced by what is
    measured.
    """
    objects = _DEFAULT_BATCH if boxes is None else len(boxes)
    batch = min(objects, objects_per_batch or _DEFAULT_BATCH)
    full = _ENCODER_BYTES + batch * _BATCH_BYTES + objects * _MEMORY_BYTES
    side = image_size(model.config)
    return full * side * side // (1024 * 1024)


@dataclass(frozen=True)
class _Group:
    """Objects that pass the network together.

    Attributes:
        objects: int64 `[B]`, their places in `boxes`.
        first: what they are in the first frame.
        alone: what they are taken to be in a frame that is segmented on its own.
    """

    objects: np.ndarray[Any, Any]
    first: Prompts
    alone: Prompts


@node("track.sam2", version=1, memory=sam2_bytes)
def track_sam2(
    video: Video,
    boxes: Boxes,
    model: ModelRef,
    masks: MaskTrack | None = None,
    *,
    memory: Annotated[
        Literal["video", "none"],
        Param(help="video: follow objects; none: segment each frame alone, prompted by the first boxes"),
    ] = "video",
    objects_per_batch: Annotated[
        int, Param(ge=1, le=1024, help="objects that pass the network together; working memory grows with it")
    ] = _DEFAULT_BATCH,
    mask_threshold: Annotated[
        float, Param(ge=-32, le=32, help="logit above which a pixel is inside; 0 is a probability of 0.5")
    ] = 0.0,
    min_presence: Annotated[
        float,
        Param(ge=0.5, le=1, help="an object less probable than this is absent; SAM 2 itself stops at 0.5"),
    ] = 0.5,
    fill_hole_area: Annotated[
        int, Param(ge=0, le=1_000_000, unit="px²", help="holes of masks up to this size are filled")
    ] = 0,
    offload_state: Annotated[
        bool, Param(help="keep what is remembered of objects in host memory: slower, for very many objects")
    ] = False,
    ctx: Context,
) -> Tracked:
    """Follow the boxes of a clip's first frame through the clip by SAM 2 (Ravi et al. 2024).

    Objects are prompted by their boxes, cut at the picture's edge, or by `masks` where they are linked (of
    which only the first frame is read; an object without a pixel there is prompted by its box). The network
    sees frames as squares, one at a time, straight from memory: the frames of a clip are never on the device
    together. Objects are followed independently of each other, ignore regions like any other, several at a
    time; what is remembered of an object is bounded by the network's own window of frames. The library fills
    holes of masks by an extension for CUDA that is seldom there: here `fill_hole_area` counts pixels of the
    clip, and does the same everywhere.

    `boxes`: the tight boxes of the masks. An object is absent where its mask is empty or SAM 2 gives it less
    than `min_presence`; one whose box lies outside the first frame, in all frames. `scores`: the probability
    of its presence, times the overlap with the true mask that SAM 2 expects, times the box's own score.
    `visibility`: the mask's area as a share of the largest it had so far.

    With `memory` "none" nothing is followed: every frame is segmented as if it were the first one, prompted
    by the same boxes. So what tracking adds can be measured. With the dtype bfloat16 of the model, the
    network computes in it by autocast. `objects_per_batch` changes results by rounding only.

    Raises:
        ModelError: if the model cannot be loaded.
        ValueError: if `masks` has another number of objects, or another size than the clip.
    """
    import numpy as np

    groups = list(_groups(video, boxes, first_masks(video, boxes, masks), objects_per_batch))
    drawn = np.zeros((len(boxes), len(video.frames), *video.size[::-1]), dtype=bool)
    confidence = np.zeros(drawn.shape[:2], np.float32)
    if groups:
        with _ready(model, ctx) as predictor:
            clip = predictor.open_clip(video.frames, offload_state=offload_state)
            for group, index, segments in _run(predictor, clip, groups, memory, ctx):
                told = _on_host(segments)
                for row, n in enumerate(group.objects):
                    presence, quality = told[:, row]
                    if presence < min_presence:
                        continue
                    mask = mask_of(segments.logits[row], clip.size, mask_threshold)
                    drawn[n, index] = _without_holes(mask, fill_hole_area)
                    confidence[n, index] = presence * quality
    return tracked_from_masks(boxes, drawn, confidence)


def _groups(video: Video, boxes: Boxes, masks: np.ndarray[Any, Any], size: int) -> Iterator[_Group]:
    """Objects by how they are prompted, at most `size` at a time; those out of sight are left out."""
    import numpy as np

    inside = boxes_inside(boxes.xyxy, masks, video.size)
    has_mask = masks.any(axis=(1, 2))
    has_area = (inside[:, 2] > inside[:, 0]) & (inside[:, 3] > inside[:, 1])
    for prompted, by_mask in ((has_mask, True), (has_area & ~has_mask, False)):
        objects = np.flatnonzero(prompted)
        for start in range(0, len(objects), size):
            some = objects[start : start + size]
            alone = Prompts(boxes=inside[some])
            yield _Group(some, Prompts(masks=masks[some]) if by_mask else alone, alone)


@contextmanager
def _ready(model: ModelRef, ctx: Context) -> Iterator[ClipPredictor]:
    """The predictor, set to compute without gradients in the dtype that was asked for."""
    import torch

    with (
        use_linked(ctx, model, "sam2.video", named_by="load.sam2") as predictor,
        torch.inference_mode(),
        torch.autocast(torch.device(ctx.device).type, torch.bfloat16, enabled=model.dtype == "bfloat16"),
    ):
        yield predictor


def _run(
    predictor: ClipPredictor, clip: Clip, groups: list[_Group], memory: str, ctx: Context
) -> Iterator[tuple[_Group, int, Segments]]:
    """Segments of all groups in the first frame, then in the second, and so on: a frame is encoded once."""
    memories = [ObjectMemory() for _ in groups]
    for index in range(clip.frames):
        for group, known in zip(groups, memories, strict=True):
            if ctx.cancelled:
                raise InterruptedError("the run is being stopped")
            if memory == "none":
                prompts = group.alone if index else group.first
                yield group, index, predictor.segment(clip, index, prompts, ObjectMemory())
            elif index:
                yield group, index, predictor.follow(clip, index, known)
            else:
                yield group, index, predictor.segment(clip, index, group.first, known)
                if clip.frames > 1:
                    predictor.remember(clip, known)
        ctx.progress(index + 1, clip.frames)


def _on_host(segments: Segments) -> np.ndarray[Any, Any]:
    """Presence and quality: float32 `[2, B]`."""
    import torch

    return torch.stack([segments.presence, segments.quality]).cpu().numpy()


def _without_holes(mask: np.ndarray[Any, Any], largest: int) -> np.ndarray[Any, Any]:
    """A mask whose background parts of at most `largest` pixels, connected over corners too, are filled."""
    import cv2
    import numpy as np

    if not largest or not mask.any():
        return mask
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=8)
    is_hole = stats[:, cv2.CC_STAT_AREA] <= largest
    is_hole[0] = False
    return mask | is_hole[labels]
