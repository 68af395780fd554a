"""Random graphs and edits: what is executed is what the oracle says, what comes out is as from nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, assume, given, note, reject, settings
from hypothesis import strategies as st

from nodegraph.run.closing import close_unused
from tests.memo.oracle_graphs import Dice, draw_choice, draw_state, edit
from tests.memo.oracle_states import Invalid, State
from tests.memo.oracle_world import EVERYTHING, World

EXAMPLES = os.environ.get("NODEGRAPH_EXAMPLES")


def examples(number: int) -> settings:
    """The same examples every time; `NODEGRAPH_EXAMPLES` asks for as many others."""
    return settings(
        max_examples=int(EXAMPLES or number),
        derandomize=EXAMPLES is None,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


GRAPHS = st.tuples(
    st.lists(st.binary(min_size=12, max_size=12), min_size=3, max_size=14), st.binary(max_size=16)
)
EDITS = st.lists(
    st.tuples(st.binary(min_size=14, max_size=14), st.binary(min_size=3, max_size=40)), min_size=1, max_size=6
)


@contextmanager
def place(root: Path) -> Iterator[Path]:
    """A new folder; a store in it may still write down what was used last."""
    folder = Path(tempfile.mkdtemp(dir=root))
    try:
        yield folder
    finally:
        close_unused()
        shutil.rmtree(folder, ignore_errors=True)


def told(state: State) -> str:
    """A state as a person reads it."""
    nodes = "\n".join(f"  {n.name}: {n.kind} {n.links} {n.params}" for n in state.nodes)
    rest = f"folders {state.folders} versions {state.versions} seed {state.seed} tick {state.tick}"
    return f"{nodes}\n  outputs {state.outputs}\n  {rest}"


def lose(world: World, dice: Dice) -> str:
    """Lose some bytes, or all."""
    kind = dice.pick(("none", "values", "all", "files"))
    if kind == "values":
        world.evict([one for one in sorted(world.known, key=repr) if dice.pick((True, False, False))])
    elif kind == "all":
        world.evict_all()
    elif kind == "files":
        world.remove_blobs()
    return kind


def change(states: Sequence[State], dice: Dice) -> tuple[str, State]:
    """An edit, or going back to an earlier state."""
    if dice.pick((False,) * 5 + (True,)):
        return "back", dice.pick(states)
    return edit(states[-1], dice)


def try_all(graph, edits, folder: Path, *, jobs: int = 1, losing: bool = False) -> None:
    """Run a graph, and run it again after each edit."""
    world = World(folder)
    try:
        states = [draw_state(*graph)]
        world.evaluate(states[0], EVERYTHING)
    except Invalid:
        reject()
    note(f"first:\n{told(states[0])}")
    world.run(states[0], jobs=jobs)
    for how, start in edits:
        dice = Dice(start)
        try:
            name, state = change(states, Dice(how))
            choice = draw_choice(state, dice)
            world.evaluate(state, choice)
        except Invalid:
            continue
        lost = lose(world, dice) if losing else "nothing"
        note(f"after {name!r}, lost: {lost}, {choice}:\n{told(state)}")
        states.append(state)
        world.run(state, choice, jobs=jobs)


@examples(90)
@given(GRAPHS, EDITS)
def test_run_after_any_edits_executes_what_the_oracle_says(tmp_path, graph, edits):
    with place(tmp_path) as folder:
        try_all(graph, edits, folder)


@examples(50)
@given(GRAPHS, EDITS)
def test_run_after_edits_and_lost_bytes_makes_again_only_what_is_needed(tmp_path, graph, edits):
    with place(tmp_path) as folder:
        try_all(graph, edits, folder, losing=True)


@examples(25)
@given(GRAPHS, EDITS)
def test_run_of_several_calls_at_once_comes_to_the_same(tmp_path, graph, edits):
    with place(tmp_path) as folder:
        try_all(graph, edits, folder, jobs=4, losing=True)


@settings(examples(3), max_examples=3)
@given(GRAPHS, st.binary(min_size=14, max_size=14))
def test_run_in_another_process_finds_what_this_one_left(run_cli, tmp_path, graph, how):
    with place(tmp_path) as folder:
        world = World(folder)
        try:
            before = draw_state(*graph)
            world.evaluate(before, EVERYTHING)
            name, after = edit(before, Dice(how))
            assume(name not in ("version", "tick"))
            world.evaluate(after, EVERYTHING)
        except Invalid:
            reject()
        note(f"first:\n{told(before)}\nafter {name}:\n{told(after)}")
        world.run(before)
        world.run_elsewhere(after, run_cli)
        world.run(after)
