"""`video.pipeline`: photos become clips by any image-to-video pipeline of diffusers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from nodegraph import Context, ModelRef, Param, node
from nodes.diffusion.arguments import CallSignature
from nodes.diffusion.calls import Steps, noise_of, to_bytes
from nodes.types import Boxes, Image, Video
from nodes.video.fit import Fit, Fitted, cut_frames, fitted, place_boxes, place_photo, seen_photo
from nodes.video.svd import Animated

if TYPE_CHECKING:
    import numpy as np

_MULTIPLE = 8
_FPS = 8.0
_FPS_ARGUMENTS = ("fps", "frame_rate")
"""What pipelines that are told how fast a clip plays call it."""


def pipeline_bytes(width: int | None = None, height: int | None = None, model: ModelRef | None = None) -> int:
    """Bytes that `video.pipeline` is assumed to work in until measured: those of eight frames in a VAE.

    With 1,250 numbers for each pixel, as in `video.svd`; pipelines differ in what they decode at a time.
    """
    number = 4 if model is None or model.dtype == "float32" else 2
    return 8 * (width or 1024) * (height or 576) * 1250 * number


@node("video.pipeline", version=1, seeded=True, memory=pipeline_bytes)
def animate_by_pipeline(
    image: Image,
    model: ModelRef,
    boxes: Boxes | None = None,
    *,
    prompt: Annotated[str | None, Param(help="what is to be seen; null = the pipeline's default")] = None,
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
    `{"max_sequence_length": 256}`. Of `num_frames`, LTX takes 1 more than a multiple of 8, Wan and CogVideoX
    1 more than a multiple of 4. Where the call has no default size, width and height have to be set. `fps` is
    8 by default, our choice, unless the pipeline has a default of its own.

    `fit`, `out`, `first` and `keep_photo` are as in `video.svd`. Noise comes from the seed, drawn on the CPU.
    On a CPU in float32, frames are to the bit those of a plain call of the pipeline with the same photo and
    arguments, but for UNets whose layers run in chunks, as in `video.svd`.

    Raises:
        ModelError: if the model cannot be loaded.
        ValueError: if the pipeline's call lacks an argument that is set, or frames are not finite numbers.
    """
    with ctx.use(model) as held:
        call = CallSignature.of(held.type)
        played = _frames_per_second(call, fps)
        given = {
            "prompt": prompt,
            "negative_prompt": negative_prompt,
            "num_frames": num_frames,
            "num_inference_steps": num_inference_steps,
            "guidance_scale": guidance_scale,
        }
        settled = call.settled(given | dict.fromkeys(("width", "height", *_FPS_ARGUMENTS)), arguments)
        settled |= {name: fps for name in _FPS_ARGUMENTS if name in call and fps is not None}
        with held.lent(compiled=compile, channels_last=channels_last) as pipeline:
            target = (
                width or _default(pipeline, call, "width"),
                height or _default(pipeline, call, "height"),
            )
            at = fitted(image.size, target, fit, multiple=_MULTIPLE)
            clip = _clip(pipeline, call, image, at, settled, ctx)
    frames = cut_frames(clip, at).copy()
    if keep_photo:
        frames[0] = seen_photo(image.pixels, at)
    return Animated(Video(frames, played), place_boxes(boxes, at))


def _clip(
    pipeline: Any, call: CallSignature, image: Image, at: Fitted, settled: dict[str, Any], ctx: Context
) -> np.ndarray[Any, Any]:
    """What the pipeline makes, uint8 `[T, H, W, 3]`."""
    import numpy as np

    total = settled.get("num_inference_steps") or call.default("num_inference_steps") or 1
    own: dict[str, Any] = {
        "image": place_photo(image.pixels, at),
        "width": at.size[0],
        "height": at.size[1],
        "generator": noise_of([ctx.seed])[0],
        "callback_on_step_end": Steps(ctx, total).callback,
        "output_type": "np",
    }
    made = pipeline(**settled, **{name: entry for name, entry in own.items() if name in call})
    clip = np.asarray(made.frames[0])
    if clip.shape[1:] != (at.size[1], at.size[0], 3):
        raise ValueError(
            f"{call.class_name} gave frames {list(clip.shape[1:])} where {[at.size[1], at.size[0], 3]} were "
            "asked for (height, width, colours); set width and height to a size that it makes"
        )
    return to_bytes(clip)


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
    if not isinstance(found, int):
        raise ValueError(f"{call.class_name} has no default size; set width and height")
    return found
