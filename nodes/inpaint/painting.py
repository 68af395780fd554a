"""One call of an inpainting pipeline of diffusers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nodes.diffusion.calls import noise_of, to_bytes

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Wishes:
    """What a pipeline is asked for.

    Attributes:
        prompt, negative_prompt: what is to be seen, and what is not; "" for nothing.
        steps: denoising steps at strength 1.
        guidance_scale: how strictly the prompt is followed; 1 without guidance.
        strength: amount of noise, above 0, up to 1.
        seed: of the noise, the same for each picture.
    """

    prompt: str
    negative_prompt: str
    steps: int
    guidance_scale: float
    strength: float
    seed: int


def paint(
    pipeline: Any,
    pictures: Sequence[np.ndarray[Any, Any]],
    holes: Sequence[np.ndarray[Any, Any]],
    wishes: Wishes,
    *,
    told: Callable[[float], None],
) -> list[np.ndarray[Any, Any]]:
    """Let an inpainting pipeline repaint holes in pictures, all at once.

    Args:
        pipeline: of diffusers, on its device.
        pictures: uint8 `[h, w, 3]` of one size that the pipeline takes.
        holes: bool `[h, w]`, what is repainted in each.
        wishes: what it is asked for.
        told: called after each step with the share of steps that are done, 0 to 1; may raise.

    Returns:
        uint8 `[h, w, 3]` for each picture.

    Raises:
        ValueError: if the pipeline does not take a wish, its safety checker refuses a picture, or pictures
            have numbers that are not finite.
    """
    import numpy as np

    given = _arguments(pictures, holes, wishes)
    given["callback_on_step_end"] = _callback(told)
    result = pipeline(**_taken(pipeline, given, wishes))
    if any(getattr(result, "nsfw_content_detected", None) or ()):
        raise ValueError(
            "the safety checker of the pipeline refused a frame; "
            "take another seed or prompt, or a model without it"
        )
    return list(to_bytes(np.asarray(result.images)))


def _arguments(
    pictures: Sequence[np.ndarray[Any, Any]],
    holes: Sequence[np.ndarray[Any, Any]],
    wishes: Wishes,
) -> dict[str, Any]:
    from PIL import Image as Pillow

    count, (height, width) = len(pictures), holes[0].shape
    return {
        "prompt": [wishes.prompt] * count,
        "negative_prompt": [wishes.negative_prompt] * count if wishes.negative_prompt else None,
        "image": [Pillow.fromarray(picture) for picture in pictures],
        "mask_image": [Pillow.fromarray(hole) for hole in holes],
        "height": height,
        "width": width,
        "num_inference_steps": wishes.steps,
        "guidance_scale": wishes.guidance_scale,
        "strength": wishes.strength,
        "generator": noise_of([wishes.seed] * count),
        "output_type": "np",
    }


def _taken(pipeline: Any, given: dict[str, Any], wishes: Wishes) -> dict[str, Any]:
    """The arguments that the pipeline's call takes."""
    known = inspect.signature(type(pipeline).__call__).parameters
    refused = [
        name
        for name, is_set in (("negative_prompt", wishes.negative_prompt), ("strength", wishes.strength < 1))
        if is_set and name not in known
    ]
    if refused:
        raise ValueError(f"a {type(pipeline).__name__} takes no {' and no '.join(refused)}: leave it out")
    return {name: value for name, value in given.items() if name in known}


def _callback(told: Callable[[float], None]) -> Callable[..., dict[str, Any]]:
    """What diffusers calls after each step."""

    def after_step(pipeline: Any, step: int, _: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        told(min(1.0, (step + 1) / max(1, int(getattr(pipeline, "num_timesteps", 0)))))
        return tensors

    return after_step
