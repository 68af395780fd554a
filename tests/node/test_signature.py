"""Inputs, outputs and arity read off a function's signature, and every way in which one is refused."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import pytest
from pydantic import AfterValidator, BaseModel, Field

from nodegraph import Batch, Collected, Context, DeclarationError, Item, Param, ReadsFile, Stream, value
from nodegraph.node.annotations import read_signature
from nodegraph.node.signature import (
    BadLiteral,
    InputPort,
    Signature,
    to_json,
    validate_literal,
)

T = TypeVar("T")


@value("test.signature_cat", version=1)
@dataclass(frozen=True)
class Cat:
    lives: int


class Halves(NamedTuple):
    left: Cat
    right: Cat | None


class Nested(NamedTuple):
    many: Stream[Cat]


class Mode(enum.Enum):
    FAST = "fast"
    EXACT = "exact"


class Settings(BaseModel):
    rate: float
    names: list[str] = []


class Hidden(BaseModel):
    secret: int = Field(default=0, exclude=True)


def read(function: Callable[..., Any], *, pure: bool = True, seeded: bool = False) -> Signature:
    return read_signature(function, "test.node", pure=pure, seeded=seeded)


def test_inputs_are_the_parameters_with_type_default_and_bounds():
    def f(
        image: Cat,
        mask: Cat | None = None,
        *,
        at: Annotated[float, Param(ge=0, le=1, help="cut", unit="px")] = 0.5,
        mode: Literal["a", "b"] = "a",
    ) -> Cat: ...

    image, mask, at, mode = read(f).inputs
    assert (image.name, str(image.type), image.arity, image.required) == (
        "image",
        "test.signature_cat",
        "one",
        True,
    )
    assert (mask.required, mask.default, mask.takes_literal) == (False, None, False)
    assert (at.default, at.param.help, at.param.unit, at.takes_literal) == (0.5, "cut", "px", True)
    assert at.param.constraints() == {"ge": 0, "le": 1}
    assert str(mode.type) == "'a' | 'b'"


def test_input_is_found_by_name():
    def f(x: int) -> int: ...

    assert read(f).input("x") == read(f).inputs[0]
    assert read(f).input("y") is None


def test_one_return_type_is_one_output_called_out():
    def f(x: int) -> Cat: ...

    assert [(port.name, str(port.type)) for port in read(f).outputs] == [("out", "test.signature_cat")]
    assert read(f).output_class is None


def test_named_tuple_gives_one_output_for_each_field():
    def f(x: int) -> Halves: ...

    found = read(f)
    assert [(port.name, str(port.type)) for port in found.outputs] == [
        ("left", "test.signature_cat"),
        ("right", "test.signature_cat | None"),
    ]
    assert found.output_class is Halves


def test_generator_of_items_is_a_stream_node():
    def f(n: int) -> Stream[Halves]:
        yield Item("a", Halves(Cat(1), None))

    found = read(f)
    assert found.kind == "stream"
    assert [port.name for port in found.outputs] == ["left", "right"]


def test_batch_in_and_out_is_a_batch_node():
    def f(images: Batch[Cat], rate: float = 1.0) -> Batch[Halves]: ...

    found = read(f)
    assert (found.kind, [port.arity for port in found.inputs]) == ("batch", ["batch", "one"])
    assert found.output_class is Halves


def test_node_that_collects_a_stream_is_called_once():
    def f(images: Collected[Cat], more: Stream[Cat] | None = None) -> int: ...

    found = read(f)
    assert (found.kind, [port.arity for port in found.inputs]) == ("call", ["stream", "stream"])
    assert [port.required for port in found.inputs] == [True, False]
    assert not found.inputs[0].takes_literal


def test_context_is_no_input():
    def f(x: int, ctx: Context) -> int: ...

    assert read(f).wants_context
    assert [port.name for port in read(f).inputs] == ["x"]


def test_seeded_node_has_an_optional_seed():
    def f(x: int, ctx: Context) -> int: ...

    seed = read(f, seeded=True).inputs[-1]
    assert (seed.name, str(seed.type), seed.required) == ("seed", "int | None", False)


def test_type_variable_is_read_in_inputs_and_outputs():
    def f(left: Stream[T], right: Stream[T]) -> Stream[T]:
        yield from left

    found = read(f)
    assert [str(port.type) for port in (*found.inputs, *found.outputs)] == ["T", "T", "T"]


def test_impure_node_takes_a_plain_path_and_a_pure_one_a_file_that_it_reads():
    def lists(root: Path) -> int: ...
    def reads(
        file: Annotated[Path, ReadsFile()], other: Annotated[Path | None, ReadsFile()] = None
    ) -> int: ...

    assert not read(lists, pure=False).inputs[0].reads_file
    assert [port.reads_file for port in read(reads).inputs] == [True, True]


def refused() -> list[Any]:
    def unknown_name(x: Nowhere) -> int: ...  # type: ignore[name-defined]  # noqa: F821
    def unknown_attribute(x: enum.Nothing) -> int: ...  # type: ignore[name-defined]
    def not_an_expression(x: "int int") -> int: ...  # type: ignore[valid-type]  # noqa: F722
    def not_a_type(x: 3) -> int: ...  # type: ignore[valid-type]
    def bad_context(x: int, ctx: int) -> int: ...
    def bare_context(x: int, ctx) -> int: ...  # type: ignore[no-untyped-def]
    def reserved_id(id: int) -> int: ...
    def reserved_note(note: str) -> int: ...
    def reserved_seed(seed: int) -> int: ...
    def starred(*xs: int) -> int: ...
    def keywords(**xs: int) -> int: ...
    def positional(x: int, /) -> int: ...
    def bare(x) -> int: ...  # type: ignore[no-untyped-def]
    def no_return(x: int): ...  # type: ignore[no-untyped-def]
    def bad_type(x: bytes) -> int: ...
    def bad_output(x: int) -> bytes: ...
    def stream_field(x: int) -> Nested: ...
    def plain_path(x: Path) -> int: ...
    def optional_path(x: Path | None = None) -> int: ...
    def reads_no_path(x: Annotated[int, ReadsFile()]) -> int: ...
    def reads_path_or_number(x: Annotated[Path | int | None, ReadsFile()]) -> int: ...
    def path_or_number(x: Path | int) -> int: ...
    def bounded_word(x: Annotated[float | str, Param(ge=0)]) -> int: ...
    def long_number(x: Annotated[list[int] | int | None, Param(min_length=1)]) -> int: ...
    def bounded_cat(x: Annotated[Cat, Param(help="a cat", le=9)]) -> int: ...
    def pattern_of_list(x: Annotated[list[str], Param(pattern="a")]) -> int: ...
    def value_default(x: Cat = Cat(1)) -> int: ...
    def none_default(x: int = None) -> int: ...  # type: ignore[assignment]  # noqa: RUF013
    def lossy_default(x: Hidden = Hidden(secret=1)) -> int: ...  # noqa: B008
    def default_without_json(x: Any = Cat(1)) -> int: ...
    def tuple_default(x: Any = (1, 2)) -> int: ...
    def batch_in(x: Batch[int]) -> int: ...
    def batch_out(x: int) -> Batch[int]: ...
    def batch_and_stream(x: Batch[int], y: Stream[int]) -> Batch[int]: ...
    def no_generator(x: int) -> Stream[int]: ...
    def bare_stream(x: Stream) -> int: ...  # type: ignore[type-arg]
    def nested_output(x: int) -> Stream[Stream[int]]: ...

    return [
        (unknown_name, "an annotation names something unknown: .*'Nowhere'"),
        (unknown_attribute, "an annotation names something unknown: .*'Nothing'"),
        (not_an_expression, "an annotation is not a type"),
        (not_a_type, "input 'x': 3 is neither a JSON type|an annotation is not a type"),
        (bad_context, "annotate ctx as Context"),
        (bare_context, "annotate ctx as Context"),
        (reserved_id, "'id' is a reserved name; call the input something else"),
        (reserved_note, "'note' is a reserved name"),
        (reserved_seed, "'seed' is a reserved name"),
        (starred, "'xs' must be an ordinary named parameter"),
        (keywords, "'xs' must be an ordinary named parameter"),
        (positional, "'x' must be an ordinary named parameter"),
        (bare, "annotate the parameter 'x' with its type"),
        (no_return, "annotate the return type; it declares the outputs"),
        (bad_type, "input 'x': bytes is neither a JSON type"),
        (bad_output, "return type: bytes is neither a JSON type"),
        (stream_field, "return type: output 'many' cannot itself be a stream or batch"),
        (plain_path, r"input 'x': a pure node takes a path by its content: Annotated\[Path, ReadsFile\(\)\]"),
        (optional_path, "input 'x': a pure node takes a path by its content"),
        (reads_no_path, r"input 'x': ReadsFile\(\) marks a Path or Path \| None, not int"),
        (reads_path_or_number, r"marks a Path or Path \| None, not path \| int \| None"),
        (
            bounded_word,
            r"input 'x': Param\(ge=\.\.\.\) cannot bound str; bound the others with pydantic: Annotated",
        ),
        (long_number, r"Param\(min_length=\.\.\.\) cannot bound int"),
        (bounded_cat, r"Param\(le=\.\.\.\) cannot bound test.signature_cat"),
        (pattern_of_list, r"Param\(pattern=\.\.\.\) cannot bound list\[str\]"),
        (path_or_number, "input 'x': a pure node takes a path by its content"),
        (value_default, "input 'x': a value can only be linked, so its default can only be None"),
        (none_default, r"input 'x': the default None needs the type int \| None"),
        (lossy_default, "input 'x', default: the JSON form of Hidden, .* leaves out or alters 'secret'"),
        (default_without_json, "input 'x', default: the JSON form of Cat"),
        (tuple_default, "input 'x', default: the JSON form of tuple"),
        (batch_in, "a node with a Batch input returns a Batch as long"),
        (batch_out, "a node with a Batch input returns a Batch as long"),
        (batch_and_stream, "a node takes either batches or streams, not both"),
        (no_generator, r"a node that returns a Stream is a generator: yield Item\(key, value\)"),
        (bare_stream, r"input 'x': write the item type of a stream: Stream\[T\]"),
        (nested_output, "return type: a generator gives one level of items"),
    ]


@pytest.mark.parametrize(("function", "message"), refused(), ids=lambda held: getattr(held, "__name__", None))
def test_signature_that_a_node_cannot_have_is_refused_with_place_and_reason(function, message):
    with pytest.raises(DeclarationError, match=f"node 'test.node'.*({message})"):
        read(function)


def test_seeded_node_without_context_is_refused():
    def f(x: int) -> int: ...

    with pytest.raises(DeclarationError, match="a seeded node needs a parameter ctx: Context"):
        read(f, seeded=True)


def port(annotation: Any, *, pure: bool = False) -> InputPort:
    def f(x: Any) -> int: ...

    f.__annotations__["x"] = annotation
    return read(f, pure=pure).inputs[0]


@pytest.mark.parametrize(
    ("annotation", "literal", "got"),
    [
        (bool, True, True),
        (int, 3, 3),
        (int, -(2**63), -(2**63)),
        (float, 3, 3.0),
        (float, 2.5, 2.5),
        (str, "a", "a"),
        (Path, "a/b", Path("a/b")),
        (Path | None, None, None),
        (Path | None, "a", Path("a")),
        (int | None, None, None),
        (Literal["a", 1], 1, 1),
        (Literal["a", 1] | None, None, None),
        (Literal["a", 1] | int, 5, 5),
        (dict[str, Literal[0]], {"a": 0}, {"a": 0}),
        (Mode, "fast", Mode.FAST),
        (int | float, 1, 1),
        (int | float, 1.0, 1.0),
        (float | str | None, 1, 1.0),
        (float | str | None, None, None),
        (Literal["auto"] | float, "auto", "auto"),
        (Annotated[int | float, Param(ge=0)], 1, 1),
        (list[int], [1, 2], [1, 2]),
        (list[float], [1, 2.5], [1.0, 2.5]),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (Settings, {"rate": 1}, Settings(rate=1.0)),
        (Annotated[Settings, AfterValidator(lambda held: held)], {"rate": 1}, Settings(rate=1.0)),
        (Settings | float, {"rate": 1}, Settings(rate=1.0)),
        (Any, {"a": [1, None]}, {"a": [1, None]}),
        (Annotated[float, Param(ge=0, le=1)], 1, 1.0),
        (Annotated[float, Field(ge=0)] | Literal["auto"], "auto", "auto"),
        (Annotated[float, Field(ge=0)] | Literal["auto"], 1, 1.0),
        (Annotated[int, Param(gt=0, lt=3)], 2, 2),
        (Annotated[int, Param(multiple_of=8)], 16, 16),
        (Annotated[str, Param(pattern="^a+$", max_length=3)], "aaa", "aaa"),
        (Annotated[list[int], Param(min_length=1)], [1], [1]),
    ],
)
def test_literal_of_the_declared_type_is_taken(annotation, literal, got):
    taken = validate_literal(port(annotation), literal)
    assert taken == got
    assert type(taken) is type(got)


@pytest.mark.parametrize(
    ("annotation", "literal"),
    [
        (bool, "false"),
        (bool, 1),
        (bool, 0),
        (int, 3.0),
        (int, 3.9),
        (int, True),
        (int, "3"),
        (int, None),
        (int, 2**63),
        (int, -(2**63) - 1),
        (float, "1"),
        (float, True),
        (float, float("nan")),
        (float, float("inf")),
        (int | float | str | None, True),
        (int | float | str | None, float("nan")),
        (int | float | str | None, float("inf")),
        (float | str, None),
        (Literal["auto"] | float, "other"),
        (Annotated[int | float, Param(ge=0)], -1),
        (str, 1),
        (str, None),
        (Path, 1),
        (Literal["a", 1], "b"),
        (Literal["a", 1], True),
        (Literal["a", 1], 1.0),
        (Literal[1, 2] | None, True),
        (list[Literal[1]], [1, True]),
        (dict[str, Literal[0]], {"a": False}),
        (Mode, "slow"),
        (Mode, "FAST"),
        (list[int], 1),
        (list[int], [1, "a"]),
        (list[int], [1, 2.0]),
        (dict[str, int], [1]),
        (Settings, {}),
        (Settings, {"rate": "1"}),
        (Settings, {"rate": 1, "other": 2}),
        (Annotated[float, Param(ge=0, le=1)], 1.5),
        (Annotated[float, Field(ge=0)] | Literal["auto"], -1),
        (Annotated[int, Param(gt=0)], 0),
        (Annotated[int, Param(multiple_of=8)], 9),
        (Annotated[str, Param(pattern="^a+$")], "ab"),
        (Annotated[list[int], Param(min_length=1)], []),
        (Annotated[float | None, Param(ge=0)], -1),
    ],
)
def test_literal_of_another_type_or_out_of_bounds_is_refused(annotation, literal):
    with pytest.raises(BadLiteral):
        validate_literal(port(annotation), literal)


@pytest.mark.parametrize(
    ("annotation", "literal", "message"),
    [
        (int, 3.5, "must be a valid integer"),
        (bool, "false", "must be a valid boolean"),
        (Literal["a", "b"], "c", "must be 'a' or 'b'"),
        (Annotated[float, Param(ge=0)], -1, "must be greater than or equal to 0"),
        (int, 2**63, "must fit in 64 bits"),
        (list[int], [1, "a"], "1: must be a valid integer"),
        (Settings, {"rate": 1, "other": 2}, "other: there is no such field"),
        (list[Path], [3], "0: must be a valid string"),
        (Annotated[list[int], Param(min_length=1)], [], "must have at least 1 item, not 0"),
    ],
)
def test_refused_literal_is_told_what_was_expected(annotation, literal, message):
    with pytest.raises(BadLiteral) as caught:
        validate_literal(port(annotation), literal)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("annotation", "literal", "message"),
    [
        (str | Path, 3, "must be a text or a path"),
        (str | Path | None, 3, "must be a text, a path or null"),
        (Literal["auto"] | float, "x", "must be 'auto' or a number"),
        (Mode | int, "x", "must be 'fast', 'exact' or an integer"),
        (Settings | list[int], 3, "must be an object or a list"),
        (list[str | Path], ["a", 3], "1: must be a text or a path"),
        (dict[str, list[int | str]], {"a": [1, []]}, "a.1: must be an integer or a text"),
    ],
)
def test_literal_that_no_member_of_a_union_takes_is_told_all_that_is_taken(annotation, literal, message):
    with pytest.raises(BadLiteral) as caught:
        validate_literal(port(annotation), literal)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("annotation", "literal", "message"),
    [
        (Annotated[int, Field(ge=1)] | str, 0, "must be greater than or equal to 1"),
        (list[int] | int, [1, "a"], "1: must be a valid integer"),
        (Settings | int, {"rate": 1, "other": 2}, "other: there is no such field"),
        (Annotated[int | float, Param(le=1)], 2, "must be less than or equal to 1"),
    ],
)
def test_literal_that_a_member_of_a_union_nearly_takes_is_told_what_is_wrong_with_it(
    annotation, literal, message
):
    with pytest.raises(BadLiteral) as caught:
        validate_literal(port(annotation), literal)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("annotation", "literal"),
    [
        (bool, True),
        (int, 3),
        (float, 2.5),
        (str, "a"),
        (Path, "a/b"),
        (int | None, None),
        (Mode, "exact"),
        (list[float], [1.5]),
        (dict[str, int], {"a": 1}),
        (Settings, {"rate": 1.0, "names": ["a"]}),
    ],
)
def test_json_form_of_a_taken_literal_is_the_literal(annotation, literal):
    taken = validate_literal(port(annotation), literal)
    assert to_json(port(annotation), taken) == literal


def test_default_gets_what_its_json_form_stands_for():
    def f(x: Settings = Settings.model_construct(rate=1)) -> int: ...  # noqa: B008

    assert type(read(f).inputs[0].default.rate) is float
