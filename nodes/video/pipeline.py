"""`video.pipeline`: photos become clips by any image-to-video pipeline of diffusers."""

from __future__ import annotations

from contextlib import nullcontext
from math import lcm
from typing import TYPE_CHECKING, Annotated, Any

from nodegraph import Context, ModelRef, Param, node
from nodes.diffusion.arguments import CallSignature
from nodes.diffusion.calls import Steps, guided, noise_of, to_bytes, told_of
from nodes.linked_models import use_linked
from nodes.types import Boxes, Image, Video
from nodes.video.fit import Fit, Fitted, cut_frames, fitted, place_boxes, place_photo, seen_photo
from nodes.video.svd import Animated

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image as Pillow

_MULTIPLE = 8
_FPS = 8.0
_FPS_ARGUMENTS = ("fps", "frame_rate", "target_fps")
"""What pipelines that are told how fast a clip plays call it."""
_FRAMES_ARGUMENTS = ("num_frames", "frames", "video_length")
_LATENT_SIDES = ("vae_scale_factor_spatial", "vae_spatial_compression_ratio", "vae_scale_factor")
"""What pipelines call the pixels of a latent's side."""


def pipeline_bytes(width: int | None = None, height: int | None = None, model: ModelRef | None = None) -> int:
    """Bytes that `video.pipeline` is assumed to work in until measured: those of eight frames in a VAE.

    With 1,250 numbers for each pixel, as in `video.svd`; pipelines differ in what they decode at a time.
    """
    number = 4 if model is None or model.dtype == "float32" else 2
    return 8 * (width or 1024) * (height or 576) * 1250 * number


@node("video.pipeline", version=2, seeded=True, memory=pipeline_bytes)
def animate_by_pipeline(
    image: Image,
    model: ModelRef,
    boxes: Boxes | None = None,
    last: Image | None = None,
    *,
    prompt: Annotated[str | None, Param(help="what is to be seen; most pipelines need one")] = None,
    negative_prompt: Annotated[str | None, Param(help="what is not to be seen")] = None,
    width: Annotated[
        int | None, Param(ge=64, le=4096, multiple_of=8, unit="px", help="of the clip; null = the pipeline's")
    ] = None,
    height: Annotated[
        int | None, Param(ge=64, le=4096, multiple_of=8, unit="px", help="of the clip; null = the pipeline's")
    ] = None,
    fit: Annotated[Fit, Param(help="how a photo of another shape is brought to the clip's size")] = "near",
    num_frames: Annotated[
        int | None,
        Param(ge=1, le=1024, help="of the clip; null = the pipeline's default"),
    ] = None,
    num_inference_steps: Annotated[
        int | None, Param(ge=1, le=1000, help="denoising steps; null = the pipeline's")
    ] = None,
    guidance_scale: Annotated[
        float | None, Param(ge=0, le=100, help="how closely prompt and photo are followed")
    ] = None,
    fps: Annotated[
        int | None,
        Param(ge=1, le=240, unit="1/s", help="how fast the clip plays; the model is told where it asks"),
    ] = None,
    arguments: Annotated[
        dict[str, Any], Param(help="further arguments of the pipeline's call, by its names")
    ] = {},  # noqa: B006 (never changed)
    keep_photo: Annotated[bool, Param(help="put the photo itself in the place of the first frame")] = False,
    compile: Annotated[
        bool, Param(help="run the denoiser through torch.compile, where it stays whole")
    ] = False,
    channels_last: Annotated[bool, Param(help="order weights of convolutions with channels last")] = False,
    ctx: Context,
) -> Animated:
    """Animate a photo by any image-to-video pipeline of diffusers: Wan, CogVideoX, LTX, HunyuanVideo, SVD.

    A newer model needs no new code: inputs are passed to the pipeline's call under the names that it has for
    them, what is not set is left to its defaults, and `arguments` has a place for the rest, such as
    `{"max_sequence_length": 256}`. Where guidance is a part of the pipeline, and no argument,
    `guidance_scale` is set there. `last` is a photo that the clip is to end with, cut to the clip's size, for
    pipelines that take one. `fps` is 8 by default, our choice, unless the pipeline has a default of its own.

    Of `num_frames`, LTX takes 1 more than a multiple of 8, Wan and CogVideoX 1 more than a multiple of 4.
    Pipelines may round it, make clips of whole sections only, or leave some out, as HunyuanVideo does with 4.
    Where the call has no default size, width and height have to be set. Some pipelines choose the size by the
    photo's shape: then leave them out; the photo is cut around its middle to that size, whatever `fit` says.

    `fit`, `out`, `first` and `keep_photo` are as in `video.svd`. Noise comes from the seed, drawn on the CPU.
    On a CPU in float32, frames are to the bit those of a plain call of the pipeline with the same photo and
    arguments, but for UNets whose layers run in chunks, as in `video.svd`.

    Raises:
        ModelError: if the model is none of `load.pipeline`, cannot be loaded, or its pipeline needs a library
            that is missing.
        ValueError: if the pipeline's call lacks an argument that is set, or has to have one that is not set,
            or fails, or frames are not finite numbers.
    """
    with use_linked(ctx, model, "diffusers.pipeline", named_by="load.pipeline") as held:
        call = CallSignature.of(held.type)
        given = {
            "prompt": prompt,
            "negative_prompt": negative_prompt,
            call.own_name(*_FRAMES_ARGUMENTS): num_frames,
            "num_inference_steps": num_inference_steps,
            "guidance_scale": None if call.has_guider else guidance_scale,
        }
        settled = call.settled(given | dict.fromkeys(("width", "height", *_FPS_ARGUMENTS)), arguments)
        settled |= {name: fps for name in _FPS_ARGUMENTS if name in call and fps is not None}
        if last is not None and "last_image" not in call:
            raise ValueError(f"{call.class_name} takes no last photo: link none to last")
        with held.lent(compiled=compile, channels_last=channels_last) as pipeline:
            at = _place(pipeline, call, image, (width, height), fit)
            settled |= _photos(image, last, at)
            with guided(pipeline, guidance_scale if call.has_guider else None):
                clip = _clip(pipeline, call, settled, at, ctx)
    if at is None:
        at = fitted(image.size, (clip.shape[2], clip.shape[1]), "crop", multiple=1)
    elif clip.shape[1:] != (at.size[1], at.size[0], 3):
        raise ValueError(
            f"{call.class_name} gave frames {list(clip.shape[1:])} where {[at.size[1], at.size[0], 3]} were "
            "asked for (height, width, colours); set width and height to a size that it makes"
        )
    frames = cut_frames(clip, at).copy()
    if keep_photo:
        frames[0] = seen_photo(image.pixels, at)
    return Animated(Video(frames, _frames_per_second(call, fps)), place_boxes(boxes, at))


