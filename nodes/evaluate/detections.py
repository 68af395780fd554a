"""`evaluate.detections`: COCO mAP of detected boxes."""

from __future__ import annotations

from typing import Annotated

from nodegraph import Collected, Param, node
from nodes.evaluate.coco_map import Scores, coco_map
from nodes.types import Boxes

MaxDetections = Annotated[
    int, Param(ge=1, le=10_000, help="the best so many count, per class and picture; VisDrone has 500")
]
IgnoredOverlap = Annotated[
    float | None,
    Param(
        gt=0, le=1, help="boxes of any class with this share inside ignore regions are left out; VisDrone 0.5"
    ),
]
RegionClasses = Annotated[
    list[str] | None, Param(help="classes of the ignore regions that ignored_overlap looks at; null = all")
]
LeftOut = Annotated[list[str] | None, Param(help="classes that are not scored")]


@node("evaluate.detections", version=1)
def evaluate_detections(
    detected: Collected[Boxes],
    truth: Collected[Boxes],
    *,
    max_detections: MaxDetections = 100,
    ignored_overlap: IgnoredOverlap = None,
    region_classes: RegionClasses = None,
    left_out: LeftOut = None,
) -> Scores:
    """Score detected boxes against the true ones by COCO's mean average precision.

    Pictures are matched by their keys, classes by their names. A picture that is in one of the streams only
    is not counted; `images` tells how many were. Detections of a class that the truth does not list do not
    count. Sizes go by the area of the boxes. Without detections every score is 0.

    Ignore regions of the truth are COCO's crowds, each for its own class. `ignored_overlap` is VisDrone's
    rule: what lies in ignore regions to that share or more is left out, detections and true boxes, whatever
    their class. VisDrone's scores: `max_detections` 500, `ignored_overlap` 0.5, `region_classes`
    ["ignored regions"], `left_out` ["others"].

    Raises:
        Drop: if no true box counts.
        ValueError: if the streams have no picture, or no class, in common.
        RuntimeError: if faster-coco-eval is not installed (extra `train`).
    """
    known, asked = detected.keys(), truth.keys()
    both = set(known) & set(asked)
    keys = [key for key in asked if key in both]
    if not keys and known and asked:
        raise ValueError(
            f"detected and truth have no picture in common: detected has {known[0]!r}, "
            f"truth {asked[0]!r}: link boxes of the same pictures"
        )
    return coco_map(
        [truth[key].value for key in keys],
        [detected[key].value for key in keys],
        max_detections=max_detections,
        ignored_overlap=ignored_overlap,
        region_classes=region_classes or (),
        left_out=left_out or (),
    )
