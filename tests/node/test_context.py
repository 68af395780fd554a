"""The context for testing a node function directly."""

from __future__ import annotations

import numpy as np
import pytest

from nodegraph import Context, Drop


def test_seed_and_generator_follow_from_the_given_seed():
    ctx = Context.for_test(seed=7)
    assert (ctx.seed, list(ctx.seeds)) == (7, [7])
    assert ctx.rng().random() == np.random.default_rng(7).random()


def test_batch_has_one_seed_and_generator_for_each_item():
    ctx = Context.for_test(seed=[1, 2])
    assert list(ctx.seeds) == [1, 2]
    assert [rng.random() for rng in ctx.rngs()] == [np.random.default_rng(seed).random() for seed in (1, 2)]


def test_node_that_is_not_seeded_has_no_seed():
    ctx = Context.for_test(seed=None)
    for ask in (lambda: ctx.seed, lambda: ctx.seeds, ctx.rng, ctx.rngs):
        with pytest.raises(RuntimeError, match="seeded=True"):
            ask()


def test_workdir_stays_and_new_folders_are_fresh(tmp_path):
    ctx = Context.for_test(tmp=tmp_path / "below")
    assert ctx.workdir == ctx.workdir
    one, other = ctx.new_folder(), ctx.new_folder()
    assert one != other
    assert list(one.iterdir()) == []
    assert all(folder.is_relative_to(tmp_path) for folder in (ctx.workdir, one, other))


def test_device_progress_and_cancellation_are_there():
    ctx = Context.for_test()
    ctx.progress(1, 2)
    assert (ctx.device, ctx.cancelled) == ("cpu", False)


@pytest.mark.parametrize("other", ["out/models/a", None])
def test_what_is_no_model_ref_is_not_loaded_and_told_what_is(other):
    with pytest.raises(TypeError, match=r"takes a ModelRef, not .*: give the node an input of type ModelRef"):
        Context.for_test().use(other)


def test_drop_tells_its_reason():
    assert Drop("too small").reason == str(Drop("too small")) == "too small"
