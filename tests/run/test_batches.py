"""Batches: sizes, memo per item, drops in place, bad items, seeds per item, shared inputs."""

from __future__ import annotations

import threading

import pytest

from nodegraph import Batch, Context, Drop, Item, Stream, node
from nodegraph.run import pool

SEEN: list[object] = []
RAN = threading.Event()


@node("batches.noise", version=1, seeded=True)
def noise(numbers: Batch[int], ctx: Context, *, scale: int = 1) -> Batch[int]:
    """A number per item that only its seed decides."""
    SEEN.append(len(numbers))
    assert len(ctx.rngs()) == len(numbers)
    return [scale * (seed % 1_000_003) for seed in ctx.seeds]


@node("batches.single", version=1, seeded=True)
def single(number: int, ctx: Context) -> int:
    """The seed of a call of its own."""
    return ctx.seed % 1_000_003


@node("batches.short", version=1)
def short(numbers: Batch[int], *, count: int) -> Batch[int]:
    """As many results as it is told."""
    return [0] * count


@node("batches.not_a_list", version=1)
def not_a_list(numbers: Batch[int]) -> Batch[int]:
    """No list at all."""
    return 3  # type: ignore[return-value]


@node("batches.mixed", version=1)
def mixed(numbers: Batch[int]) -> Batch[int]:
    """A wrong result in the place of even numbers."""
    return [number if number % 2 else "even" for number in numbers]  # type: ignore[misc]


@node("batches.raising_drop", version=1)
def raising_drop(numbers: Batch[int]) -> Batch[int]:
    """Raises Drop for the whole batch if there is a 3 in it."""
    if 3 in numbers:
        raise Drop("a three")
    return numbers


@node("batches.shared", version=1)
def shared(numbers: Batch[int], others: Batch[int], base: int, *, factors: list[int]) -> Batch[int]:
    """All kinds of inputs."""
    SEEN.append((list(numbers), list(others), base, factors))
    return [base + factors[0] * number + other for number, other in zip(numbers, others, strict=True)]


@node("batches.greedy", version=1)
def greedy(lists: Batch[list[int]]) -> Batch[int]:
    """Changes the lists it is given, and fails for those with a 5 at first."""
    bad = any(5 in entry for entry in lists)
    found = [sum(entry) for entry in lists]
    for entry in lists:
        entry.append(1000)
    if bad:
        raise ValueError("a five")
    return found


@node("batches.lists", version=1)
def lists(*, values: list[int]) -> Stream[list[int]]:
    """Each value in a list of its own."""
    for value in values:
        yield Item(str(value), [value])


@node("batches.wait", version=1)
def wait() -> bool:
    """Whether a batch has been run within ten seconds."""
    return RAN.wait(10)


@node("batches.signal", version=1)
def signal(numbers: Batch[int]) -> Batch[int]:
    """Tells that it has been run."""
    RAN.set()
    return numbers


@pytest.fixture(autouse=True)
def _forget():
    SEEN.clear()
    RAN.clear()


def numbers(*values: int) -> tuple[str, dict[str, str], dict[str, list[int]]]:
    return ("rt.numbers", {}, {"values": list(values)})


def nodes_with(values: range | list[int], **params: object) -> dict[str, object]:
    return {"n": numbers(*values), "b": ("rt.batch", {"numbers": "n"}, params)}


@pytest.mark.parametrize("jobs", [1, 2, 8])
def test_a_stream_is_cut_into_batches_of_bounded_size(lab, counts, items, jobs):
    run = lab.run(nodes_with(range(100)), {"b": "b"}, jobs=jobs)
    assert items(run, "b") == {str(value): value + 1 for value in range(100)}
    sizes = [len(batch) for batch in lab.called_with("batch")]
    assert sum(sizes) == 100
    assert max(sizes) == 16
    assert counts(run, "b") == "100 executed"


def test_one_job_fills_every_batch_but_the_last(lab):
    lab.run(nodes_with(range(40)), jobs=1)
    assert sorted(len(batch) for batch in lab.called_with("batch")) == [8, 16, 16]


def test_a_batch_sees_only_the_items_that_are_new(lab, counts):
    lab.run(nodes_with(range(20)))
    run = lab.run(nodes_with([*range(20), 77]))
    assert lab.called_with("batch") == [[77]]
    assert counts(run, "b") == "1 executed 20 cached"


def test_an_item_is_dropped_in_its_place(lab, counts, items):
    run = lab.run(nodes_with(range(6), dropped=[1, 4]), {"b": "b"})
    assert run.ok
    assert items(run, "b") == {"0": 1, "2": 3, "3": 4, "5": 6}
    assert counts(run, "b") == "6 executed 2 dropped"
    assert counts(lab.run(nodes_with(range(6), dropped=[1, 4])), "b") == "6 cached 2 dropped"


def test_a_bad_item_in_a_batch_of_sixteen_fails_alone(lab, counts, items):
    run = lab.run(nodes_with(range(16), bad=[7], dropped=[3]), {"b": "b"}, jobs=1)
    assert items(run, "b") == {str(value): value + 1 for value in range(16) if value not in (3, 7)}
    assert counts(run, "b") == "15 executed 1 failed 1 dropped"
    assert [(error.item, error.message) for error in run.errors] == [("7", "7 is bad")]
    assert sorted(len(batch) for batch in lab.called_with("batch")) == [1] * 16 + [16]


