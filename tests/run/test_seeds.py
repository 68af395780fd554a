"""Seeds: what they depend on, and what they do not."""

from __future__ import annotations

from nodegraph import Context, Item, Stream, node


@node("seeds.noise", version=1, seeded=True)
def noise(number: int, ctx: Context, *, steps: int = 12) -> list[int]:
    """The seed, the first draw, and the steps."""
    return [ctx.seed, int(ctx.rng().integers(1 << 40)), steps]


@node("seeds.root", version=1, seeded=True)
def root(ctx: Context, *, steps: int = 12) -> int:
    """The seed of a call without links."""
    return ctx.seed


@node("seeds.other", version=1, seeded=True)
def other(number: int, ctx: Context) -> list[int]:
    """The same as `noise`, under another type."""
    return [ctx.seed, 0, 0]


@node("seeds.unseeded", version=1)
def unseeded(number: int, ctx: Context) -> int:
    """Asks for a seed that it has not declared."""
    return ctx.seed


@node("seeds.generator", version=1, seeded=True)
def generator(ctx: Context, *, count: int) -> Stream[int]:
    """Draws as items."""
    rng = ctx.rng()
    for index in range(count):
        yield Item(str(index), int(rng.integers(1 << 40)))


@node("seeds.makers", version=1, seeded=True)
def makers(ctx: Context, *, count: int) -> Stream[int]:
    """The seed of the call, made per item."""
    for index in range(count):
        yield Item(str(index), lambda index=index: ctx.seed % 1000 + index)


@node("seeds.optional", version=1)
def optional(number: int) -> int | None:
    """None for 0."""
    return number or None


NUMBER = ("rt.add", {"number": "t"}, {"plus": 0})


def base(**params: object) -> dict[str, object]:
    return {
        "n": ("rt.numbers", {}, {"values": [1, 2]}),
        "x": ("seeds.noise", {"number": "n"}, params),
    }


def noises(lab, items, nodes, name: str = "x", **options: object) -> dict[str, list[int]]:
    return items(lab.run(nodes, {name: name}, **options), name)


def test_a_seed_is_63_bits_and_differs_from_item_to_item(lab, items):
    found = noises(lab, items, base())
    seeds = [entry[0] for entry in found.values()]
    assert len(set(seeds)) == 2
    assert all(0 <= seed < 1 << 63 for seed in seeds)


def test_a_changed_param_runs_the_node_and_keeps_the_noise(lab, items, counts):
    before = noises(lab, items, base(steps=12))
    run = lab.run(base(steps=25), {"x": "x"})
    after = items(run, "x")
    assert counts(run, "x") == "2 executed"
    assert {key: entry[:2] for key, entry in after.items()} == {
        key: entry[:2] for key, entry in before.items()
    }
    assert [entry[2] for entry in after.values()] == [25, 25]


def test_the_seed_of_the_graph_changes_the_noise_and_the_nodes_own_takes_its_place(lab, items, counts):
    seven = noises(lab, items, base(), seed=7)
    eight = noises(lab, items, base(), seed=8)
    assert seven != eight
    run = lab.run(base(seed=7), {"x": "x"}, seed=8)
    assert items(run, "x") == seven
    assert counts(run, "x") == "2 cached"


def test_a_linked_seed_counts_by_its_value(lab, items, counts):
    seven = noises(lab, items, base(), seed=7)
    nodes = base() | {
        "s": ("rt.numbers", {}, {"values": [3, 4]}),
        "t": ("rt.total", {"numbers": "s"}),
        "x": ("seeds.noise", {"number": "n", "seed": "t"}),
    }
    run = lab.run(nodes, {"x": "x"}, seed=99)
    assert items(run, "x") == seven
    assert counts(run, "x") == "2 cached"


def test_a_linked_seed_that_is_none_leaves_the_graphs(lab, items):
    seven = noises(lab, items, base(), seed=7)
    nodes = base() | {
        "z": ("rt.numbers", {}, {"values": [0]}),
        "t": ("rt.total", {"numbers": "z"}),
        "o": ("seeds.optional", {"number": "t"}),
        "x": ("seeds.noise", {"number": "n", "seed": "o"}),
    }
    assert noises(lab, items, nodes, seed=7) == seven


def test_a_linked_seed_whose_bytes_are_gone_is_made_again(lab, items):
    nodes = base() | {
        "t": ("rt.total", {"numbers": "n"}),
        "x": ("seeds.noise", {"number": "n", "seed": "t"}),
    }
    before = noises(lab, items, nodes)
    lab.evict(3)
    nodes["x"] = ("seeds.noise", {"number": "n", "seed": "t"}, {"steps": 9})
    after = noises(lab, items, nodes)
    assert [entry[0] for entry in after.values()] == [entry[0] for entry in before.values()]


def test_two_nodes_of_one_type_with_equal_inputs_get_equal_noise_and_two_types_do_not(lab, items):
    nodes = base() | {
        "y": ("seeds.noise", {"number": "n"}, {"steps": 3}),
        "z": ("seeds.other", {"number": "n"}),
    }
    run = lab.run(nodes, {"x": "x", "y": "y", "z": "z"})
    seeds = {name: [entry[0] for entry in items(run, name).values()] for name in "xyz"}
    assert seeds["x"] == seeds["y"]
    assert set(seeds["x"]).isdisjoint(seeds["z"])


def test_copies_of_an_item_get_noise_of_their_own(lab, items):
    nodes = base() | {
        "r": ("stream.repeat", {"item": "n"}, {"times": 3}),
        "y": ("seeds.noise", {"number": "r"}),
    }
    found = noises(lab, items, nodes, "y")
    assert list(found) == ["1/0", "1/1", "1/2", "2/0", "2/1", "2/2"]
    assert len({entry[0] for entry in found.values()}) == 6


def test_a_node_that_is_not_declared_seeded_fails_when_it_asks_for_a_seed(lab):
    run = lab.run({"n": ("rt.numbers", {}, {"values": [1]}), "x": ("seeds.unseeded", {"number": "n"})})
    assert run.errors[0].error == "RuntimeError"
    assert (
        run.errors[0].message
        == "ctx.seed needs @node(..., seeded=True): only then is the seed part of the key"
    )


def test_a_node_without_links_takes_its_seed_from_the_graph(lab):
    first = lab.run({"x": ("seeds.root", {})}, seed=1).value("x")
    assert lab.run({"x": ("seeds.root", {}, {"steps": 3})}, seed=1).value("x") == first
    assert lab.run({"x": ("seeds.root", {})}, seed=2).value("x") != first


def test_a_seeded_generator_is_listed_anew_for_another_seed(lab, items, counts):
    nodes = {"g": ("seeds.generator", {}, {"count": 3}), "m": ("seeds.makers", {}, {"count": 3})}
    outputs = {"g": "g", "m": "m"}
    run = lab.run(nodes, outputs, seed=1)
    first = items(run, "g"), items(run, "m")
    run = lab.run(nodes, outputs, seed=2)
    assert items(run, "g") != first[0]
    assert [counts(run, name) for name in "gm"] == ["3 executed", "3 executed"]
    run = lab.run(nodes, outputs, seed=1)
    assert (items(run, "g"), items(run, "m")) == first
    assert [counts(run, name) for name in "gm"] == ["3 cached", "3 cached"]
