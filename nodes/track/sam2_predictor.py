"""SAM 2's video predictor on frames that are in memory, with many objects at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""By which the library normalises frames (`sam2/utils/misc.py`)."""


@dataclass(frozen=True)
class Clip:
    """A clip that a predictor works on.

    Attributes:
        size: (width, height) in pixels.
        frames: how many there are.
        state: the inference state of the library: features of the last frame, and where things lie.
    """

    size: tuple[int, int]
    frames: int
    state: dict[str, Any]


@dataclass(frozen=True)
class Prompts:
    """What B objects are in the first frame: either `boxes` or `masks`.

    Attributes:
        boxes: float32 `[B, 4]`: left, top, right, bottom in pixels of the clip.
        masks: bool `[B, H, W]`.
    """

    boxes: np.ndarray[Any, Any] | None = None
    masks: np.ndarray[Any, Any] | None = None


@dataclass
class ObjectMemory:
    """What is remembered of B objects that are followed together.

    Attributes:
        outputs: of the frames so far, as the library keeps them; those that nothing attends to any more
            are forgotten.
    """

    outputs: dict[str, dict[int, Any]] = field(
        default_factory=lambda: {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}, "quality": {}}
    )


@dataclass(frozen=True)
class Segments:
    """The masks of B objects in one frame.

    Attributes:
        logits: float32 `[B, 1, h, w]`, above 0 inside, on the network's own grid (256 × 256 officially).
        presence: float32 `[B]`, probability that the object is in the frame.
        quality: float32 `[B]`, the overlap (IoU) with the true mask that the network expects, 0 to 1.
    """

    logits: Tensor
    presence: Tensor
    quality: Tensor


