"""How well trackers carry the boxes of a first frame through clips whose truth is exact.

Two kinds of clips, over the photos of examples/data/photos-mini. *Camera*: `video.camera_motion` along
every path, without depth and with a made-up relief in which the objects stand out. *Layers*: patches of
other photos over a photo, of all three size classes, rectangles and discs, that wander, leave, return, or
cross and hide each other, over a swaying background, by at most 5 % of the picture a frame. Prints, per
tracker and kind, and per tracker and size class: mean IoU for objects in view (at least 30 % visible), the
share of these that it missed, the share that it has survive of those that are gone, and what it says of
hidden ones; then milliseconds per frame against the number of objects.

    python tests/benchmarks/propagation.py [--only NAME] [--kind NAME] [--sam2 FOLDER] [--no-speed]
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from nodegraph import Context
from nodes.evaluate.propagation import SIZES, propagation
from nodes.load import load_coco
from nodes.load.sam2 import load_sam2
from nodes.track import track_flow, track_grabcut, track_sam2
from nodes.types import Boxes, BoxTrack, Categories, Depth, Image, MaskTrack, Video
from nodes.video.camera_motion import camera_motion
from nodes.video.camera_path import PATHS
from nodes.video.layers import Layer, Scene, draw
from nodes.video.object_motion import CutScene, move_scene, similarity
from nodes.video.outline import outline_of

PHOTOS = Path(__file__).resolve().parents[2] / "examples" / "data" / "photos-mini"
STORIES = ("wander", "leave", "return", "cross")
FRAMES = 12
FASTEST = 0.05
"""Share of the picture's longer side by which a patch moves in a frame at most."""
TEXTURED = 25.0
"""Standard deviation, in grey levels, of a patch: the sky is no object."""
Tracker = Callable[["Clip"], BoxTrack]


class Clip(NamedTuple):
    """A clip: its kind, its frames, the boxes to carry, where they truly are, and masks if known."""

    kind: str
    video: Video
    first: Boxes
    truth: BoxTrack
    masks: MaskTrack | None = None


def camera_clips(photos: Sequence[Image], boxes: Sequence[Boxes]) -> Iterator[Clip]:
    """Every photo along every path, as a plane and with relief."""
    for image, objects in zip(photos, boxes, strict=False):
        for path in PATHS:
            plane = camera_motion(image, objects, path=path)
            yield Clip("camera", plane.out, objects, plane.boxes)
            deep = camera_motion(image, objects, relief_of(image, objects), path=path, fill="edge")
            yield Clip("camera+depth", deep.out, objects, deep.boxes)


def relief_of(image: Image, boxes: Boxes) -> Depth:
    """A ground that comes nearer downwards, with each object upright on it where its box ends."""
    width, height = image.size
    nearness = np.repeat(np.linspace(0.1, 0.8, height, dtype=np.float32)[:, None], width, axis=1)
    for left, top, right, bottom in sorted(boxes.xyxy.round().astype(int).tolist(), key=lambda box: box[3]):
        nearness[max(0, top) : bottom, max(0, left) : right] = 0.1 + 0.7 * min(1.0, bottom / height)
    return Depth(nearness)


def layer_clips(photos: Sequence[Image], seed: int) -> Iterator[Clip]:
    """Every photo as the background of one clip of each story."""
    for n, image in enumerate(photos):
        for story in STORIES:
            rng = np.random.default_rng((seed, n, STORIES.index(story)))
            others = [photo for m, photo in enumerate(photos) if m != n]
            yield layer_clip(image, others, story, rng)


