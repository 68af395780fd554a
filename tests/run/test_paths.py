"""Paths that are read by content: as params, as links, as items, and what happens if they are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest

from nodegraph import Batch, Item, ReadsFile, Stream, node

SEEN: list[str] = []

Content = Annotated[Path, ReadsFile()]


@node("paths.read", version=1)
def read(path: Content, *, tag: int = 0) -> str:
    """What stands in a file."""
    SEEN.append(path.name)
    return path.read_text()


@node("paths.maybe", version=1)
def maybe(path: Annotated[Path | None, ReadsFile()] = None) -> str:
    """What stands in a file, if there is one."""
    SEEN.append("" if path is None else path.name)
    return "nothing" if path is None else path.read_text()


@node("paths.folder", version=1)
def folder(path: Content) -> list[str]:
    """What stands in the files of a folder."""
    SEEN.append(path.name)
    return [f"{one.relative_to(path)}: {one.read_text()}" for one in sorted(path.rglob("*")) if one.is_file()]


@node("paths.files", version=1, pure=False)
def files(root: Path) -> Stream[Path]:
    """The files of a folder."""
    for path in sorted(root.iterdir()):
        yield Item(path.name, path)


@node("paths.batch", version=1)
def batch(paths: Annotated[Batch[Path], ReadsFile()]) -> Batch[str]:
    """What stands in files."""
    SEEN.extend(path.name for path in paths)
    return [path.read_text() for path in paths]


@node("paths.together", version=1)
def together(paths: Annotated[Stream[Path], ReadsFile()]) -> str:
    """What stands in files, together."""
    SEEN.append("together")
    return " ".join(item.value.read_text() for item in paths)


@node("paths.length", version=1)
def length(text: str) -> int:
    """The length of a text."""
    SEEN.append("length")
    return len(text)


@pytest.fixture(autouse=True)
def _forget():
    SEEN.clear()


def run(lab, nodes: dict[str, Any], *outputs: str):
    SEEN.clear()
    return lab.run(nodes, {name: name for name in outputs})


def test_a_file_is_read_again_when_its_content_changed_not_its_name(lab, counts, tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("one")
    nodes: dict[str, Any] = {
        "r": ("paths.read", {}, {"path": str(file)}),
        "l": ("paths.length", {"text": "r"}),
    }
    assert run(lab, nodes).value("r") == "one"
    file.write_text("two")
    result = run(lab, nodes)
    assert result.value("r") == "two"
    assert SEEN == ["a.txt", "length"]
    assert counts(result, "l") == "1 executed"
    file.rename(tmp_path / "b.txt")
    nodes["r"] = ("paths.read", {}, {"path": str(tmp_path / "b.txt")})
    result = run(lab, nodes)
    assert counts(result, "r") == "1 cached"
    assert SEEN == []


def test_a_missing_file_fails_the_call_and_is_named(lab, counts, tmp_path):
    nodes = {
        "r": ("paths.read", {}, {"path": str(tmp_path / "gone.txt")}),
        "l": ("paths.length", {"text": "r"}),
    }
    result = run(lab, nodes)
    assert [(error.node, error.error) for error in result.errors] == [("r", "FileNotFoundError")]
    assert str(tmp_path / "gone.txt") in result.errors[0].message
    assert counts(result, "l") == "1 skipped"
    assert SEEN == []
    (tmp_path / "gone.txt").write_text("back")
    assert run(lab, nodes).value("r") == "back"


def test_an_optional_file_may_be_left_out(lab, tmp_path):
    (tmp_path / "a.txt").write_text("one")
    nodes = {"x": ("paths.maybe", {}), "y": ("paths.maybe", {}, {"path": str(tmp_path / "a.txt")})}
    result = run(lab, nodes)
    assert (result.value("x"), result.value("y")) == ("nothing", "one")


def test_a_linked_path_counts_by_content(lab, counts, items, tmp_path):
    root = tmp_path / "files"
    root.mkdir()
    for name, text in {"a": "one", "b": "three"}.items():
        (root / name).write_text(text)
    nodes = {
        "f": ("paths.files", {}, {"root": str(root)}),
        "r": ("paths.read", {"path": "f"}),
        "b": ("paths.batch", {"paths": "f"}),
        "t": ("paths.together", {"paths": "f"}),
    }
    result = run(lab, nodes, "r", "b", "t")
    assert items(result, "r") == items(result, "b") == {"a": "one", "b": "three"}
    assert result.value("t") == "one three"
    result = run(lab, nodes, "r", "b", "t")
    assert [counts(result, name) for name in "rbt"] == ["2 cached", "2 cached", "1 cached"]
    (root / "a").write_text("two")
    result = run(lab, nodes, "r", "b", "t")
    assert items(result, "r") == items(result, "b") == {"a": "two", "b": "three"}
    assert result.value("t") == "two three"
    assert [counts(result, name) for name in "rbt"] == [
        "1 executed 1 cached", "1 executed 1 cached", "1 executed"
    ]  # fmt: skip
    root.rename(tmp_path / "moved")
    nodes["f"] = ("paths.files", {}, {"root": str(tmp_path / "moved")})
    result = run(lab, nodes, "r", "b", "t")
    assert [counts(result, name) for name in "rbt"] == ["2 cached", "2 cached", "1 cached"]


def test_a_linked_path_that_is_missing_fails_its_item_alone(lab, counts, tmp_path):
    root = tmp_path / "files"
    root.mkdir()
    (root / "a").write_text("one")
    (root / "b").symlink_to(root / "nowhere")
    nodes = {"f": ("paths.files", {}, {"root": str(root)}), "r": ("paths.read", {"path": "f"})}
    result = run(lab, nodes)
    assert counts(result, "r") == "1 executed 1 failed"
    assert result.errors[0].item == "b"
    assert str(root / "b") in result.errors[0].message


def test_a_folder_counts_by_its_names_and_contents(lab, counts, tmp_path):
    root = tmp_path / "folder"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "a.txt").write_text("one")
    nodes = {"f": ("paths.folder", {}, {"path": str(root)})}
    assert run(lab, nodes).value("f") == ["sub/a.txt: one"]
    assert counts(run(lab, nodes), "f") == "1 cached"
    (root / "b.txt").write_text("two")
    assert run(lab, nodes).value("f") == ["b.txt: two", "sub/a.txt: one"]
    (root / "b.txt").rename(root / "c.txt")
    assert run(lab, nodes).value("f") == ["c.txt: two", "sub/a.txt: one"]
    (root / "sub" / "a.txt").write_text("three")
    assert run(lab, nodes).value("f") == ["c.txt: two", "sub/a.txt: three"]
    root.rename(tmp_path / "elsewhere")
    nodes["f"] = ("paths.folder", {}, {"path": str(tmp_path / "elsewhere")})
    assert counts(run(lab, nodes), "f") == "1 cached"
