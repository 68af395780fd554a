"""The catalog: what node types say of themselves."""

from __future__ import annotations

import enum
import json
from pathlib import Path
from typing import Annotated, Literal

import pytest

from nodegraph import Context, ModelRef, Param, ReadsFile, Stream, node
from nodegraph.node.declare import node_type_of
from nodegraph.node.packs import load_packs
from nodegraph.node.registry import node_types
from nodegraph.node.signature import validate_literal
from nodegraph.show.catalog import bounds_text, describe, example, kind_of, port_text


class Side(enum.Enum):
    LEFT = "left"
    RIGHT = "right"


@node("catalog_test.all", version=3, aliases=["catalog_test.old"], concurrent=False, keep=False)
def everything(
    numbers: Stream[int],
    count: Annotated[int, Param(ge=2, lt=9, multiple_of=2, unit="px", help="how many")],
    side: Side,
    mode: Literal["a", "b"],
    file: Annotated[Path, ReadsFile()],
    words: Annotated[list[str], Param(min_length=1, max_length=3)],
    tag: Annotated[str, Param(pattern="[a-z]+")] = "x",
) -> float:
    """First line.

    Second paragraph.
    """
    return float(
        sum(item.value for item in numbers) + count + len(mode + side.value + str(file) + tag) + len(words)
    )


def linked(reader: str, *others: str) -> object:
    """What the example of a type links its model to, of some other types that give one."""
    types = node_types()
    (entry,) = example(types[reader], {name: types[name] for name in (*others, reader)}).values()
    return entry["links"]["model"]


@node("catalog_test_load.pears", version=1, pure=False)
def pears(ctx: Context) -> ModelRef:
    """Name pears."""
    return ctx.find_model("catalog.pears", "pears")


@node("catalog_test_load.plums", version=1, pure=False)
def plums(ctx: Context) -> ModelRef:
    """Name plums."""
    return ctx.find_model("catalog.plums", "plums")


@node("catalog_test_eat.plums", version=1)
def eat_plums(model: ModelRef) -> str:
    """Eat plums."""
    return model.kind


@node("catalog_test_eat.all", version=1)
def eat_all(model: Annotated[ModelRef, Param(help="from catalog_test_load.plums.")]) -> str:
    """Eat what there is, not by catalog_test_load.pears_and_more."""
    return model.kind


@pytest.mark.parametrize("order", [1, -1])
def test_example_links_to_the_type_that_is_nearest_in_name_under_another_name(order):
    others = ["catalog_test_load.pears", "catalog_test_load.plums"][::order]
    assert linked("catalog_test_eat.plums", *others) == "catalog_test_load_plums.out"


@pytest.mark.parametrize("order", [1, -1])
def test_example_links_to_the_type_that_the_documentation_names(order):
    others = ["catalog_test_load.pears", "catalog_test_load.plums"][::order]
    assert linked("catalog_test_eat.all", *others) == "plums.out"


@pytest.mark.parametrize(
    ("reader", "source"),
    [
        ("video.svd", "load_svd"),
        ("video.pipeline", "load_pipeline"),
        ("track.sam2", "load_sam2"),
        ("depth.anything", "depth"),
        ("inpaint.diffusion", "inpaint"),
        ("detect.objects", "detector"),
        ("train.detector", "load_detector"),
        ("evaluate.detector", "load_detector"),
        ("tiny.restyle", "model"),
    ],
)
def test_examples_of_installed_types_link_a_model_of_their_kind(reader, source):
    load_packs()
    types = node_types()
    (entry,) = example(types[reader], types).values()
    assert entry["links"]["model"] == f"{source}.out"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("count", "2 ≤ x < 9, multiple of 2"),
        ("words", "length 1 to 3"),
        ("tag", "matches [a-z]+"),
        ("side", ""),
    ],
)
def test_bounds_read_as_a_person_writes_them(name, text):
    port = node_type_of(everything).signature.input(name)
    assert port is not None
    assert bounds_text(port) == text


def test_description_is_json_and_complete():
    described = json.loads(json.dumps(describe(node_type_of(everything), node_types())))
    assert described["summary"] == "First line."
    assert described["aliases"] == ["catalog_test.old"]
    assert (described["version"], described["concurrent"], described["keep"]) == (3, False, False)
    assert [port["name"] for port in described["inputs"]] == [
        "numbers", "count", "side", "mode", "file", "words", "tag",
    ]  # fmt: skip
    assert described["inputs"][0]["type"] == "Stream[int]"
    assert described["outputs"] == [{"name": "out", "type": "float"}]


def test_example_gives_every_required_input_and_literals_that_are_accepted():
    (entry,) = example(node_type_of(everything), node_types()).values()
    assert entry["links"].keys() == {"numbers"}
    assert entry["params"]["side"] == "left"
    assert entry["params"]["mode"] == "a"
    assert entry["params"]["count"] == 2


def test_examples_of_all_installed_types_name_real_inputs_with_accepted_literals():
    load_packs()
    types = {
        name: declared
        for name, declared in node_types().items()
        if (declared.function.__module__ or "").startswith("nodes")
    }
    assert types
    for declared in types.values():
        (entry,) = example(declared, types).values()
        given = {**entry.get("links", {}), **entry.get("params", {})}
        for port in declared.signature.inputs:
            assert not port.required or port.name in given
            if port.name in entry.get("params", {}):
                validate_literal(port, entry["params"][port.name])


def test_kind_is_what_stands_before_the_first_dot():
    assert [kind_of(name) for name in ("video.svd", "a.b.c", "single")] == ["video", "a", "single"]


def test_arity_is_written_as_in_a_signature():
    port = node_type_of(everything).signature.input("numbers")
    assert port is not None
    assert port_text(port.type, "batch") == "Batch[int]"
