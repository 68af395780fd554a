"""How well `track.flow` carries boxes along every camera path of `video.camera_motion`.

Prints, per path at its default amplitude, the mean IoU of the tracked boxes with the exact ground truth
over the photos of examples/data/photos-mini, that of boxes left where they were, and the seconds per clip.

    python tests/benchmarks/track_iou.py
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from nodegraph import Context
from nodes.evaluate import track_iou
from nodes.load import load_coco
from nodes.track import track_flow
from nodes.types import Boxes, Image
from nodes.video import camera_motion
from nodes.video.camera_path import PATHS, PathName, motion_of

PHOTOS = Path(__file__).resolve().parents[2] / "examples" / "data" / "photos-mini"


@dataclass(frozen=True)
class Clip:
    """One measured clip: IoU tracked and static, boxes counted, seconds of making and of tracking it."""

    tracked: float
    static: float
    boxes: int
    making: float
    tracking: float


def measure(image: Image, boxes: Boxes, path: PathName) -> Clip:
    """Make the clip of a photo along a path, track it, compare with the truth."""
    start = perf_counter()
    clip = camera_motion(image, boxes, path=path)
    made = perf_counter()
    tracked = track_flow(clip.out, boxes, ctx=Context.for_test())
    done = perf_counter()
    iou = track_iou(tracked.boxes, clip.boxes)
    return Clip(iou.mean_iou, iou.static_iou, iou.counted, made - start, done - made)


def row(name: str, amplitude: str, clips: Sequence[Clip]) -> str:
    """One line of the table: means over clips, and over boxes in brackets."""
    boxes = sum(clip.boxes for clip in clips)
    by_box = sum(clip.tracked * clip.boxes for clip in clips) / boxes
    static_by_box = sum(clip.static * clip.boxes for clip in clips) / boxes
    return (
        f"{name:<14} {amplitude:>9}  {fmean(clip.tracked for clip in clips):.4f} ({by_box:.4f})"
        f"  {fmean(clip.static for clip in clips):.3f} ({static_by_box:.3f})"
        f"  {min(clip.tracked for clip in clips):.4f}"
        f"  {fmean(clip.making for clip in clips):7.3f}  {fmean(clip.tracking for clip in clips):7.3f}"
    )


def main() -> None:
    """Print the table."""
    photos = [item.value for item in load_coco(PHOTOS)]
    print(f"{len(photos)} photos, 8 frames; IoU: mean over clips (over boxes); seconds per clip")
    print(
        f"{'path':<14} {'amplitude':>9}  {'tracked':<15}  {'static':<13}"
        f"  {'worst':<6}  {'making':>7}  tracking"
    )
    everything: list[Clip] = []
    for path in PATHS:
        clips = [measure(photo.image, photo.boxes, path) for photo in photos if len(photo.boxes)]
        print(row(path, f"{motion_of(path).default:g}", clips), flush=True)
        everything += clips
    print(row("all", "", everything))


if __name__ == "__main__":
    main()
