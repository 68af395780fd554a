"""Runs killed at random moments: nothing wrong is served, and what was reported done is not done again."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MOMENTS = 200
AT_ONCE = 2
"""So many runs are killed at the same time, each in a folder of its own: half of a run is waiting."""
MOST_IN_A_ROW = 5
LATE_MOMENTS = 4
CHEAP_CALLS = 2500
NOTED_BYTES = 80
"""About what a cheap call notes."""
POINTS = 24
STREAMS = ("cheap", "brief", "follow", "slow", "large", "sum")


def nodes(items: int, pause: float) -> dict[str, Any]:
    """Cheap calls first, of which only a timer commits anything, then slow ones beside large ones."""
    return {
        "count": ("count", {}, {"n": items}),
        "cheap": ("cheap", {"number": "count"}, {"pause": pause}),
        "total": ("total", {"numbers": "cheap"}, {}),
        "spread": ("spread", {"base": "total"}, {"n": 6}),
        "brief": ("brief", {"number": "spread"}, {}),
        "follow": ("follow", {"number": "brief"}, {}),
        "slow": ("slow", {"number": "spread"}, {}),
        "large": ("large", {"number": "spread"}, {}),
        "sum": ("sum", {"grid": "large"}, {}),
        "written": ("written", {"numbers": "follow", "sums": "sum"}, {}),
    }


OUTPUTS = {"written": "written", "slow": "slow", "total": "total"}

GROUP_MS = 100
"""Within this time a cheap call is committed."""
SLACK_MS = 100
"""What the machine may take to let the committing thread run, on top."""
STARVED_MS = 20
"""A process that had less CPU time than this since a call ended was not given the chance to commit it."""


@dataclass(frozen=True)
class Undisturbed:
    """A graph, and a run of it that nothing disturbed."""

    graph: Path
    result: Mapping[str, Any]
    published: Mapping[str, bytes]
    seconds: float

    @classmethod
    def of(cls, site, items: int, pause: float) -> Undisturbed:
        """Run the graph with so many cheap calls, each of which pauses for so many seconds."""
        graph = site.graph(nodes(items, pause), OUTPUTS)
        begun = time.monotonic()
        ended = site.run("observed", graph, site.store, *STREAMS)
        seconds = time.monotonic() - begun
        assert ended.exit == 0, ended.stderr
        return cls(graph, ended.json, site.published(), seconds)


@dataclass
class Losses:
    """Calls that were executed again after a process was killed that had ended them.

    Attributes:
        reported: calls of 5 ms or more among them that had been reported done.
        overdue: cheaper ones that should have been committed long before.
        worst_ms: the oldest of the cheaper ones when its process was killed, on the wall clock.
    """

    reported: list[str] = field(default_factory=list)
    overdue: list[str] = field(default_factory=list)
    worst_ms: float = 0.0

    def count(self, notes: Sequence[Any], process: int, killed: int, cpu: int) -> None:
        """Take in one killed process: when it was killed on the wall clock, and its CPU time in all."""
        own = [note for note in notes if note.process == process]
        last = notes.index(own[-1]) if own else 0
        begun_later = {note.call for note in notes[last:] if note.what == "began" and note.process != process}
        begun = {note.call for note in own if note.what == "began"}
        for note in own:
            if note.what == "reported":
                self.reported += {note.call} & begun_later
            elif note.what == "began" and note.call.startswith("follow/"):
                self.reported += {f"brief/{note.call.partition('/')[2]}"} & begun_later & begun
            elif note.what == "ended" and note.call in begun_later and note.call.startswith("cheap/"):
                age = (killed - note.wall) / 1e6
                self.worst_ms = max(self.worst_ms, age)
                if age > GROUP_MS + SLACK_MS and (cpu - note.cpu) / 1e6 > STARVED_MS:
                    self.overdue.append(f"{note.call}, {age:.0f} ms before the kill")


def assert_as_undisturbed(ended, site, undisturbed) -> None:
    assert ended.exit == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.json == undisturbed.result
    assert site.published() == undisturbed.published
    assert list((site.store / "tmp").glob("*")) == []


def kill_again_and_again(site, undisturbed, chance: random.Random) -> tuple[Losses, int]:
    """Run the graph until it gets to its end, killing it at random moments; what was lost, and the kills."""
    losses = Losses()
    moments: list[tuple[int, int, int]] = []
    while True:
        process = site.start("verified", undisturbed.graph, site.store, *STREAMS)
        moment = chance.uniform(0.0, undisturbed.seconds)
        if len(moments) == MOST_IN_A_ROW or process.ends_within(moment):
            break
        now = time.monotonic_ns()
        process.kill()
        moments.append((process.pid, now, process.wait().cpu_ns))
    assert_as_undisturbed(process.wait(), site, undisturbed)
    notes = site.notes()
    for moment in moments:
        losses.count(notes, *moment)
    shutil.rmtree(site.folder)
    return losses, len(moments)


def test_after_kills_at_random_moments_nothing_is_wrong_and_nothing_finished_is_lost(site, sites):
    """Runs are killed, and those that resume them; whatever gets to the end is as if nothing had happened."""
    undisturbed = Undisturbed.of(site, 250, 0.0004)

    def kill_a_share(seed: int) -> list[tuple[Losses, int]]:
        chance = random.Random(seed)
        killed: list[tuple[Losses, int]] = []
        while sum(kills for _, kills in killed) < MOMENTS // AT_ONCE:
            killed.append(kill_again_and_again(sites(), undisturbed, chance))
        return killed

    with ThreadPoolExecutor(AT_ONCE) as threads:
        shares = threads.map(kill_a_share, range(AT_ONCE))
    killed = [chain for share in shares for chain in share]
    kills, worst = sum(kills for _, kills in killed), max(losses.worst_ms for losses, _ in killed)
    print(f"{kills} kills; the oldest cheap call lost had ended {worst:.0f} ms before")
    assert [losses.reported for losses, _ in killed if losses.reported] == []
    assert [losses.overdue for losses, _ in killed if losses.overdue] == []


def test_after_kills_late_among_cheap_calls_only_the_last_of_them_are_lost(site, sites):
    undisturbed = Undisturbed.of(site, CHEAP_CALLS, 0.0)
    chance = random.Random(21)
    losses = Losses()
    for _ in range(LATE_MOMENTS):
        own = sites()
        process = own.start("observed", undisturbed.graph, own.store)
        calls = chance.randrange(CHEAP_CALLS // 4, CHEAP_CALLS)
        while own.noted_bytes() < calls * NOTED_BYTES and not process.ends_within(0.002):
            pass
        now = time.monotonic_ns()
        process.kill()
        cpu = process.wait().cpu_ns
        assert_as_undisturbed(own.run("verified", undisturbed.graph, own.store, *STREAMS), own, undisturbed)
        losses.count(own.notes(), process.pid, now, cpu)
    print(f"{LATE_MOMENTS} late kills; the oldest call lost had ended {losses.worst_ms:.0f} ms before")
    assert losses.overdue == []


def test_after_kills_between_steps_of_the_store_nothing_is_wrong_and_nothing_reported_is_lost(site, sites):
    undisturbed = Undisturbed.of(site, 30, 0.0)
    first = sites()
    steps = int(first.run("killed_at", "0", undisturbed.graph, first.store).stdout)
    chance = random.Random(30)
    losses = Losses()
    for number in range(POINTS):
        own = sites()
        point = chance.randrange(steps * number // POINTS, steps * (number + 1) // POINTS) + 1
        process = own.start("killed_at", str(point), undisturbed.graph, own.store)
        process.wait()
        again = own.run("verified", undisturbed.graph, own.store, *STREAMS)
        assert_as_undisturbed(again, own, undisturbed)
        losses.count(own.notes(), process.pid, 0, 0)
    assert losses.reported == []