@pytest.mark.parametrize("count", [0, 3, 5])
def test_a_list_of_another_length_is_refused(lab, counts, count):
    run = lab.run(
        {"n": numbers(1, 2, 3, 4), "b": ("batches.short", {"numbers": "n"}, {"count": count})}, jobs=1
    )
    assert counts(run, "b") == "4 failed"
    assert {error.error for error in run.errors} == {"WrongResult"}
    assert run.errors[0].message == f"batches.short got 1 items and returned {count} results"


def test_a_result_that_is_no_list_is_refused(lab):
    run = lab.run({"n": numbers(1), "b": ("batches.not_a_list", {"numbers": "n"})})
    assert (
        run.errors[0].message
        == "batches.not_a_list must return a list, one result per item; it returned 3 (int)"
    )


def test_a_result_of_another_type_fails_its_item_alone(lab, items, counts):
    run = lab.run({"n": numbers(1, 2, 3, 4), "b": ("batches.mixed", {"numbers": "n"})}, {"b": "b"})
    assert items(run, "b") == {"1": 1, "3": 3}
    assert counts(run, "b") == "2 executed 2 failed"
    assert run.errors[0].message == "batches.mixed returned 'even' (str) as 'out'; it declares int"


def test_a_batch_that_raises_drop_drops_only_the_item_that_is_to_blame(lab, items, counts):
    run = lab.run({"n": numbers(1, 2, 3, 4), "b": ("batches.raising_drop", {"numbers": "n"})}, {"b": "b"})
    assert items(run, "b") == {"1": 1, "2": 2, "4": 4}
    assert counts(run, "b") == "4 executed 1 dropped"
    assert run.ok


def test_the_seed_of_an_item_does_not_depend_on_its_company(lab, items):
    def noises(*values: int, **options: object) -> dict[str, int]:
        nodes = {"n": numbers(*values), "b": ("batches.noise", {"numbers": "n"})}
        return items(lab.run(nodes, {"b": "b"}, force=["b"], **options), "b")

    together = noises(*range(10), jobs=1)
    assert len(set(together.values())) == 10
    assert noises(3, 5) == {key: together[key] for key in ("3", "5")}


def test_the_key_of_an_item_is_that_of_a_batch_of_one(lab, counts):
    nodes = nodes_with([4])
    lab.run(nodes)
    assert counts(lab.run(nodes_with(range(8))), "b") == "7 executed 1 cached"


def test_shared_inputs_are_the_same_for_all_items(lab, items):
    nodes = {
        "n": numbers(1, 2, 3),
        "a": ("rt.add", {"number": "n"}, {"plus": 10}),
        "t": ("rt.total", {"numbers": "n"}),
        "b": ("batches.shared", {"numbers": "n", "others": "a", "base": "t"}, {"factors": [2]}),
    }
    run = lab.run(nodes, {"b": "b"}, jobs=1)
    assert SEEN == [([3, 2, 1], [13, 12, 11], 6, [2])] or SEEN == [([1, 2, 3], [11, 12, 13], 6, [2])]
    assert items(run, "b") == {"1": 19, "2": 22, "3": 25}


def test_a_shallower_batch_input_is_repeated_for_deeper_items(lab, items):
    nodes = {
        "n": numbers(2, 3),
        "p": ("rt.parts", {"number": "n"}),
        "t": ("rt.total", {"numbers": "n"}),
        "b": ("batches.shared", {"numbers": "p", "others": "n", "base": "t"}, {"factors": [1]}),
    }
    run = lab.run(nodes, {"b": "b"})
    assert items(run, "b") == {"2/p0": 27, "2/p1": 28, "3/p0": 38, "3/p1": 39, "3/p2": 40}


def test_a_batch_of_a_plain_value_is_called_once(lab, counts):
    nodes = {"n": numbers(1, 2), "t": ("rt.total", {"numbers": "n"}), "b": ("rt.batch", {"numbers": "t"})}
    run = lab.run(nodes)
    assert run.value("b") == 4
    assert lab.called_with("batch") == [[3]]


def test_the_retry_of_a_batch_gets_its_values_unchanged(lab, items):
    nodes = {"n": ("batches.lists", {}, {"values": [1, 5, 7]}), "b": ("batches.greedy", {"lists": "n"})}
    run = lab.run(nodes, {"b": "b"})
    assert items(run, "b") == {"1": 1, "7": 7}


def test_equal_items_of_a_batch_come_to_the_same(lab, items, counts):
    nodes = {
        "n": ("rt.given", {}, {"items": {"a": 1, "b": 1, "c": 1, "d": 2}}),
        "b": ("rt.batch", {"numbers": "n"}),
    }
    run = lab.run(nodes, {"b": "b"}, jobs=1)
    assert items(run, "b") == {"a": 2, "b": 2, "c": 2, "d": 3}
    assert counts(run, "b") == "2 executed 2 cached"


def test_seeds_of_single_calls_and_of_batches_vary_with_the_item(lab, items):
    nodes = {"n": ("rt.given", {}, {"items": {"a": 1, "b": 1}}), "s": ("batches.single", {"number": "n"})}
    run = lab.run(nodes, {"s": "s"})
    assert len(set(items(run, "s").values())) == 2


def test_small_batches_run_even_if_they_never_fill(lab, items, monkeypatch):
    monkeypatch.setattr(pool, "BATCH_SIZE", 1000)
    run = lab.run(nodes_with(range(300)), {"b": "b"})
    assert len(items(run, "b")) == 300


def test_a_batch_that_can_grow_no_more_does_not_wait_for_other_nodes(lab):
    nodes = {"w": ("batches.wait", {}), "n": numbers(1, 2), "b": ("batches.signal", {"numbers": "n"})}
    assert lab.run(nodes, jobs=2).value("w") is True
