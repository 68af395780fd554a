import pytest

from nodegraph import Graph
from nodes.depth import depth_anything, sharpen
from nodes.inpaint import diffusion, fill
from nodes.load import load_coco, load_depth, load_inpaint
from nodes.tiny.depth import make_tiny_depth
from nodes.tiny.inpaint import make_tiny_inpaint
from nodes.video import camera_motion


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Random weights, which prove plumbing alone."""
    made = tmp_path_factory.mktemp("models")
    make_tiny_depth(made / "depth")
    make_tiny_inpaint(made / "inpaint")
    return made


def spatial_axis(models, amplitude):
    g = Graph("spatial axis", seed=1)
    photos = g.add(load_coco, id="photos", root="examples/data/photos-mini")
    network = g.add(load_depth, id="network", model=str(models / "depth"))
    depth = g.add(depth_anything, id="depth", image=photos.image, model=network)
    steps = g.add(sharpen, id="steps", depth=depth)
    moved = g.add(
        camera_motion,
        id="moved",
        image=photos.image,
        boxes=photos.boxes,
        depth=steps,
        frames=2,
        path="truck_right",
        amplitude=amplitude,
    )
    pipeline = g.add(load_inpaint, id="pipeline", model=str(models / "inpaint"))
    painted = g.add(
        diffusion,
        id="painted",
        video=moved.out,
        region=moved.revealed,
        model=pipeline,
        side=64,
        num_inference_steps=1,
        guidance_scale=1.0,
    )
    filled = g.add(fill, id="filled", video=moved.out, region=moved.revealed)
    for name, output in (("painted", painted), ("filled", filled), ("boxes", moved.boxes)):
        g.output(name, output)
    return g


def test_photos_become_clips_by_estimated_depth_with_what_came_into_view_painted(models, tmp_path):
    run = spatial_axis(models, 0.1).run(store=tmp_path, items="co*", devices="cpu=2GiB")
    assert run.ok, run.errors
    moved, painted, filled = (
        {item.key: item.value for item in run.items(name)} for name in ("moved.out", "painted", "filled")
    )
    revealed = {item.key: item.value.masks[0] for item in run.items("moved.revealed")}
    assert len(moved) == 2
    for key, clip in moved.items():
        assert revealed[key].any()
        for other in (painted[key], filled[key]):
            assert (clip.frames == other.frames)[~revealed[key]].all()
            assert (clip.frames != other.frames).any(axis=-1)[revealed[key]].mean() > 0.9


def test_another_amplitude_estimates_no_depth_again(models, tmp_path):
    for amplitude, executed in ((0.1, 1), (0.05, 0)):
        run = spatial_axis(models, amplitude).run(store=tmp_path, items="coffee*", devices="cpu=2GiB")
        assert run.ok, run.errors
        assert [run.nodes[name].executed for name in ("depth", "steps")] == [executed] * 2
        assert [run.nodes[name].executed for name in ("moved", "painted", "filled")] == [1] * 3
