"""A row outlives its bytes: nodes that keep none, evicted bytes, bytes that come out different."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from nodegraph import Artifact, Context, Drop, Item, Stream, node
from nodegraph.store import Store

SEEN: list[tuple[str, object]] = []
TICKS = itertools.count()


@node("bytes.lean", version=1, keep=False)
def lean(number: int) -> list[int]:
    """A list, made anew whenever it is needed."""
    SEEN.append(("lean", number))
    return [number] * 3


@node("bytes.restless", version=1, keep=False)
def restless(number: int) -> list[int]:
    """Another list each time."""
    SEEN.append(("restless", number))
    return [number, next(TICKS)]


@node("bytes.restless_items", version=1)
def restless_items(*, values: list[int]) -> Stream[list[int]]:
    """Other lists each time."""
    for one in values:
        yield Item(str(one), lambda one=one: [one, next(TICKS)])


@node("bytes.lists", version=1)
def lists(*, values: list[int]) -> Stream[list[int]]:
    """Lists."""
    for one in values:
        yield Item(str(one), lambda one=one: SEEN.append(("lists", one)) or [one, one])


@node("bytes.direct", version=1)
def direct(*, values: list[int]) -> Stream[list[int]]:
    """Lists given directly."""
    SEEN.append(("direct", len(values)))
    for one in values:
        yield Item(str(one), [one, one])


@node("bytes.size", version=1)
def size(entry: list[int], *, plus: int = 0) -> int:
    """The sum of a list."""
    SEEN.append(("size", entry[0]))
    return sum(entry) + plus


@node("bytes.sizes", version=1)
def sizes(entries: Stream[list[int]], *, plus: int = 0) -> int:
    """The sum of lists."""
    found = [item.value for item in entries]
    SEEN.append(("sizes", len(found)))
    return sum(map(sum, found)) + plus


@node("bytes.against", version=1)
def against(entry: list[int], mean: int) -> int:
    """A list against the mean."""
    SEEN.append(("against", entry[0]))
    return sum(entry) - mean


@node("bytes.moody", version=1, keep=False)
def moody(number: int) -> list[int]:
    """Works once for each number; then it fails, or drops what is even."""
    if ("moody", number) in SEEN:
        if number % 2:
            raise ValueError("not again")
        raise Drop("not again")
    SEEN.append(("moody", number))
    return [number]


@node("bytes.moody_items", version=1)
def moody_items(*, values: list[int]) -> Stream[list[int]]:
    """Lists; those with an even number are given only once."""

    def make(number: int) -> list[int]:
        again = ("item", number) in SEEN
        SEEN.append(("item", number))
        if again and number % 2 == 0:
            raise Drop("not again")
        return [number]

    for number in values:
        yield Item(str(number), lambda number=number: make(number))


@node("bytes.same", version=1, keep=False)
def same(entry: list[int]) -> list[int]:
    """What it was given."""
    return entry


@node("bytes.write", version=1)
def write(number: int, ctx: Context) -> Artifact:
    """A file with a number in it."""
    SEEN.append(("write", number))
    folder = ctx.new_folder()
    (folder / "number.txt").write_text(str(number))
    return Artifact(folder, made_from={"number.txt": ["x"]})


@node("bytes.read", version=1)
def read(artifacts: Stream[Artifact], *, plus: int = 0) -> int:
    """Add up what stands in files."""
    return plus + sum(int((item.value.folder / "number.txt").read_text()) for item in artifacts)


@node("bytes.read_one", version=1)
def read_one(artifact: Artifact, *, plus: int = 0) -> int:
    """What stands in a file."""
    assert artifact.folder is not None
    return plus + int((artifact.folder / "number.txt").read_text())


@pytest.fixture(autouse=True)
def _forget():
    SEEN.clear()


def seen(name: str) -> list[object]:
    return sorted(what for who, what in SEEN if who == name)


def forget(lab) -> None:
    """Lose all bytes; the rows stay."""
    SEEN.clear()
    with Store.open(lab.store) as store:
        store.gc(max_size=0)


def in_store(lab, *values: object) -> list[bool]:
    from nodegraph.types.wire import digest, encode

    with Store.open(lab.store, read_only=True) as store:
        return [store.has(digest(encode(one))) for one in values]


NUMBERS = ("rt.numbers", {}, {"values": [1, 2, 3]})


def chain(plus: int = 0) -> dict[str, object]:
    return {
        "n": NUMBERS,
        "l": ("bytes.lean", {"number": "n"}),
        "s": ("bytes.size", {"entry": "l"}, {"plus": plus}),
    }


def test_a_node_that_keeps_nothing_leaves_no_bytes(lab, counts):
    assert lab.run(chain()).ok
    assert in_store(lab, [1, 1, 1], [2, 2, 2], [3, 3, 3]) == [False] * 3
    SEEN.clear()
    run = lab.run(chain())
    assert [counts(run, name) for name in "nls"] == ["3 cached"] * 3
    assert SEEN == []


def test_a_node_that_keeps_nothing_runs_again_where_its_bytes_are_needed(lab, counts):
    lab.run(chain())
    SEEN.clear()
    run = lab.run(chain(plus=1))
    assert counts(run, "n") == "3 cached"
    assert counts(run, "l") == "3 executed"
    assert counts(run, "s") == "3 executed"
    assert seen("lean") == [1, 2, 3]
    assert dict(run.nodes["l"].reasons) == {"bytes not in the store": 3}


def test_a_node_that_keeps_nothing_can_be_collected_and_is_then_forgotten(lab, counts):
    nodes = {
        "n": NUMBERS,
        "l": ("bytes.lean", {"number": "n"}),
        "c": ("bytes.sizes", {"entries": "l"}),
        "a": ("bytes.against", {"entry": "l", "mean": "c"}),
    }
    run = lab.run(nodes, {"a": "a"})
    assert [counts(run, name) for name in "lca"] == ["3 executed", "1 executed", "3 executed"]
    assert seen("lean") == [1, 2, 3]
    assert in_store(lab, [1, 1, 1], [2, 2, 2], [3, 3, 3]) == [False] * 3
    run = lab.run(nodes, {"a": "a"})
    assert [counts(run, name) for name in "lca"] == ["3 cached", "1 cached", "3 cached"]


def test_a_collector_of_bytes_that_are_gone_sees_all_items(lab, counts):
    nodes = {"n": NUMBERS, "l": ("bytes.lean", {"number": "n"}), "c": ("bytes.sizes", {"entries": "l"})}
    lab.run(nodes)
    SEEN.clear()
    nodes["c"] = ("bytes.sizes", {"entries": "l"}, {"plus": 1})
    run = lab.run(nodes)
    assert run.value("c") == 19
    assert seen("sizes") == [3]
    assert [counts(run, name) for name in "nlc"] == ["3 cached", "3 executed", "1 executed"]
    assert run.nodes["l"].seconds > 0


def test_the_output_of_a_graph_is_kept_whatever_its_node_keeps(lab, items):
    run = lab.run({"n": NUMBERS, "l": ("bytes.lean", {"number": "n"})}, {"l": "l"})
    assert items(run, "l") == {"1": [1, 1, 1], "2": [2, 2, 2], "3": [3, 3, 3]}


def test_bytes_that_another_node_keeps_stay(lab):
    nodes = {
        "d": ("bytes.lists", {}, {"values": [7]}),
        "i": ("bytes.same", {"entry": "d"}),
        "c": ("bytes.sizes", {"entries": "i"}),
    }
    lab.run(nodes)
    assert in_store(lab, [7, 7]) == [True]


def test_evicted_bytes_that_nobody_needs_are_not_made_again(lab, counts):
    nodes = {
        "d": ("bytes.lists", {}, {"values": [1, 2]}),
        "s": ("bytes.size", {"entry": "d"}),
        "t": ("rt.total", {"numbers": "s"}),
    }
    lab.run(nodes)
    forget(lab)
    run = lab.run(nodes, {"s": "s"})
    assert [counts(run, name) for name in "ds"] == ["2 cached", "2 cached"]
    assert SEEN == []


@pytest.mark.parametrize("jobs", [1, 8])
def test_of_evicted_bytes_only_those_are_made_again_that_are_needed(lab, counts, jobs):
    nodes = {
        "d": ("bytes.lists", {}, {"values": [1, 2]}),
        "s": ("bytes.size", {"entry": "d"}),
        "t": ("rt.total", {"numbers": "s"}),
    }
    lab.run(nodes, jobs=jobs)
    forget(lab)
    nodes["t"] = ("rt.total", {"numbers": "s"}, {"bias": 1})
    run = lab.run(nodes, jobs=jobs)
    assert run.value("t") == 7
    assert [counts(run, name) for name in "dst"] == ["2 executed", "2 executed", "1 executed"]
    assert [seen("lists"), seen("size")] == [[1, 2], [1, 2]]
    lab.evict([2, 2])
    SEEN.clear()
    nodes["s"] = ("bytes.size", {"entry": "d"}, {"plus": 5})
    run = lab.run(nodes, jobs=jobs)
    assert counts(run, "d") == "1 executed 1 cached"
    assert seen("lists") == [2]


def test_the_values_a_generator_gave_directly_are_made_again_by_running_it(lab, counts):
    nodes = {"d": ("bytes.direct", {}, {"values": [1, 2, 3]}), "s": ("bytes.size", {"entry": "d"})}
    lab.run(nodes)
    lab.evict([2, 2])
    SEEN.clear()
    nodes["s"] = ("bytes.size", {"entry": "d"}, {"plus": 5})
    run = lab.run(nodes)
    assert counts(run, "d") == "1 executed 2 cached"
    assert seen("direct") == [3]
    forget(lab)
    nodes["c"] = ("bytes.sizes", {"entries": "d"})
    run = lab.run(nodes)
    assert run.value("c") == 12
    assert counts(run, "d") == "3 executed"


def test_bytes_of_a_batch_are_made_again_one_by_one(lab, counts):
    nodes = {"n": NUMBERS, "b": ("rt.batch", {"numbers": "n"}), "t": ("rt.total", {"numbers": "b"})}
    lab.run(nodes)
    lab.evict(3)
    nodes["t"] = ("rt.total", {"numbers": "b"}, {"bias": 1})
    run = lab.run(nodes)
    assert run.value("t") == 10
    assert counts(run, "b") == "1 executed 2 cached"


@pytest.mark.parametrize("jobs", [1, 8])
def test_bytes_that_come_out_different_replace_the_row_and_what_follows_runs(lab, counts, items, jobs):
    nodes = {
        "n": NUMBERS,
        "r": ("bytes.restless", {"number": "n"}),
        "s": ("bytes.size", {"entry": "r"}),
        "o": ("bytes.size", {"entry": "r"}, {"plus": 1000}),
    }
    outputs = {"s": "s", "o": "o"}
    first = items(lab.run(nodes, outputs, jobs=jobs), "s")
    nodes["o"] = ("bytes.size", {"entry": "r"}, {"plus": 2000})
    run = lab.run(nodes, outputs, jobs=jobs)
    assert counts(run, "r") == "3 executed"
    assert counts(run, "s") == "3 executed"
    later = items(run, "s")
    assert later != first
    assert items(run, "o") == {key: found + 2000 for key, found in later.items()}
    again = lab.run(nodes, outputs, jobs=jobs)
    assert [counts(again, name) for name in "nrso"] == ["3 cached"] * 4
    assert items(again, "s") == later


@pytest.mark.parametrize("jobs", [1, 8])
def test_items_of_a_stream_that_come_out_different_replace_its_listing(lab, counts, items, jobs):
    nodes = {
        "r": ("bytes.restless_items", {}, {"values": [1, 2, 3]}),
        "s": ("bytes.size", {"entry": "r"}),
        "c": ("bytes.sizes", {"entries": "r"}),
    }
    outputs = {"s": "s", "c": "c"}
    lab.run(nodes, outputs, jobs=jobs)
    forget(lab)
    nodes["s"] = ("bytes.size", {"entry": "r"}, {"plus": 5})
    run = lab.run(nodes, outputs, jobs=jobs)
    assert run.ok
    assert run.value("c") == sum(found - 5 for found in items(run, "s").values())
    forget(lab)
    nodes["c"] = ("bytes.sizes", {"entries": "r"}, {"plus": 1})
    run = lab.run(nodes, outputs, jobs=jobs)
    assert run.value("c") == 1 + sum(found - 5 for found in items(run, "s").values())
    again = lab.run(nodes, outputs, jobs=jobs)
    assert [counts(again, name) for name in "rsc"] == ["3 cached", "3 cached", "1 cached"]


def test_a_call_that_fails_when_its_bytes_are_needed_again_fails_alone(lab, counts, items):
    nodes = {"n": NUMBERS, "m": ("bytes.moody", {"number": "n"}), "s": ("bytes.size", {"entry": "m"})}
    assert lab.run(nodes).ok
    nodes["s"] = ("bytes.size", {"entry": "m"}, {"plus": 5})
    run = lab.run(nodes, {"s": "s"})
    assert [error.item for error in run.errors] == ["1", "3"]
    assert counts(run, "m") == "1 executed 2 failed 1 dropped"
    assert counts(run, "s") == "nothing"


@pytest.mark.parametrize("collected", [False, True])
def test_an_item_that_is_dropped_when_its_bytes_are_needed_again_is_left_out(lab, counts, items, collected):
    nodes: dict[str, object] = {
        "m": ("bytes.moody_items", {}, {"values": [1, 2, 3, 4]}),
        "s": ("bytes.size", {"entry": "m"}),
    }
    if collected:
        nodes["c"] = ("bytes.sizes", {"entries": "m"})
    assert lab.run(nodes).ok
    lab.evict([1], [2], [3], [4])
    nodes["s"] = ("bytes.size", {"entry": "m"}, {"plus": 5})
    if collected:
        nodes["c"] = ("bytes.sizes", {"entries": "m"}, {"plus": 5})
    run = lab.run(nodes, {"s": "s"} | ({"c": "c"} if collected else {}))
    assert run.ok
    assert counts(run, "m") == "4 executed 2 dropped"
    assert items(run, "s") == {"1": 6, "3": 8}
    if collected:
        assert run.value("c") == 9
    again = lab.run(nodes, {"s": "s"})
    assert counts(again, "m") == "4 cached 2 dropped"


def test_a_collected_call_that_fails_when_its_bytes_are_needed_again_is_left_out(lab, counts):
    nodes = {"n": NUMBERS, "m": ("bytes.moody", {"number": "n"}), "c": ("bytes.sizes", {"entries": "m"})}
    assert lab.run(nodes).ok
    nodes["c"] = ("bytes.sizes", {"entries": "m"}, {"plus": 5})
    run = lab.run(nodes)
    assert counts(run, "m") == "1 executed 2 failed 1 dropped"
    assert run.value("c") == 5


def test_artifacts_whose_files_are_gone_are_made_again(lab, counts):
    nodes = {
        "n": NUMBERS,
        "w": ("bytes.write", {"number": "n"}),
        "r": ("bytes.read", {"artifacts": "w"}),
        "o": ("bytes.read_one", {"artifact": "w"}),
    }
    assert lab.run(nodes).value("r") == 6
    SEEN.clear()
    lose_files(lab.store)
    nodes["r"] = ("bytes.read", {"artifacts": "w"}, {"plus": 1})
    run = lab.run(nodes)
    assert run.value("r") == 7
    assert counts(run, "w") == "3 executed"
    SEEN.clear()
    lose_files(lab.store)
    nodes["o"] = ("bytes.read_one", {"artifact": "w"}, {"plus": 1})
    run = lab.run(nodes)
    assert run.ok
    assert seen("write") == [1, 2, 3]


def lose_files(store: Path) -> None:
    for path in (store / "files").rglob("*"):
        if path.is_file():
            path.unlink()


def test_bytes_evicted_along_a_long_chain_are_made_again(lab, counts):
    nodes: dict[str, object] = {"n": ("rt.numbers", {}, {"values": [100, 200, 300]})}
    for index in range(30):
        nodes[f"a{index}"] = ("rt.add", {"number": f"a{index - 1}" if index else "n"})
    lab.run(nodes | {"t": ("rt.total", {"numbers": "a29"})})
    forget(lab)
    run = lab.run(nodes | {"t": ("rt.total", {"numbers": "a29"}, {"bias": 1})})
    assert run.value("t") == 691
    assert counts(run, "a0") == "3 executed"


def test_bytes_evicted_at_three_levels_are_made_again(lab, counts, items):
    nodes = {
        "n": ("rt.numbers", {}, {"values": [2, 3]}),
        "p": ("rt.parts", {"number": "n"}),
        "q": ("rt.parts", {"number": "p"}),
        "x": ("rt.plus", {"left": "q", "right": "n"}),
        "t": ("rt.total", {"numbers": "x"}),
        "u": ("rt.total", {"numbers": "t"}),
    }
    before = items(lab.run(nodes, {"u": "u"}), "u")
    forget(lab)
    nodes["u"] = ("rt.total", {"numbers": "t"}, {"bias": 1})
    run = lab.run(nodes, {"u": "u"})
    assert items(run, "u") == {key: found + 1 for key, found in before.items()}
    assert counts(run, "q") == "4 executed"