class ClipPredictor:
    """What is added to `sam2.sam2_video_predictor.SAM2VideoPredictor`, of which predictors are built.

    The library reads clips from files and follows objects one by one. Here frames come as arrays, each is
    brought to the device when it is due, and objects that were prompted alike pass the network together. The
    steps are the library's own. Predicted mask quality, which the library drops, is kept.

    Attributes:
        image_size: of the square that frames are resized to, in pixels; 1024 officially.
    """

    image_size: int
    num_maskmem: int
    max_obj_ptrs_in_encoder: int
    memory_temporal_stride_for_eval: int

    def open_clip(self, frames: np.ndarray[Any, Any], *, offload_state: bool = False) -> Clip:
        """Begin with a clip, as `init_state` does with a file.

        Args:
            frames: uint8 `[T, H, W, 3]`, RGB.
            offload_state: keep what is remembered of objects in host memory.
        """
        import torch

        device = self.device
        state: dict[str, Any] = {
            "images": _Frames(frames, self.image_size),
            "num_frames": len(frames),
            "device": device,
            "storage_device": torch.device("cpu") if offload_state else device,
            "cached_features": {},
            "constants": {},
        }
        return Clip((frames.shape[2], frames.shape[1]), len(frames), state)

    def segment(self, clip: Clip, index: int, prompts: Prompts, memory: ObjectMemory) -> Segments:
        """Segment prompted objects in one frame, without a look at others."""
        points, masks = self._inputs(clip, prompts)
        count = len(masks if points is None else points["point_coords"])
        out, logits = self._run_single_frame_inference(
            clip.state, memory.outputs, index, count, True, points, masks, False, run_mem_encoder=False
        )
        memory.outputs["cond_frame_outputs"][index] = out
        return _segments(out, logits, memory.outputs["quality"].pop(index))

    def remember(self, clip: Clip, memory: ObjectMemory) -> None:
        """Make the first frame, segmented before, what later frames are compared with.

        As `propagate_in_video_preflight` does.
        """
        import torch

        out = memory.outputs["cond_frame_outputs"][0]
        masks = torch.nn.functional.interpolate(
            out["pred_masks"].to(clip.state["device"]),
            size=(self.image_size, self.image_size),
            mode="bilinear",
            align_corners=False,
        )
        out["maskmem_features"], out["maskmem_pos_enc"] = self._run_memory_encoder(
            clip.state, 0, len(masks), masks, out["object_score_logits"], is_mask_from_pts=True
        )
        out["pred_masks"] = None

    def follow(self, clip: Clip, index: int, memory: ObjectMemory) -> Segments:
        """Find the objects in the next frame; frames are taken in their order."""
        frames = memory.outputs["non_cond_frame_outputs"]
        count = len(memory.outputs["cond_frame_outputs"][0]["obj_ptr"])
        out, logits = self._run_single_frame_inference(
            clip.state, memory.outputs, index, count, False, None, None, False, run_mem_encoder=True
        )
        frames[index] = out | {"pred_masks": None}
        attended = self.num_maskmem * self.memory_temporal_stride_for_eval
        if (old := index - attended) in frames:
            frames[old] |= {"maskmem_features": None, "maskmem_pos_enc": None}
        frames.pop(index - max(attended, self.max_obj_ptrs_in_encoder), None)
        return _segments(out, logits, memory.outputs["quality"].pop(index))

    def _inputs(self, clip: Clip, prompts: Prompts) -> tuple[dict[str, Tensor] | None, Tensor | None]:
        """Prompts as the network takes them: corners with labels 2 and 3, or masks at its size."""
        import torch

        device = clip.state["device"]
        if prompts.masks is not None:
            return None, torch.cat([self._mask_input(mask, device) for mask in prompts.masks])
        corners = torch.tensor(prompts.boxes, dtype=torch.float32).reshape(-1, 2, 2)
        corners = (corners / torch.tensor(clip.size) * self.image_size).to(device)
        labels = torch.tensor([[2, 3]], dtype=torch.int32, device=device).expand(len(corners), 2)
        return {"point_coords": corners, "point_labels": labels}, None

    def _mask_input(self, mask: np.ndarray[Any, Any], device: Any) -> Tensor:
        """A mask as `add_new_mask` passes it on: float32 `[1, 1, S, S]`, 0 or 1."""
        import torch

        given = torch.tensor(mask, device=device)[None, None].float()
        side = (self.image_size, self.image_size)
        if given.shape[-2:] == side:
            return given
        sized = torch.nn.functional.interpolate(
            given, size=side, align_corners=False, mode="bilinear", antialias=True
        )
        return (sized >= 0.5).float()

    def _track_step(self, *args: Any, **kwargs: Any) -> Any:
        """As the library's; the expected overlap of the chosen masks is put beside the outputs."""
        result = super()._track_step(*args, **kwargs)
        frame, outputs = args[0], args[7]
        outputs["quality"][frame] = result[1][2].max(dim=-1).values
        return result

    def _apply(self, fn: Callable[[Tensor], Tensor], *args: Any, **kwargs: Any) -> Any:
        """Move tables along, which the library keeps as plain attributes and so would leave behind."""
        for module in self.modules():
            if isinstance(getattr(module, "cache", None), dict):
                module.cache.clear()
            if (table := getattr(module, "freqs_cis", None)) is not None:
                module.freqs_cis = fn(table)
        return super()._apply(fn, *args, **kwargs)


def mask_of(logits: Tensor, size: tuple[int, int], threshold: float) -> np.ndarray[Any, Any]:
    """The mask of one object at the size of its clip: bool `[H, W]`.

    Args:
        logits: `[1, h, w]`, of `Segments`.
        size: (width, height).
        threshold: above which a pixel is inside.
    """
    import torch

    sized = torch.nn.functional.interpolate(
        logits[None], size=size[::-1], mode="bilinear", align_corners=False
    )
    return (sized[0, 0] > threshold).cpu().numpy()


def _segments(out: dict[str, Any], logits: Tensor, quality: Tensor) -> Segments:
    presence = out["object_score_logits"].float().sigmoid().flatten()
    return Segments(logits, presence, quality.float())


class _Frames(Sequence[Any]):
    """The frames of a clip as `load_video_frames` gives them, each made when it is asked for."""

    def __init__(self, frames: np.ndarray[Any, Any], side: int) -> None:
        self._frames = frames
        self._side = side

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: Any) -> Tensor:
        """A frame, resized to the square: float32 `[3, S, S]`, normalised."""
        import numpy as np
        import torch
        from PIL import Image as Pillow

        sized = Pillow.fromarray(self._frames[index]).resize((self._side, self._side))
        picture = torch.from_numpy(np.array(sized) / 255.0).permute(2, 0, 1).float()
        picture -= torch.tensor(MEAN)[:, None, None]
        picture /= torch.tensor(STD)[:, None, None]
        return picture
