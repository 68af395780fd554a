"""The progress of a run on stderr: a bar per node in a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING

from nodegraph.events import (
    CallCached,
    CallDone,
    CallDropped,
    CallFailed,
    CallProgress,
    CallStarted,
    Event,
    NodeAdvance,
    NodeFinished,
    NodesAdvanced,
    Output,
    RunStarted,
)
from nodegraph.show.wording import counted, printable, seconds_text

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from nodegraph.cli.terminal import Terminal

_REFRESHES_PER_SECOND = 8
_PLAIN_SECONDS = 10.0
_BAR = 24


@dataclass(slots=True)
class NodeProgress:
    """What is known of one node so far.

    Attributes:
        total: calls in all, None while its source has not ended.
        inside: the running calls by item, each with the part of it that is done, 0 to 1.
        open: calls that began, less those that have ended by the counts.
        since: when it began to work, in seconds since the run started.
    """

    executed: int = 0
    cached: int = 0
    failed: int = 0
    skipped: int = 0
    dropped: int = 0
    total: int | None = None
    finished: bool = False
    inside: dict[str, float] = field(default_factory=dict[str, float])
    open: int = 0
    since: float | None = None

    def begin(self, item: str, time: float) -> None:
        """Take in that a call runs, perhaps once more: alone, after its batch failed."""
        self.open += item not in self.inside
        self.inside[item] = 0.0
        self.since = time if self.since is None else self.since

    def advance(self, now: NodeAdvance, time: float) -> None:
        """Take in the counts so far."""
        before = self.executed + self.failed
        _, self.executed, self.cached, self.failed, self.skipped, self.dropped, self.total = now
        if self.executed and self.since is None:
            self.since = time
        # Of calls that take a few milliseconds the end is told by these counts only, not which one's it is.
        self.open = max(0, self.open - max(0, self.executed + self.failed - before))
        if self.open == 0 or self.settled == self.total:
            self.rest()

    def rest(self) -> None:
        """Take in that no call runs."""
        self.inside.clear()
        self.open = 0

    @property
    def settled(self) -> int:
        """Calls that need no more work."""
        return self.executed + self.cached + self.failed + self.skipped

    @property
    def done(self) -> float:
        """Calls that need no more work, and the parts that are done of those that are running."""
        return self.settled + sum(self.inside.values())

    def rate(self, now: float) -> float | None:
        """Calls that ran per second since the first one began; None before any part of one is done."""
        worked = self.executed + sum(self.inside.values())
        if self.since is None or worked == 0 or now <= self.since:
            return None
        return worked / (now - self.since)

    def seconds_left(self, now: float) -> float | None:
        """How long the rest takes at the rate so far, None while that is unknown."""
        rate = self.rate(now)
        return None if rate is None or self.total is None else max(0.0, self.total - self.done) / rate


class Tally:
    """The progress of every node, kept up from a run's events. Not thread-safe by itself."""

    def __init__(self) -> None:
        self.nodes: dict[str, NodeProgress] = {}
        self.now = 0.0

    def add(self, event: Event) -> None:
        """Take in an event."""
        self.now = max(self.now, event.time)
        if isinstance(event, RunStarted):
            self.nodes = {name: NodeProgress() for name, _ in event.nodes}
            return
        if isinstance(event, NodesAdvanced):
            for advance in event.nodes:
                self.nodes[advance.node].advance(advance, event.time)
            return
        node = self.nodes.get(getattr(event, "node", ""))
        if node is not None:
            _take_in(node, event)


def _take_in(node: NodeProgress, event: Event) -> None:
    match event:
        case CallStarted(item=item):
            node.begin(item, event.time)
        case CallProgress(item=item, done=done, total=total) if total and item in node.inside:
            node.inside[item] = min(1.0, done / total)
        case CallDone(item=item) | CallFailed(item=item) | CallDropped(item=item):
            node.inside.pop(item, None)
        case CallCached(item=item) if item in node.inside:
            # It began so that it could be told what it would give, such as which model a node names.
            del node.inside[item]
            node.open -= 1
        case NodeFinished():
            counts = event.executed, event.cached, event.failed, event.skipped, event.dropped
            node.advance(NodeAdvance(event.node, *counts, event.items), event.time)
            node.finished = True
            node.rest()
        case _:
            pass