def layer_clip(image: Image, others: Sequence[Image], story: str, rng: np.random.Generator) -> Clip:
    """Patches of other photos that move over a photo, two of each size class."""
    size = image.size
    sides = [float(rng.uniform(*side)) for side in ((14, 31), (14, 31), (36, 90), (36, 90), (100, 150))]
    outlines, layers, boxes, masks = [], [], [], []
    taken = np.zeros((size[1], size[0]), dtype=bool)
    for index, side in enumerate(sides):
        pixels, alpha = patch(others[int(rng.integers(len(others)))], side, round_=index % 2 == 1, rng=rng)
        height, width = alpha.shape
        left, top = place(size, (width, height), story, taken, rng)
        boxes.append((left, top, left + width, top + height))
        placed = np.zeros((size[1], size[0]), dtype=bool)
        placed[top : top + height, left : left + width] = alpha > 0
        taken |= placed
        masks.append(placed)
        outlines.append(outline_of(placed, np.array(boxes[-1])))
        layers.append(Layer(pixels, alpha, np.zeros_like(alpha), (left, top), group=index))
    first = boxes_of(boxes)
    opaque = np.ones((size[1], size[0]), np.float32)
    scene = Scene(Layer(image.pixels, opaque, np.zeros_like(opaque), (0, 0)), tuple(layers))
    still = [np.eye(3)] * len(boxes)
    photo = draw(scene, np.eye(3), still, masks=False).pixels
    cut = CutScene(photo, first, range(len(boxes)), range(len(boxes)), scene, outlines)
    camera = sway(size, rng)
    models = np.stack([path_of(story, box, boxes, size, rng) for box in boxes])
    clip = move_scene(cut, camera @ models, camera, masks=False)
    known = MaskTrack(np.stack(masks)[:, None], np.ones((len(masks), 1), np.float32))
    return Clip(f"layers: {story}", clip.out, first, clip.boxes, known)


def patch(source: Image, side: float, *, round_: bool, rng: np.random.Generator) -> tuple[Any, Any]:
    """A textured piece of a photo of about `side` squared pixels, and its opacity."""
    import cv2

    aspect = float(np.exp(rng.uniform(-0.4, 0.4)))
    width, height = max(4, round(side * aspect)), max(4, round(side / aspect))
    zoom = min(2.0, 0.8 * min(source.size[0] / width, source.size[1] / height))
    wide, high = int(width * zoom), int(height * zoom)
    pixels = np.zeros((height, width, 3), np.uint8)
    for _ in range(20):
        left, top = (
            int(rng.integers(0, most - length + 1))
            for most, length in zip(source.size, (wide, high), strict=True)
        )
        part = source.pixels[top : top + high, left : left + wide]
        pixels = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
        if cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).std() >= TEXTURED:
            break
    alpha = np.ones((height, width), np.float32)
    if round_:
        x, y = (np.arange(width) + 0.5) / width * 2 - 1, (np.arange(height)[:, None] + 0.5) / height * 2 - 1
        alpha = (x**2 + y**2 <= 1).astype(np.float32)
    return pixels, alpha


def path_of(
    story: str,
    box: Sequence[float],
    boxes: Sequence[Sequence[float]],
    size: tuple[int, int],
    rng: np.random.Generator,
) -> np.ndarray[Any, Any]:
    """The motion of one patch `[T, 3, 3]`, by at most `FASTEST` of the picture's longer side a frame."""
    time = np.linspace(0, 1, FRAMES)
    middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    length = np.hypot(box[2] - box[0], box[3] - box[1])
    rooms = np.array([middle[0], size[0] - middle[0], middle[1], size[1] - middle[1]])
    if story in ("leave", "return"):
        side = int(rooms.argmin())
        out = np.array([(-1, 0), (1, 0), (0, -1), (0, 1)][side], dtype=float)
        way = out * (rooms[side] + length * 0.6) * float(rng.uniform(1.1, 1.5)) + rng.normal(size=2) * 10
        shifts = (time if story == "leave" else np.sin(np.pi * time))[:, None] * way
    elif story == "cross":
        other = boxes[int(rng.integers(len(boxes)))]
        way = np.array([(other[0] + other[2]) / 2, (other[1] + other[3]) / 2]) - middle
        shifts = time[:, None] * (1.6 * way if np.abs(way).max() > 1 else rng.normal(size=2) * length)
    else:
        bend = rng.normal(size=(2, 2)) * min(1.5 * length, 0.15 * max(size))
        shifts = time[:, None] * bend[0] + np.sin(np.pi * time)[:, None] * 0.5 * bend[1]
    fastest = np.linalg.norm(np.diff(shifts, axis=0), axis=1).max() / (FASTEST * max(size))
    shifts = shifts / max(1.0, fastest)
    turn, grow = rng.normal(size=2)
    return np.stack(
        [
            similarity(
                (float(middle[0]), float(middle[1])),
                shift=(float(x), float(y)),
                degrees=4 * float(turn * t),
                scale=float(np.exp(0.1 * grow * t)),
            )
            for (x, y), t in zip(shifts, time, strict=True)
        ]
    )