def _place(
    pipeline: Any, call: CallSignature, image: Image, size: tuple[int | None, int | None], fit: Fit
) -> Fitted | None:
    """Where the photo lies in the clip; None where the pipeline chooses the size.

    Raises:
        ValueError: if a size is set and the pipeline chooses it, or none is and it has none.
    """
    if "width" not in call and "height" not in call:
        if size != (None, None):
            raise ValueError(f"{call.class_name} chooses the size by the photo; leave width and height out")
        return None
    width = size[0] or _default(pipeline, call, "width")
    height = size[1] or _default(pipeline, call, "height")
    return fitted(image.size, (width, height), fit, multiple=_multiple(pipeline))


def _photos(image: Image, last: Image | None, at: Fitted | None) -> dict[str, Pillow]:
    """The photos that a clip begins and ends with, as the call gets them."""
    from PIL import Image as PillowImage

    first: Pillow = PillowImage.fromarray(image.pixels) if at is None else place_photo(image.pixels, at)
    if last is None:
        return {"image": first}
    end = fitted(last.size, first.size if at is None else at.size, "crop", multiple=1)
    return {"image": first, "last_image": place_photo(last.pixels, end)}


def _clip(
    pipeline: Any, call: CallSignature, settled: dict[str, Any], at: Fitted | None, ctx: Context
) -> np.ndarray[Any, Any]:
    """What the pipeline makes, uint8 `[T, H, W, 3]`."""
    import numpy as np

    steps = Steps(ctx, settled.get("num_inference_steps") or call.default("num_inference_steps") or 1)
    own: dict[str, Any] = {} if at is None else {"width": at.size[0], "height": at.size[1]}
    own |= {
        "generator": noise_of([ctx.seed])[0],
        "callback_on_step_end": steps.callback,
        "output_type": "np",
    }
    own = {name: entry for name, entry in own.items() if name in call}
    counted = nullcontext() if "callback_on_step_end" in call else steps.counted_by_bar(pipeline)
    with counted, told_of(call.class_name):
        made = pipeline(**settled, **own)
    frames = np.asarray(made.frames if hasattr(made, "frames") else made.video)
    return to_bytes(frames[0] if frames.ndim == 5 else frames)


def _multiple(pipeline: Any) -> int:
    """What sides have to be multiples of: the pixels of a latent times the latents of a token's side."""
    patch = _of_transformer(pipeline, "patch_size")
    side = patch[-1] if isinstance(patch, list | tuple) else patch
    return lcm(_MULTIPLE, _latent_side(pipeline) * (side or 1))


def _latent_side(pipeline: Any) -> int:
    """How many pixels a latent's side is."""
    return next((getattr(pipeline, name) for name in _LATENT_SIDES if hasattr(pipeline, name)), _MULTIPLE)


def _of_transformer(pipeline: Any, name: str) -> Any:
    """What the configuration of a pipeline's transformer says; None if there is neither."""
    return getattr(getattr(getattr(pipeline, "transformer", None), "config", None), name, None)


def _frames_per_second(call: CallSignature, fps: int | None) -> float:
    """How fast a clip plays: as asked for, as the pipeline has it by default, or 8."""
    defaults = (call.default(name) for name in _FPS_ARGUMENTS)
    return float(fps or next((value for value in defaults if value), _FPS))


def _default(pipeline: Any, call: CallSignature, side: str) -> int:
    """The length of a side that a pipeline makes by default.

    Raises:
        ValueError: if it has none.
    """
    found = call.default(side) or getattr(pipeline, f"default_{side}", None)
    if isinstance(found, int):
        return found
    latents = _of_transformer(pipeline, f"sample_{side}")
    if not isinstance(latents, int):
        raise ValueError(f"{call.class_name} has no default size; set width and height")
    return latents * _latent_side(pipeline)
