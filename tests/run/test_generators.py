"""Generators: one memo entry for a pure one, makes memoised per item, reads and uses, what resumes."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from nodegraph import Drop, Item, Stream, node

SEEN: list[tuple[str, Any]] = []


class Pair(NamedTuple):
    text: str
    length: int


@node("generators.folder", version=1, pure=False)
def folder(root: Path) -> Stream[Pair]:
    """The text files of a folder."""
    SEEN.append(("folder", ""))

    def read(path: Path) -> Pair:
        SEEN.append(("read", path.name))
        text = path.read_text()
        return Pair(text, len(text))

    for path in sorted(root.iterdir()):
        yield Item(path.name, lambda path=path: read(path), reads=[path])


@node("generators.scaled", version=1)
def scaled(*, boxes: dict[str, list[int]], scale: int = 1, code: int = 0) -> Stream[int]:
    """An item for each entry; what it is made of is said by `uses`."""
    for key, box in boxes.items():

        def make(key: str = key, box: list[int] = box) -> int:
            SEEN.append(("scale", key))
            return sum(box) * scale

        yield Item(key, make, uses=box)


@node("generators.listing", version=1)
def listing(number: int, *, times: int = 3) -> Stream[int]:
    """Items given directly."""
    SEEN.append(("listing", number))
    for index in range(times):
        yield Item(str(index), number + index)


@node("generators.stoppable", version=1)
def stoppable(*, count: int) -> Stream[int]:
    """Items that are made one by one."""

    def make(number: int) -> int:
        SEEN.append(("make", number))
        return number

    for number in range(count):
        if number == count // 2:
            HALFWAY.set()
        yield Item(str(number), lambda number=number: make(number))


@node("generators.refusing", version=1)
def refusing(number: int, *, late: bool = False) -> Stream[int]:
    """Drops its own item, at once or too late."""
    SEEN.append(("refusing", number))
    if not late:
        raise Drop("no stream here")
    yield Item("a", 1)
    raise Drop("too late")


@node("generators.no_key", version=1)
def no_key() -> Stream[int]:
    """An item with a value and reads."""
    yield Item("a", 1, reads=["somewhere"])


@node("generators.lazy", version=1)
def lazy(*, count: int) -> Stream[int]:
    """Notes how far it was pulled."""
    for number in range(count):
        SEEN.append(("pulled", number))
        yield Item(str(number), number)


@node("generators.check", version=1)
def check(number: int, *, ahead: int) -> int:
    """Whether the generator is too far ahead of what was run."""
    seen_so_far = seen()
    SEEN.append(("run", number))
    assert seen_so_far["pulled"] - seen_so_far["run"] <= ahead, seen_so_far
    return number


HALFWAY = threading.Event()


@pytest.fixture(autouse=True)
def _forget():
    SEEN.clear()
    HALFWAY.clear()


def seen() -> Counter[str]:
    return Counter(name for name, _ in SEEN)


def read_folder(lab, root: Path, **options: Any):
    SEEN.clear()
    nodes = {
        "f": ("generators.folder", {}, {"root": str(root)}),
        "a": ("rt.add", {"number": "f.length"}),
    }
    return lab.run(nodes, {"text": "f.text", "a": "a"}, **options)


def fill(root: Path, **texts: str) -> None:
    root.mkdir(exist_ok=True)
    for name, text in texts.items():
        (root / f"{name}.txt").write_text(text)


def test_of_a_folder_with_one_new_file_one_is_read(lab, items, counts, tmp_path):
    root = tmp_path / "texts"
    fill(root, a="one", b="three", c="seventeen")
    run = read_folder(lab, root)
    assert items(run, "text") == {"a.txt": "one", "b.txt": "three", "c.txt": "seventeen"}
    fill(root, aa="twelve")
    run = read_folder(lab, root)
    assert counts(run, "f") == "1 executed 3 cached"
    assert counts(run, "a") == "1 executed 3 cached"
    assert seen() == {"folder": 1, "read": 1}
    assert list(items(run, "text")) == ["a.txt", "aa.txt", "b.txt", "c.txt"]


def test_a_folder_that_was_moved_is_not_read_again(lab, counts, tmp_path):
    fill(tmp_path / "texts", a="one", b="three")
    read_folder(lab, tmp_path / "texts")
    (tmp_path / "texts").rename(tmp_path / "moved")
    run = read_folder(lab, tmp_path / "moved")
    assert counts(run, "f") == "2 cached"
    assert seen() == {"folder": 1}


def test_a_file_whose_content_changed_is_read_and_one_touched_is_not(lab, counts, tmp_path):
    root = tmp_path / "texts"
    fill(root, a="one", b="three")
    read_folder(lab, root)
    fill(root, a="two", b="three")
    run = read_folder(lab, root)
    assert counts(run, "f") == "1 executed 1 cached"
    assert counts(run, "a") == "2 cached"  # the length did not change: the wave stops


def test_a_renamed_file_is_another_item(lab, counts, tmp_path):
    root = tmp_path / "texts"
    fill(root, a="one")
    read_folder(lab, root)
    (root / "a.txt").rename(root / "b.txt")
    run = read_folder(lab, root)
    assert counts(run, "f") == "1 executed"
    assert counts(run, "a") == "1 cached"


def test_a_file_that_cannot_be_read_fails_alone(lab, counts, tmp_path):
    root = tmp_path / "texts"
    fill(root, a="one", c="three")
    (root / "b.txt").symlink_to(root / "nowhere")
    run = read_folder(lab, root)
    assert counts(run, "f") == "2 executed 1 failed"
    assert [(error.item, error.error) for error in run.errors] == [("b.txt", "FileNotFoundError")]
    assert str(root / "b.txt") in run.errors[0].message


def test_uses_decides_which_items_are_made_again(lab, counts):
    def run(boxes: dict[str, list[int]], **params: Any):
        SEEN.clear()
        return lab.run({"s": ("generators.scaled", {}, {"boxes": boxes, **params})}, {"s": "s"})

    run({"a": [1, 2], "b": [3]})
    # The boxes are params, so all keys differ: `uses` only adds to them.
    assert counts(run({"a": [1, 2], "b": [4]}), "s") == "2 executed"
    assert counts(run({"a": [1, 2], "b": [3]}), "s") == "2 cached"
    assert counts(run({"a": [1, 2], "b": [3]}, scale=2), "s") == "2 executed"


def test_the_listing_of_a_pure_generator_is_one_entry_and_a_hit_runs_nothing(lab, counts):
    nodes = {
        "n": ("rt.numbers", {}, {"values": [10, 20]}),
        "l": ("generators.listing", {"number": "n"}),
        "a": ("rt.add", {"number": "l"}),
    }
    assert counts(lab.run(nodes), "l") == "6 executed"
    assert seen() == {"listing": 2}
    SEEN.clear()
    assert counts(lab.run(nodes), "l") == "6 cached"
    nodes["n"] = ("rt.numbers", {}, {"values": [10, 20, 30]})
    run = lab.run(nodes)
    assert counts(run, "l") == "3 executed 6 cached"
    assert SEEN == [("listing", 30)]


@pytest.mark.parametrize("jobs", [1, 4])
def test_a_stopped_fan_out_resumes_with_what_it_has_not_made(lab, counts, jobs):
    nodes = {"s": ("generators.stoppable", {}, {"count": 40}), "t": ("rt.total", {"numbers": "s"})}
    run = lab.run(nodes, jobs=jobs, cancel=HALFWAY)
    assert run.interrupted
    assert not run.ok
    made = seen()["make"]
    assert 0 < made <= 20
    assert counts(run, "s") == f"{made} executed"
    SEEN.clear()
    HALFWAY.clear()
    run = lab.run(nodes, jobs=jobs)
    assert counts(run, "s") == f"{40 - made} executed {made} cached"
    assert seen()["make"] == 40 - made
    assert run.value("t") == sum(range(40))


def test_a_generator_may_drop_its_item_before_it_gives_any(lab, counts, items):
    nodes = {
        "n": ("rt.numbers", {}, {"values": [1, 2]}),
        "r": ("generators.refusing", {"number": "n"}),
        "a": ("rt.add", {"number": "r"}),
        "t": ("rt.total", {"numbers": "a"}),
        "u": ("rt.total", {"numbers": "t"}, {"bias": 4}),
    }
    run = lab.run(nodes)
    assert run.ok
    assert counts(run, "r") == "2 executed 2 dropped"
    assert [counts(run, name) for name in "at"] == ["nothing", "nothing"]
    assert run.value("u") == 4
    SEEN.clear()
    run = lab.run(nodes)
    assert counts(run, "r") == "2 cached 2 dropped"
    assert SEEN == []


def test_a_generator_that_drops_its_item_too_late_fails(lab, counts):
    nodes = {
        "n": ("rt.numbers", {}, {"values": [1]}),
        "r": ("generators.refusing", {"number": "n"}, {"late": True}),
        "t": ("rt.total", {"numbers": "r"}),
    }
    run = lab.run(nodes)
    assert counts(run, "r") == "1 executed 1 failed"
    assert counts(run, "t") == "1 skipped"
    assert run.errors[0].message == (
        "a generator that has given items cannot raise Drop; raise it in the item's make"
    )


def test_a_value_with_reads_is_refused(lab):
    run = lab.run({"x": ("generators.no_key", {})})
    assert run.errors[0].error == "TypeError"


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_generator_is_pulled_no_further_than_its_items_are_through(lab, jobs):
    nodes = {
        "l": ("generators.lazy", {}, {"count": 300}),
        "c": ("generators.check", {"number": "l"}, {"ahead": 64 + jobs}),
    }
    run = lab.run(nodes, jobs=jobs)
    assert run.ok, run.errors[:1]


def test_a_forced_generator_lists_and_makes_anew(lab, counts):
    nodes = {"n": ("rt.numbers", {}, {"values": [1, 2]}), "a": ("rt.add", {"number": "n"})}
    lab.run(nodes)
    run = lab.run(nodes, force=["n"])
    assert counts(run, "n") == "2 executed"
    assert counts(run, "a") == "2 cached"
    assert lab.calls == {"list": 1, "make": 2}
    assert dict(run.nodes["n"].reasons) == {"forced": 2}
