"""A model of another kind on a link is refused in words, and before anything is loaded."""

from __future__ import annotations

import numpy as np
import pytest

from nodegraph import Context, ModelRef
from nodegraph.models import ModelError
from nodes.depth.anything import depth_anything
from nodes.inpaint.diffusion import diffusion
from nodes.types import Image, MaskTrack, Video
from nodes.video.pipeline import animate_by_pipeline
from nodes.video.svd import animate_by_svd

OTHER = ModelRef("other.kind")
PHOTO = Image(np.zeros((64, 64, 3), np.uint8))


def fill(ctx):
    return diffusion(
        Video(PHOTO.pixels[None], 8.0), MaskTrack(np.ones((1, 1, 64, 64), bool), np.ones((1, 1), np.float32)),
        OTHER, ctx=ctx,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("call", "node"),
    [
        (lambda ctx: depth_anything([PHOTO], OTHER, ctx=ctx), "load.depth"),
        (lambda ctx: animate_by_svd([PHOTO], OTHER, None, num_frames=2, ctx=ctx), "load.svd"),
        (lambda ctx: animate_by_pipeline(PHOTO, OTHER, ctx=ctx), "load.pipeline"),
        (fill, "load.inpaint"),
    ],
)
def test_model_of_another_kind_is_refused_with_the_node_to_link(call, node):
    with pytest.raises(ModelError, match=rf"the linked model is of the kind other\.kind, .*; link {node}"):
        call(Context.for_test(seed=0))