class Progress:
    """Consumes the events of a run and shows them; a context manager, safe to call from any thread.

    Args:
        terminal: with `quiet` nothing is shown.

    Attributes:
        is_live: bars are drawn, so totals are worth counting ahead.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._tally = Tally()
        self._lock = threading.Lock()
        self._begun = time.monotonic()
        self._close: Callable[[], None] | None = None
        self._print: Callable[[str], None] = terminal.say
        self.is_live = not terminal.quiet and sys.stderr.isatty()
        self._over = threading.Event()

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        with self._lock:
            self._tally.add(event)
        if isinstance(event, Output):
            self._print(f"{event.node} {event.item}".rstrip() + f": {printable(event.text.rstrip())}")

    def __enter__(self) -> Progress:
        if self.is_live:
            self._open_live()
        elif not self._terminal.quiet:
            self._open_plain()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._close is not None:
            self._close()
            self._print = self._terminal.say

    def line(self) -> str:
        """Where the run stands, in one line."""
        with self._lock:
            now = self._now()
            nodes = self._tally.nodes
            settled = sum(node.settled for node in nodes.values())
            failed = sum(node.failed for node in nodes.values())
            running = [name for name, node in nodes.items() if node.inside]
        text = f"{seconds_text(now)}: {counted(settled, 'call')} done"
        text += f", {failed:,} failed" if failed else ""
        return text + (f"; running {', '.join(running[:4])}" if running else "")

    def _now(self) -> float:
        """Seconds since the run started; call it under the lock. A long call sends no events."""
        self._tally.now = max(self._tally.now, time.monotonic() - self._begun)
        return self._tally.now

    def _open_plain(self) -> None:
        """Say now and then where the run stands."""

        def tell() -> None:
            while not self._over.wait(_PLAIN_SECONDS):
                self._terminal.say(self.line())

        thread = threading.Thread(target=tell, name="progress", daemon=True)
        thread.start()

        def close() -> None:
            self._over.set()
            thread.join()

        self._close = close

    def _open_live(self) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True, highlight=False)
        live = Live(
            console=console,
            get_renderable=lambda: self._render(console),
            refresh_per_second=_REFRESHES_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        live.start()
        self._close = live.stop
        self._print = lambda text: console.print(text, markup=False)

    def _render(self, console: Console) -> RenderableType:
        from rich.table import Table

        grid = Table.grid(padding=(0, 2, 0, 0))
        for justify in ("left", "left", "right", "left", "left"):
            grid.add_column(justify=justify, no_wrap=True)
        with self._lock:
            self._now()
            names = shown_nodes(self._tally.nodes, console.height - 3)
            for name in names:
                self._add_row(grid, name)
            rest = len(self._tally.nodes) - len(names)
        if rest:
            grid.add_row(f"[dim]and {counted(rest, 'more node')}[/dim]")
        return grid

    def _add_row(self, grid: Table, name: str) -> None:
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        node = self._tally.nodes[name]
        style = "bold" if node.inside else "" if node.settled else "dim"
        if node.total is None:
            bar = ProgressBar(total=None if node.inside else 1, completed=0, width=_BAR)
        else:
            bar = ProgressBar(
                total=max(node.total, 1), completed=node.done or float(node.finished), width=_BAR
            )
        count = f"{node.settled:,}/{'?' if node.total is None else f'{node.total:,}'}"
        grid.add_row(Text(name, style=style), bar, count, ", ".join(_counts(node)), self._pace(node))

    def _pace(self, node: NodeProgress) -> str:
        rate, left = node.rate(self._tally.now), node.seconds_left(self._tally.now)
        if rate is None or node.settled == node.total:
            return ""
        pace = f"{rate:.1f}/s" if rate >= 0.1 else f"{seconds_text(1 / rate)} each"
        return pace if left is None else f"{pace}  {seconds_text(round(left + 0.5))} left"


def shown_nodes(nodes: Mapping[str, NodeProgress], room: int) -> Sequence[str]:
    """The nodes that have room: running ones first, then failed, waiting and done ones; in graph order."""
    if len(nodes) <= room:
        return list(nodes)
    urgency = sorted(nodes, key=lambda name: _urgency(nodes[name]))
    chosen = set(urgency[: max(room, 1)])
    return [name for name in nodes if name in chosen]


def _urgency(node: NodeProgress) -> int:
    if node.inside:
        return 0
    if node.failed:
        return 1
    return 3 if node.finished else 2


def _counts(node: NodeProgress) -> Iterator[str]:
    if node.cached:
        yield f"{node.cached:,} cached"
    if node.failed:
        yield f"[red]{node.failed:,} failed[/red]"
    if node.skipped:
        yield f"{node.skipped:,} skipped"
    if node.dropped:
        yield f"{node.dropped:,} dropped"
