"""Random graphs and random edits of them, drawn from bytes, so that hypothesis can make them small."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tests.memo.oracle_nodes import KINDS
from tests.memo.oracle_states import Choice, Invalid, Node, State, layout

T = TypeVar("T")

ITEM_NAMES = ("a", "b", "c", "d", "e", "f")
_SOURCES = ("folder", "const", "listed", "given")
_FOLDERS = ("one", "one", "two")
_OFTEN = ("param", "param", "file", "file", "file", "rewire", "version")
_OFTEN_NONE = (-1, -1, -1, -1, 0, 1, 2, 3)
_MAPPED = tuple(kind for kind in KINDS if kind not in _SOURCES)
# Kinds that most graphs should have, so that other shapes come up in proportion.
_COMMON = ("step", "step", "lossy", "total", "fan", "lean", "sub")
_READERS = {"vec": "norm", "list": "pick", "text": "size"}


class Dice:
    """Makes choices from bytes; runs out into first choices."""

    def __init__(self, drawn: bytes) -> None:
        self._drawn = iter(drawn)

    def pick(self, options: Sequence[T]) -> T:
        return options[next(self._drawn, 0) % len(options)]


def params_of(kind: str, dice: Dice) -> dict[str, Any]:
    """Random params of a node."""
    none = {"fault": dice.pick(_OFTEN_NONE), "drop": dice.pick(_OFTEN_NONE)}
    often = {"by": dice.pick(("made", "given")), "refuse": dice.pick(_OFTEN_NONE)} | none
    numbers = [dice.pick(range(10)) for _ in range(dice.pick(range(5)))]
    made: dict[str, Callable[[], dict[str, Any]]] = {
        "const": lambda: {"number": dice.pick(range(12))},
        "step": lambda: {"plus": dice.pick(range(4))} | none,
        "lean": lambda: {"plus": dice.pick(range(4))} | none,
        "batch": lambda: {"plus": dice.pick(range(4))} | none,
        "sub": lambda: none,
        "lossy": lambda: {"by": dice.pick((1, 2, 3, 10))},
        "split": lambda: {"by": dice.pick((2, 3))},
        "text": lambda: {"width": dice.pick((2, 3, 5))},
        "vec": lambda: {"count": dice.pick((1, 2, 2000))},
        "pick": lambda: {"at": dice.pick((0, 1))},
        "noise": lambda: {"strength": dice.pick((2, 3, 100))} | dice.pick(({}, {"seed": 1}, {"seed": 2})),
        "folder": lambda: (
            {"root": dice.pick(_FOLDERS), "by": dice.pick(("reads", "uses", "given"))}
            | none
            | {"stop": dice.pick((-1, -1, -1, -1, 2)), "turned": dice.pick((False, True))}
        ),
        "listed": lambda: {"numbers": numbers} | none | {"stop": dice.pick((-1, -1, -1, -1, 2))},
        "given": lambda: {"numbers": numbers},
        "total": lambda: {"by": dice.pick((1, 3, 10))} | none,
        "pair": lambda: {"by": dice.pick((1, 3, 10))},
        "deep": lambda: {"by": dice.pick((1, 3, 10))},
        "concat": lambda: {"prefix": True},
        "take": lambda: {"count": dice.pick((1, 2, 3)), "skip": dice.pick((0, 1))},
        "repeat": lambda: {"times": dice.pick((0, 1, 2, 3))},
    }
    for fan in ("fan", "refan", "leanfan"):
        made[fan] = lambda: often | {"stop": dice.pick(_OFTEN_NONE)}
    return made[kind]() if kind in made else {}


def linked(kind: str, name: str, nodes: Sequence[Node], dice: Dice) -> Node | None:
    """A node of a kind with links into the graph, None where they do not fit."""
    links: dict[str, tuple[str, str]] = {}
    places = layout(nodes)
    for input_, (type_, takes) in KINDS[kind].inputs.items():
        fits = [
            (node.name, output)
            for node in reversed(nodes)
            for output, its in node.type.outputs.items()
            if its == type_ and len(places[node.name].chain) >= takes
        ]
        if input_ in KINDS[kind].optional and dice.pick((False, True)):
            continue
        if not fits:
            return None
        links[input_] = dice.pick(fits)
    made = Node(name, kind, links, params_of(kind, dice))
    try:
        layout([*nodes, made])
    except Invalid:
        return None
    return made


def draw_node(name: str, nodes: Sequence[Node], dice: Dice) -> Node | None:
    """A random node after others."""
    there = {type_ for node in nodes for type_ in node.type.outputs.values()}
    readers = [reader for type_, reader in _READERS.items() if type_ in there]
    kinds = (*_COMMON, *_MAPPED, *_SOURCES, *readers * 4) if nodes else _SOURCES
    return linked(dice.pick(kinds), name, nodes, dice)


def draw_state(nodes: Sequence[bytes], rest: bytes) -> State:
    """A random graph over two folders."""
    dice = Dice(rest)
    folders = {
        name: {item: dice.pick(range(10)) for item in ITEM_NAMES[: dice.pick((2, 1, 0, 3, 4))]}
        for name in ("one", "two")
    }
    made: list[Node] = []
    for drawn in nodes:
        node = draw_node(f"n{len(made)}", made, Dice(drawn))
        if node is not None:
            made.append(node)
    if not made:
        raise Invalid("no node")
    state = State(made, 0, folders, {"step": 1, "lossy": 1, "total": 1, "listed": 1}, 0, [])
    state.outputs = draw_outputs(state, dice)
    return state


def draw_outputs(state: State, dice: Dice) -> list[tuple[str, str]]:
    """What a graph gives: nothing said, what nothing reads, all, or one."""
    every = [(node.name, output) for node in state.nodes for output in node.type.outputs]
    read = {source for node in state.nodes for source, _ in node.links.values()}
    last = [output for output in every if output[0] not in read]
    return dice.pick((last, [], every, [dice.pick(every)]))


def draw_choice(state: State, dice: Dice) -> Choice:
    """How a run is started; mostly as it is."""
    names = [node.name for node in state.nodes]
    kind = dice.pick(("all", "all", "all", "all", "target", "force", "limit", "items"))
    if kind == "target":
        return Choice(targets=(dice.pick(names),))
    if kind == "force":
        return Choice(force=(dice.pick(names),))
    if kind == "limit":
        return Choice(limit=dice.pick((1, 2)))
    return Choice(items=dice.pick(("a", "[a-b]", "i*", "*1"))) if kind == "items" else Choice()


def edit(state: State, dice: Dice) -> tuple[str, State]:
    """A random edit: its name, and what the graph and the world are afterwards.

    Raises:
        Invalid: if it does not fit.
    """
    changed = copy.deepcopy(state)
    name = dice.pick((*_EDITS, *_OFTEN))
    _EDITS[name](changed, dice)
    layout(changed.nodes)
    names = {node.name for node in changed.nodes}
    changed.outputs = [output for output in changed.outputs if output[0] in names]
    return name, changed


def _param(state: State, dice: Dice) -> None:
    node = dice.pick(state.nodes)
    node.params = {**node.params, **params_of(node.kind, dice)}


def _file(state: State, dice: Dice) -> None:
    folder = state.folders[dice.pick(_FOLDERS)]
    folder[dice.pick(ITEM_NAMES)] = dice.pick(range(10))


def _remove_file(state: State, dice: Dice) -> None:
    folder = state.folders[dice.pick(_FOLDERS)]
    if folder:
        del folder[dice.pick(sorted(folder))]


def _version(state: State, dice: Dice) -> None:
    state.versions[dice.pick(sorted(state.versions))] = dice.pick((2, 3, 1))


def _rewire(state: State, dice: Dice) -> None:
    place = dice.pick(range(len(state.nodes)))
    node = state.nodes[place]
    made = linked(node.kind, node.name, state.nodes[:place], dice)
    if made is None:
        raise Invalid("no other link fits")
    node.links = made.links


def _add(state: State, dice: Dice) -> None:
    free = next(name for index in range(99) if (name := f"n{index}") not in {n.name for n in state.nodes})
    made = draw_node(free, state.nodes, dice)
    if made is None:
        raise Invalid("the node does not fit")
    state.nodes.append(made)


def _remove(state: State, dice: Dice) -> None:
    read = {source for node in state.nodes for source, _ in node.links.values()}
    free = [node for node in state.nodes if node.name not in read]
    if len(state.nodes) == 1:
        raise Invalid("the last node")
    state.nodes.remove(dice.pick(free))


def _rename(state: State, dice: Dice) -> None:
    before = dice.pick(state.nodes).name
    after = f"{before}x"
    if any(node.name == after for node in state.nodes):
        raise Invalid("the name is taken")
    for node in state.nodes:
        node.name = after if node.name == before else node.name
        node.links = {n: (after if s == before else s, o) for n, (s, o) in node.links.items()}
    state.outputs = [(after if name == before else name, output) for name, output in state.outputs]


def _reorder(state: State, dice: Dice) -> None:
    """The nodes in another order, in which each still comes after what it reads."""
    waiting, done = list(state.nodes), list[Node]()
    while waiting:
        names = {node.name for node in done}
        ready = [node for node in waiting if all(source in names for source, _ in node.links.values())]
        done.append(dice.pick(ready[::-1]))
        waiting.remove(done[-1])
    state.nodes = done


def _seed(state: State, dice: Dice) -> None:
    state.seed = dice.pick((1, 2, 0))


def _tick(state: State, dice: Dice) -> None:
    state.tick += dice.pick((1, 10))


def _outputs(state: State, dice: Dice) -> None:
    state.outputs = draw_outputs(state, dice)


def _nothing(state: State, dice: Dice) -> None:
    """The graph as it is."""


_EDITS: dict[str, Callable[[State, Dice], None]] = {
    "nothing": _nothing,
    "param": _param,
    "file": _file,
    "remove file": _remove_file,
    "version": _version,
    "rewire": _rewire,
    "add": _add,
    "remove": _remove,
    "rename": _rename,
    "reorder": _reorder,
    "seed": _seed,
    "tick": _tick,
    "outputs": _outputs,
}
