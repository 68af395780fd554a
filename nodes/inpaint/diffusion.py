"""`inpaint.diffusion`: a region of a clip repainted by an inpainting pipeline."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from nodegraph import Context, ModelRef, Param, node
from nodes.inpaint.painting import Wishes, paint
from nodes.inpaint.region import region_of
from nodes.inpaint.surroundings import fill_hole
from nodes.inpaint.window import window_around
from nodes.linked_models import use_linked
from nodes.types import MaskTrack, Video

_DEFAULT_SIDE = 512
_GROWN = 8
"""By so many pixels what is repainted reaches beyond the region: a latent stands for 8 × 8 of them."""

_BYTES_A_PIXEL = 2500
"""Activations of Stable Diffusion 1.5 per pixel, in 16 bits. Measured at 512 × 512 on a CPU, in float32, were
4290 of the VAE's decoder and 1710 of the UNet with guidance."""


def diffusion_bytes(
    video: Video | None = None,
    side: int | None = None,
    frames_at_once: int | None = None,
    model: ModelRef | None = None,
) -> int:
    """Bytes that `inpaint.diffusion` works in: 2500 for each of `side²` pixels in 16 bits, twice the clip."""
    width = 1 if model is not None and model.dtype in ("float16", "bfloat16") else 2
    painted = (side or _DEFAULT_SIDE) ** 2 * _BYTES_A_PIXEL * width * (frames_at_once or 1)
    return painted + (0 if video is None else 2 * video.frames.nbytes)


@node("inpaint.diffusion", version=2, seeded=True, memory=diffusion_bytes)
def diffusion(
    video: Video,
    region: MaskTrack,
    model: ModelRef,
    *,
    prompt: Annotated[str, Param(help="what is to be seen in the region")] = "",
    negative_prompt: Annotated[str, Param(help="what is not to be seen there")] = "",
    num_inference_steps: Annotated[int, Param(ge=1, le=1000, help="denoising steps at strength 1")] = 25,
    guidance_scale: Annotated[
        float,
        Param(ge=0, le=50, help="how strictly the prompt is followed; 1 = without guidance, twice as fast"),
    ] = 7.5,
    strength: Annotated[
        float,
        Param(gt=0, le=1, help="amount of noise; below 1, the colours around the region shine through"),
    ] = 1.0,
    margin: Annotated[
        int | None,
        Param(ge=0, le=4096, unit="px", help="around the bounds of the region; null = whole frames"),
    ] = None,
    side: Annotated[
        int,
        Param(
            ge=64, le=4096, unit="px", help="the pipeline sees about as many pixels as a square of this side"
        ),
    ] = _DEFAULT_SIDE,
    frames_at_once: Annotated[
        int, Param(ge=1, le=64, help="frames that pass the pipeline together; takes as much more memory")
    ] = 1,
    ctx: Context,
) -> Video:
    """Repaint a region of a clip by an inpainting pipeline, such as the area that a camera's motion revealed.

    The region is that of all objects of the mask track; no other pixel changes. The region is first filled
    with the colours around it, so that the fill it had does not shine through. Then each frame that it
    touches is painted at a size with about `side²` pixels near the aspect of the frame, in multiples of 64,
    and resampled back.

    A pipeline for pictures knows nothing of time. To keep what it paints steady (our choice), all frames get
    the same noise, and are seen through the same window: whole, or with `margin` the bounds of the region
    over all frames and that much around them. New objects can appear in what is painted: they have no label.

    Noise comes from the node's seed. Frames that pass the pipeline together differ from those that pass alone
    by rounding.

    Raises:
        ModelError: if the model cannot be loaded, or is no inpainting pipeline.
        ValueError: if clip and masks differ in size or length, the pipeline does not take something that was
            set, no step is left at this strength, its safety checker refuses a frame, or what it paints is
            no finite numbers, as when float16 overflows.
    """
    holes = region_of(video, region)
    if int(num_inference_steps * strength) < 1:
        raise ValueError(f"strength {strength:g} leaves no step of {num_inference_steps}: raise one of them")
    touched = [index for index, hole in enumerate(holes) if hole.any()]
    if not touched:
        return video
    wishes = Wishes(prompt, negative_prompt, num_inference_steps, guidance_scale, strength, ctx.seed)
    window = window_around(holes, margin, side)
    frames = video.frames.copy()
    groups = [touched[start : start + frames_at_once] for start in range(0, len(touched), frames_at_once)]
    with (
        use_linked(ctx, model, "diffusers.inpaint", named_by="load.inpaint") as held,
        held.lent() as pipeline,
    ):
        for done, group in enumerate(groups):
            filled = [fill_hole(frames[index], holes[index], "telea", 3) for index in group]
            painted = paint(
                pipeline,
                [window.scaled(picture) for picture in filled],
                [window.scaled_hole(holes[index], _GROWN) for index in group],
                wishes,
                told=partial(_tell, ctx, done, len(groups)),
            )
            for index, picture in zip(group, painted, strict=True):
                window.put(picture, holes[index], frames[index])
    return Video(frames, video.fps)


def _tell(ctx: Context, done: int, groups: int, share: float) -> None:
    """Report the share of a group's steps that is done; stop where the run is being stopped."""
    if ctx.cancelled:
        raise InterruptedError("the run is being stopped")
    ctx.progress(done + share, groups)
