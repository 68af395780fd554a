"""`video.svd`: photos become clips by Stable Video Diffusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from nodegraph import Batch, Context, ModelRef, Param, node
from nodes.diffusion.calls import Steps, noise_of, to_bytes
from nodes.linked_models import use_linked
from nodes.types import Boxes, Image, Video
from nodes.video.fit import Fit, Fitted, cut_frames, fitted, place_boxes, place_photo, seen_photo

if TYPE_CHECKING:
    import numpy as np

_MULTIPLE = 8
_WIDTH, _HEIGHT = 1024, 576
_LONGEST = 25
"""Frames of a clip of the longer of the published models."""


class Animated(NamedTuple):
    """A clip, and the photo's boxes as they lie in its first frame."""

    out: Video
    first: Boxes


def svd_bytes(
    batch: int,
    width: int = _WIDTH,
    height: int = _HEIGHT,
    num_frames: int | None = None,
    decode_chunk_size: int = 4,
    model: ModelRef | None = None,
    held: str = "resident",
) -> int:
    """Bytes that `video.svd` works in, for networks of the published widths; an estimate.

    The UNet passes each clip of a batch twice, once for its guidance. At its highest resolution, an eighth of
    the picture's, it has 320 channels: some 24 times as many numbers for each position are there at a time,
    8 fewer where its feed-forward layers run in chunks. The VAE decodes a chunk of frames after the other,
    with some 1,250 numbers for each pixel, which gives the 12 GB that users report for 8 frames at 1024 × 576
    (huggingface/diffusers#7629). Frames come out in float32.
    """
    number = 4 if model is None or model.dtype == "float32" else 2
    frames = num_frames or _LONGEST
    channels = 320 * (16 if held in ("chunked", "offload") else 24)
    unet = 2 * frames * (width // _MULTIPLE) * (height // _MULTIPLE) * channels * number
    decoder = min(frames, decode_chunk_size) * width * height * 1250 * number
    return max(batch * unet, decoder) + batch * frames * width * height * 3 * 4


@node("video.svd", version=2, seeded=True, memory=svd_bytes)
def animate_by_svd(
    image: Batch[Image],
    model: ModelRef,
    boxes: Batch[Boxes | None] = None,  # pyright: ignore[reportArgumentType]
    *,
    width: Annotated[
        int, Param(ge=64, le=4096, multiple_of=8, unit="px", help="of the clip, as far as fit leaves it")
    ] = _WIDTH,
    height: Annotated[
        int, Param(ge=64, le=4096, multiple_of=8, unit="px", help="of the clip, as far as fit leaves it")
    ] = _HEIGHT,
    fit: Annotated[Fit, Param(help="how a photo of another shape is brought to the clip's size")] = "near",
    num_frames: Annotated[
        int | None, Param(ge=1, le=256, help="of the clip; null = as many as the model was trained on")
    ] = None,
    num_inference_steps: Annotated[int, Param(ge=1, le=1000, help="denoising steps")] = 25,
    sigmas: Annotated[
        list[float] | None,
        Param(min_length=1, max_length=1000, help="noise levels in place of the scheduler's; set the steps"),
    ] = None,
    min_guidance_scale: Annotated[
        float, Param(ge=0, le=100, help="guidance of the first frame; it grows evenly to that of the last")
    ] = 1.0,
    max_guidance_scale: Annotated[
        float, Param(ge=0, le=100, help="guidance of the last frame; 1 and less turns guidance off")
    ] = 3.0,
    fps: Annotated[
        int, Param(ge=1, le=240, unit="1/s", help="what the model is told, and how fast the clip plays")
    ] = 7,
    motion_bucket_id: Annotated[int, Param(ge=0, le=1023, help="how much moves; trained on 1 to 255")] = 127,
    noise_aug_strength: Annotated[
        float, Param(ge=0, le=10, help="noise on the photo; the more, the freer the clip")
    ] = 0.02,
    decode_chunk_size: Annotated[
        int, Param(ge=1, le=256, help="frames that are decoded together; fewer take less memory")
    ] = 4,
    keep_photo: Annotated[bool, Param(help="put the photo itself in the place of the first frame")] = False,
    compile: Annotated[bool, Param(help="run the UNet through torch.compile, where it stays whole")] = False,
    channels_last: Annotated[bool, Param(help="order weights of convolutions with channels last")] = False,
    ctx: Context,
) -> Batch[Animated]:
    """Animate photos by Stable Video Diffusion: what is in a photo begins to move, or the camera does.

    Arguments are those of diffusers' `StableVideoDiffusionPipeline`, with its defaults except
    `decode_chunk_size`: there all frames are decoded together; 4, our choice, lets a card of 12 GB do it.
    Other chunks give slightly other frames, so nothing changes it by itself. For several clips of a photo put
    `stream.repeat` before the node; noise comes from each item's own seed, drawn on the CPU.

    `fit` (all keep the photo's shape but the last): "near" makes clips of about width × height pixels with
    sides that are multiples of 64 next to the photo's shape; "crop" fills width × height and cuts the photo
    off; "pad" puts it whole within width × height, and cuts the frames to it again; "paper" stretches it, as
    the authors of generative video augmentation for classification did (1024 × 576). Photos are resampled to
    the clip first, except in "paper" up to 4 megapixels: then the pipeline does it.

    `out`: the clip. The model draws the first frame anew too; `keep_photo` puts the photo there.
    `first`: the photo's boxes as they lie in the first frame, cut at its edges; without boxes none.

    On a CPU in float32 and bfloat16, the frames are to the bit those of a plain call of the pipeline with the
    same photo, seed and arguments, whatever shares the batch, when the model is held whole or a part at a
    time. When its feed-forward layers run in chunks (modes chunked and offload), numbers are rounded
    otherwise: in float32 frames are within 1 of 255; in 16 bits it is more. In float16 a CPU may round
    otherwise in any mode but that which holds the model whole.
    On a GPU, photos whose clips have the same size go through the UNet together, within the same tolerance.

    Raises:
        ModelError: if the model cannot be loaded.
        ValueError: if frames are not finite numbers, as when float16 overflows.
    """
    given = [None] * len(image) if boxes is None else list(boxes)
    places = [fitted(photo.size, (width, height), fit, multiple=_MULTIPLE) for photo in image]
    settings = Settings(
        num_frames=num_frames,
        num_inference_steps=num_inference_steps,
        sigmas=sigmas,
        min_guidance_scale=min_guidance_scale,
        max_guidance_scale=max_guidance_scale,
        fps=fps,
        motion_bucket_id=motion_bucket_id,
        noise_aug_strength=noise_aug_strength,
        decode_chunk_size=decode_chunk_size,
    )
    groups = groups_of(image, places, together=ctx.device != "cpu")
    steps = Steps(ctx, len(groups) * (len(sigmas) if sigmas else num_inference_steps))
    clips: dict[int, np.ndarray[Any, Any]] = {}
    with (
        use_linked(ctx, model, "diffusers.svd", named_by="load.svd") as held,
        held.lent(compiled=compile, channels_last=channels_last) as pipeline,
    ):
        for group in groups:
            photos = [place_photo(image[index].pixels, places[index]) for index in group]
            seeds = [ctx.seeds[index] for index in group]
            made = animate(pipeline, photos, seeds, places[group[0]].size, settings, steps)
            clips.update(zip(group, made, strict=True))
    return [
        _animated(photo, clips[index], places[index], given[index], fps, keep_photo=keep_photo)
        for index, photo in enumerate(image)
    ]


@dataclass(frozen=True)
class Settings:
    """Arguments of the pipeline, by its names."""

    num_frames: int | None
    num_inference_steps: int
    sigmas: list[float] | None
    min_guidance_scale: float
    max_guidance_scale: float
    fps: int
    motion_bucket_id: int
    noise_aug_strength: float
    decode_chunk_size: int


def groups_of(images: Sequence[Image], places: Sequence[Fitted], *, together: bool) -> list[tuple[int, ...]]:
    """The indices of photos that go through the pipeline together: those that it gets in the same size."""
    if not together:
        return [(index,) for index in range(len(images))]

    def shape(index: int) -> tuple[tuple[int, int], tuple[int, int]]:
        place = places[index]
        return place.size, images[index].size if place.as_is else place.size

    order = sorted(range(len(images)), key=shape)
    return [tuple(group) for _, group in groupby(order, key=shape)]


def animate(
    pipeline: Any,
    photos: Sequence[Any],
    seeds: Sequence[int],
    size: tuple[int, int],
    settings: Settings,
    steps: Steps,
) -> list[np.ndarray[Any, Any]]:
    """A clip of each photo, uint8 `[T, H, W, 3]`; they pass the UNet together.

    Clips are decoded one by one: chunks of frames that reach over the end of a clip would mix it with the
    next one.

    Args:
        pipeline: a `StableVideoDiffusionPipeline`.
        photos: PIL pictures of one size.
        seeds: as many.
        size: width and height of the clips.
        settings: what else the pipeline is told.
        steps: is told of each step.
    """
    import torch

    frames = settings.num_frames or pipeline.unet.config.num_frames
    first, last = _guidance(frames, settings)
    latents = pipeline(
        list(photos),
        width=size[0],
        height=size[1],
        num_frames=frames,
        num_inference_steps=settings.num_inference_steps,
        sigmas=settings.sigmas,
        min_guidance_scale=first,
        max_guidance_scale=last,
        fps=settings.fps,
        motion_bucket_id=settings.motion_bucket_id,
        noise_aug_strength=settings.noise_aug_strength,
        generator=noise_of(seeds),
        output_type="latent",
        callback_on_step_end=steps.callback,
    ).frames
    clips: list[np.ndarray[Any, Any]] = []
    with torch.no_grad():
        for own in latents.split(1):
            decoded = pipeline.decode_latents(own, frames, settings.decode_chunk_size)
            (clip,) = pipeline.video_processor.postprocess_video(video=decoded, output_type="np")
            clips.append(to_bytes(clip))
    return clips


def _guidance(frames: int, settings: Settings) -> tuple[float, float]:
    """Guidance of the first and of the last frame; a single frame is the last.

    Raises:
        ValueError: if the last frame is to have none while others have: the pipeline goes by the last.
    """
    first, last = settings.min_guidance_scale, settings.max_guidance_scale
    if frames == 1:
        return last, last
    if last <= 1 < first:
        raise ValueError(
            f"max_guidance_scale {last:g} turns guidance off, but min_guidance_scale is {first:g}: "
            "raise the one above 1, or lower the other to 1"
        )
    return first, last


def _animated(
    photo: Image,
    clip: np.ndarray[Any, Any],
    at: Fitted,
    boxes: Boxes | None,
    fps: int,
    *,
    keep_photo: bool,
) -> Animated:
    import numpy as np

    frames = np.ascontiguousarray(cut_frames(clip, at))
    if keep_photo:
        frames[0] = seen_photo(photo.pixels, at)
    return Animated(Video(frames, float(fps)), place_boxes(boxes, at))