def place(
    size: tuple[int, int],
    side: tuple[int, int],
    story: str,
    taken: np.ndarray[Any, Any],
    rng: np.random.Generator,
) -> tuple[int, int]:
    """Where a patch starts (left, top): hardly over those before it; near an edge if it is to leave."""
    best, least = (0, 0), float("inf")
    for _ in range(30):
        left, top = (int(rng.integers(0, most - length)) for most, length in zip(size, side, strict=True))
        if story in ("leave", "return"):
            edge = int(rng.integers(4))
            near = int(rng.integers(0, 25))
            left = (near, size[0] - side[0] - near, left, left)[edge]
            top = (top, top, near, size[1] - side[1] - near)[edge]
        hidden = float(taken[top : top + side[1], left : left + side[0]].mean())
        if hidden < least:
            best, least = (left, top), hidden
    return best


def sway(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """A camera that drifts by a few percent of the picture."""
    x, y, turn = rng.normal(size=3)
    return np.stack(
        [
            similarity(
                (size[0] / 2, size[1] / 2),
                shift=(0.03 * size[0] * x * t, 0.03 * size[1] * y * t),
                degrees=turn * t,
            )
            for t in np.linspace(0, 1, FRAMES)
        ]
    )


def boxes_of(xyxy: Sequence[Sequence[float]]) -> Boxes:
    """Boxes of one class."""
    count = len(xyxy)
    corners = np.array(xyxy, np.float32).reshape(-1, 4)
    return Boxes(corners, np.zeros(count, np.int64), np.ones(count, np.float32), Categories.of("object"))


def stay(clip: Clip) -> BoxTrack:
    """Boxes left where they were."""
    boxes, size = clip.first, clip.video.size
    shape = clip.truth.present.shape
    ones = np.ones(shape, np.float32)
    xyxy = np.repeat(boxes.xyxy[:, None].clip(0, [*size, *size]), shape[1], axis=1).astype(np.float32)
    return BoxTrack(xyxy, np.ones(shape, dtype=bool), ones, ones, boxes.class_ids, boxes.categories)


def trackers(sam2: Path | None) -> dict[str, Tracker]:
    """The trackers at hand by name."""
    found: dict[str, Tracker] = {
        "left in place": stay,
        "track.flow": lambda clip: track_flow(clip.video, clip.first, ctx=Context.for_test()).boxes,
        "track.flow, masks given": lambda clip: (
            track_flow(clip.video, clip.first, clip.masks, ctx=Context.for_test()).boxes
        ),
        "track.grabcut": lambda clip: track_grabcut(clip.video, clip.first, ctx=Context.for_test()).boxes,
    }
    if sam2 is not None:
        model, ctx = load_sam2(sam2, ctx=Context.for_test()), Context.for_test()
        found["track.sam2"] = lambda clip: track_sam2(clip.video, clip.first, model, ctx=ctx).boxes
    return found


class Sum:
    """Figures of many clips, added up by what they count."""

    def __init__(self) -> None:
        self.totals = dict.fromkeys(("in_view", "gone", "hidden", *_COUNTED), 0.0)

    def add(self, figures: dict[str, float | None]) -> None:
        for name in ("in_view", "gone", "hidden"):
            self.totals[name] += figures[name] or 0
        for name, counted in _COUNTED.items():
            self.totals[name] += (figures[name] or 0) * (figures[counted] or 0)

    def mean(self, name: str) -> float | None:
        count = self.totals[_COUNTED[name]]
        return self.totals[name] / count if count else None

    def row(self, name: str) -> str:
        """One line of a table."""
        means = [self.mean(figure) for figure in _COUNTED]
        cells = [f"{means[0]:8.4f}" if means[0] is not None else "       –"]
        cells += [f"{100 * mean:8.2f}%" if mean is not None else "        –" for mean in means[1:]]
        counts = [f"{self.totals[case]:7.0f}" for case in ("in_view", "gone", "hidden")]
        return f"{name:<34}" + " ".join(cells) + " " + " ".join(counts)


_COUNTED = {
    "mean_iou": "in_view",
    "missed": "in_view",
    "false_survivals": "gone",
    "hidden_kept": "hidden",
    "hidden_unnoticed": "hidden",
}


def judge(clips: Sequence[Clip], tracker: Tracker) -> dict[str, Sum]:
    """Sums by kind of clip and by size class."""
    sums: dict[str, Sum] = {}
    for clip in clips:
        result = propagation(tracker(clip), clip.truth)._asdict()
        by_size = result.pop("by_size")
        group = clip.kind.split(":")[0].split("+")[0]
        sums.setdefault(clip.kind, Sum()).add(result)
        sums.setdefault(f"all {group}", Sum()).add(result)
        for name in SIZES:
            sums.setdefault(f"{group} {name}", Sum()).add(by_size[name])
    return sums


def speed(tracker: Tracker, image: Image) -> None:
    """Print milliseconds per frame against the number of objects."""
    rng = np.random.default_rng(0)
    for count in (1, 10, 100, 300):
        corners = rng.uniform(0, np.array(image.size) * 0.9, (count, 2))
        sides = rng.uniform(10, 60, (count, 2))
        boxes = boxes_of(np.concatenate([corners, np.minimum(corners + sides, image.size)], axis=1).tolist())
        made = camera_motion(image, boxes, path="truck_right")
        clip = Clip("speed", made.out, boxes, made.boxes)
        start = perf_counter()
        tracker(clip)
        spent = 1000 * (perf_counter() - start) / (len(made.out.frames) - 1)
        print(f"  {count:4d} objects {spent:8.0f} ms a frame at {image.size[0]} px")


def main() -> None:
    """Print the tables."""
    parser = ArgumentParser(description=__doc__, formatter_class=lambda prog: _formatter(prog))
    parser.add_argument("--only", default="", help="trackers whose name contains this")
    parser.add_argument("--kind", default="", help="kinds of clips whose name contains this")
    parser.add_argument("--sam2", type=Path, help="folder of a SAM 2 checkpoint: measures track.sam2 too")
    parser.add_argument("--photos", type=int, default=10, help="photos that the camera clips are made of")
    parser.add_argument("--seeds", type=int, default=2, help="sets of layer clips")
    parser.add_argument(
        "--first-seed", type=int, default=2, help="of the sets; track.flow was made looking at 0 and 1"
    )
    parser.add_argument("--no-speed", action="store_true")
    options = parser.parse_args()
    items = [item.value for item in load_coco(PHOTOS)]
    photos, boxes = [item.image for item in items], [item.boxes for item in items]
    clips = [] if options.kind.startswith("layers") else list(camera_clips(photos[: options.photos], boxes))
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        clips += list(layer_clips(photos, seed))
    clips = [clip for clip in clips if options.kind in clip.kind]
    head = ("mean IoU", "missed", "survive", "hid.kept", "unnoticed")
    print(f"{'':<34}" + " ".join(f"{name:>8}" for name in head) + "   in view    gone  hidden")
    for name, tracker in trackers(options.sam2).items():
        if options.only in name:
            print(name)
            for kind, total in sorted(
                judge([clip for clip in clips if clip.masks or "masks" not in name], tracker).items()
            ):
                print("  " + total.row(kind), flush=True)
            if not options.no_speed:
                speed(tracker, photos[3])


def _formatter(prog: str) -> Any:
    from argparse import RawDescriptionHelpFormatter

    return RawDescriptionHelpFormatter(prog)


if __name__ == "__main__":
    main()
