import pytest

from nodegraph import ModelRef
from nodegraph.node.declare import node_type_of
from nodes.tiny import embed
from nodes.tiny.embed import embed_bytes


def test_embedding_has_the_width_of_the_model_and_is_equal_in_every_mode(ref, pictures, context):
    one, *others = [embed(pictures[0], ref, ctx=context(mode)) for mode in ("resident", "swap", "offload")]
    assert len(one.out) == 64
    assert one.norm == pytest.approx((sum(x * x for x in one.out) / 64) ** 0.5)
    assert others == [one, one]


def test_other_pictures_have_other_embeddings(ref, pictures, context):
    assert embed(pictures[0], ref, ctx=context()).out != embed(pictures[1], ref, ctx=context()).out


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, 36 * 64**2),
        ({"side": 100}, 36 * 100**2),
        ({"side": 100, "model": ModelRef("tiny.pipeline", dtype="bfloat16")}, 24 * 100**2),
    ],
)
def test_memory_estimate_is_the_documented_formula(given, expected):
    assert node_type_of(embed).memory is embed_bytes
    assert embed_bytes(**given) == expected
