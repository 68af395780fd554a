"""What is wrong with a graph file as a file: missing, too large, not text, not JSON, too deep."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nodegraph.check import find_problems
from nodegraph.graph.problem import Problem

Find = Callable[..., list[Problem]]

EMPTY = '{"nodegraph": 1, "nodes": {}}'


def only(problems: list[Problem]) -> tuple[str, int, int, str, str]:
    (problem,) = problems
    return problem.code, problem.line, problem.column, problem.message, problem.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", ("empty-file", 1, 1, "the file is empty", "a graph is a JSON object")),
        (b" \n\t\n", ("empty-file", 1, 1, "the file is empty", "a graph is a JSON object")),
        (
            b"nodes:\n  a: 1\n",
            ("not-json", 1, 1, "not JSON: Expecting value", ""),
        ),
        (
            b'{"nodegraph": 1,\n "nodes": {"a": }}',
            ("not-json", 2, 17, "not JSON: Expecting value", ""),
        ),
        (
            b'{"nodegraph": 1, "nodes": {}',
            (
                "not-json",
                1,
                29,
                "not JSON: Expecting ',' delimiter",
                "the text ends too early: a bracket, brace or quote is not closed",
            ),
        ),
        (
            b'{"nodegraph": 1, "nodes": {},}',
            (
                "not-json",
                1,
                30,
                "not JSON: Expecting property name enclosed in double quotes",
                "remove the comma before '}'",
            ),
        ),
        (
            b"{'nodegraph': 1}",
            (
                "not-json",
                1,
                2,
                "not JSON: Expecting property name enclosed in double quotes",
                "keys and strings stand in double quotes",
            ),
        ),
        (
            b'{"nodegraph": 1, // version\n "nodes": {}}',
            (
                "not-json",
                1,
                18,
                "not JSON: Expecting property name enclosed in double quotes",
                'JSON has no comments: use "note"',
            ),
        ),
        (
            b'{"nodegraph": 1, "nodes": {"a": True}}',
            ("not-json", 1, 33, "not JSON: Expecting value", "JSON writes true, false and null"),
        ),
        (
            b'{"nodegraph": 1} {"nodes": {}}',
            ("not-json", 1, 18, "not JSON: Extra data", "the graph ends before this"),
        ),
        (
            b'{"name": "a\nb"}',
            (
                "not-json",
                1,
                12,
                "not JSON: Invalid control character at",
                'a string stands in one line; write a line break as "\\n"',
            ),
        ),
        (b"[]", ("not-an-object", 1, 1, "the top level must be an object; found []", "")),
        (b"3", ("not-an-object", 1, 1, "the top level must be an object; found 3", "")),
        (b'"graph"', ("not-an-object", 1, 1, 'the top level must be an object; found "graph"', "")),
        (b"null", ("not-an-object", 1, 1, "the top level must be an object; found null", "")),
    ],
)
def test_what_is_no_json_object_is_placed_and_explained(
    problems: Find, text: bytes, expected: tuple[str, int, int, str, str]
) -> None:
    code, line, column, message, hint = only(problems(text))
    assert (code, line, column, message) == expected[:4]
    assert hint == (expected[4] or hint)


@pytest.mark.parametrize("key", ["1", "null", "true", "1.5", "[]", "{}", "key"])
def test_a_key_that_is_no_string_is_not_json(problems: Find, key: str) -> None:
    code, line, column, _, hint = only(problems(f'{{"nodegraph": 1,\n "nodes": {{{key}: {{}}}}}}'))
    assert (code, line, column) == ("not-json", 2, 12)
    assert hint == "a key is a string in double quotes"


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])
def test_a_byte_order_mark_is_refused(problems: Find, mark: bytes) -> None:
    code, *_, hint = only(problems(mark + EMPTY.encode()))
    assert (code, hint) == ("byte-order-mark", "save it as UTF-8 without byte order mark")


def test_bytes_that_are_not_utf8_are_named_with_their_line(problems: Find) -> None:
    code, _, _, message, _ = only(problems(b'{"nodegraph": 1,\n "name": "\xe4"}'))
    assert (code, message) == ("not-utf8", "graph.json is not UTF-8 text: byte 0xe4 in line 2")


def test_a_file_of_50_mb_is_refused_without_reading_it(folder: Path) -> None:
    graph = Path("graph.json")
    with graph.open("wb") as file:
        file.truncate(50_000_000)
    code, _, _, message, _ = only(find_problems(graph))
    assert (code, message) == ("file-too-large", "graph.json has 47.7 MiB; at most 16 MiB are read")


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("depth", [65, 900, 10_000, 1_000_000])
def test_too_deep_json_is_refused_where_the_65th_level_begins(
    problems: Find, depth: int, opening: str, closing: str
) -> None:
    text = opening * depth + "0" + closing * depth
    code, line, column, *_ = only(problems(text))
    assert (code, line, column) == ("too-deep", 1, 64 * len(opening) + 1)


def test_10_000_brackets_that_never_close_are_refused_as_too_deep(problems: Find) -> None:
    assert only(problems("[" * 10_000))[0] == "too-deep"


def test_64_levels_are_read(problems: Find) -> None:
    literal = "[" * 60 + "]" * 60
    text = '{"nodegraph": 1, "inputs": {"a": {"type": "json", "default": %s}}, "nodes": {}}' % literal  # noqa: UP031
    assert problems(text) == []


def test_a_number_with_too_many_digits_is_placed(problems: Find) -> None:
    code, line, column, message, _ = only(problems('{"nodegraph": 1,\n "seed": ' + "1" * 5000 + "}"))
    assert (code, line, column) == ("number-too-long", 2, 10)
    assert message == "the number 11111111111111111111... has 5000 digits"


def test_half_a_surrogate_pair_is_refused_and_can_be_shown(problems: Find) -> None:
    found = problems('{"nodegraph": 1, "name": "\\ud800", "nodes": {"\\udc00": {"type": "\\ud83d\\ude00"}}}')
    assert [problem.code for problem in found] == ["broken-unicode", "broken-unicode", "bad-name", "bad-name"]
    for problem in found:
        str(problem).encode()


def test_columns_count_characters_and_lines_end_with_any_line_break(problems: Find) -> None:
    (found,) = problems('{"nodegraph": 1,\r\n "name": "äöü", "x": 1, "nodes": {}}')
    assert (found.line, found.column, found.code) == (2, 17, "unknown-key")


def test_a_missing_file_names_one_like_it(folder: Path) -> None:
    Path("graph.json").write_text(EMPTY)
    code, _, _, message, hint = only(find_problems("graphs.json"))
    assert (code, message, hint) == (
        "file-not-found",
        "there is no file graphs.json",
        "did you mean 'graph.json'?",
    )


def test_a_missing_folder_is_named(folder: Path) -> None:
    assert only(find_problems("none/graph.json"))[4] == "there is no folder none"


def test_a_folder_and_a_pipe_are_no_files(folder: Path) -> None:
    Path("sub").mkdir()
    os.mkfifo("pipe")
    assert only(find_problems("sub"))[0] == "not-a-file"
    assert only(find_problems("pipe"))[0] == "not-a-file"


def test_a_path_that_no_file_can_have_is_unreadable(folder: Path) -> None:
    assert only(find_problems("a\0b"))[0] == "unreadable-file"
    assert only(find_problems("a" * 5000))[0] == "unreadable-file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_read_permission_is_unreadable(folder: Path) -> None:
    Path("graph.json").write_text(EMPTY)
    Path("graph.json").chmod(0)
    assert only(find_problems("graph.json"))[0] == "unreadable-file"
