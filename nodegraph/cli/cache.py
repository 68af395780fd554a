"""`nodegraph cache`: what the store holds, whether it is sound, and making room in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nodegraph.cli.cache_why import why
from nodegraph.cli.edge import DONE, FAILED, command
from nodegraph.cli.groups import Common, grouped
from nodegraph.cli.options import parse_age, parse_size

if TYPE_CHECKING:
    from nodegraph.store import Entry, Store, StoreStat, Use

_SHOWN_ENTRIES = 50
_KEY_CHARS = 16

app = typer.Typer(
    help="Look at the store, check it, make room in it.", no_args_is_help=True, rich_markup_mode=None
)


@grouped
def stat(common: Common) -> int:
    """Count what the store holds and what it has saved, in all and by node type."""
    terminal = common.terminal()
    with _open(common, read_only=True) as opened:
        counted = opened.stat()
        folder = opened.folder
    if common.json:
        terminal.result_json(_stat_json(folder, counted))
    else:
        terminal.result(_stat_text(folder, counted))
    return DONE


@grouped
def ls(
    *,
    type_id: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Only this node type.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="How many to list.")
    ] = None,
    common: Common,
) -> int:
    """List recorded calls, the latest first."""
    from nodegraph.show.wording import counted, seconds_text, size_text, table

    terminal = common.terminal()
    with _open(common, read_only=True) as opened:
        entries = opened.entries(type_id)[::-1]
    shown = entries[: limit or (len(entries) if common.json else _SHOWN_ENTRIES)]
    if common.json:
        terminal.result_json({"total": len(entries), "entries": list(map(_entry_json, shown))})
        return DONE
    rows = [("key", "type", "time", "size", "")]
    for entry in shown:
        left_out = f"dropped: {entry.row.dropped}" if entry.row.dropped is not None else ""
        time, size = seconds_text(entry.row.seconds), size_text(entry.nbytes)
        rows.append((entry.key.hex()[:_KEY_CHARS], entry.type_id, time, size, left_out))
    if shown:
        terminal.result(table(rows))
    if len(entries) > len(shown):
        terminal.say(f"and {counted(len(entries) - len(shown), 'more call')}; --limit lists more")
    return DONE


@grouped
def gc(
    *,
    max_size: Annotated[
        str | None, typer.Option("--max-size", metavar="SIZE", help="Shrink the store to this, as 50GiB.")
    ] = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="Remove what no run used since, as 30d.")
    ] = None,
    common: Common,
) -> int:
    """Remove the bytes that are worth least; without options, down to the default limit."""
    from nodegraph.show.wording import counted, size_text
    from nodegraph.store import default_size_limit

    terminal = common.terminal()
    most = None if max_size is None else parse_size(max_size)
    age = None if older_than is None else parse_age(older_than)
    with _open(common) as opened:
        if most is None and age is None:
            most = default_size_limit(opened.folder)
        evicted = opened.gc(max_size=most, older_than=age)
        left = opened.stored_bytes()
    if common.json:
        terminal.result_json({"evicted": evicted.entries, "bytes": evicted.nbytes, "left": left})
    else:
        removed = f"removed {counted(evicted.entries, 'value')}, {size_text(evicted.nbytes)}"
        terminal.result(f"{removed}; {size_text(left)} left")
    return DONE


@grouped
def verify(common: Common) -> int:
    """Read and check everything in the store; exit 1 if something is damaged."""
    from nodegraph.show.wording import counted, table
    from nodegraph.store import can_be_written

    terminal = common.terminal()
    writable = can_be_written(common.store_folder())
    with _open(common, read_only=not writable) as opened:
        damages = opened.verify()
        folder = opened.folder
    if common.json:
        found = [{"place": damage.place, "message": damage.message} for damage in damages]
        terminal.result_json({"ok": not damages, "damages": found})
    elif damages:
        terminal.result(table([(damage.place, damage.message) for damage in damages]))
    if damages:
        rest = (
            "what is needed of it is made again by the next run"
            if writable
            else "it is left as it is, since you may not write there"
        )
        terminal.error(f"{counted(len(damages), 'damage')}; {rest}")
    elif not common.json:
        terminal.say(f"{folder}: everything is sound")
    return FAILED if damages else DONE


@grouped
def clear(common: Common) -> int:
    """Remove everything from the store; published files stay."""
    terminal = common.terminal()
    with _open(common) as opened:
        opened.clear()
        folder = opened.folder
    if common.json:
        terminal.result_json({"cleared": str(folder)})
    else:
        terminal.say(f"{folder}: cleared")
    return DONE


def _open(common: Common, *, read_only: bool = False) -> Store:
    """Open the store of a command.

    Raises:
        UsageError: if there is none.
    """
    from nodegraph.store import Store

    return Store.open(common.store_folder(), read_only=read_only)


def _stat_text(folder: Path, counted: StoreStat) -> str:
    from nodegraph.show.wording import seconds_text, size_text, table

    totals = [
        ("store", f"{folder}, {size_text(counted.nbytes)}"),
        ("calls", f"{counted.rows:,}, and {counted.failures:,} that failed last time"),
        ("small values", f"{counted.small[0]:,}, {size_text(counted.small[1])}"),
        ("large values", f"{counted.blobs[0]:,}, {size_text(counted.blobs[1])}"),
        ("files", f"{counted.files[0]:,}, {size_text(counted.files[1])}"),
        ("runs", f"{counted.runs:,}"),
        ("saved", _saved_text(counted.use)),
    ]
    rows = [("type", "calls", "time", "size", "cached", "saved")]
    rows += [
        (
            entry.type_id,
            f"{entry.calls:,}",
            seconds_text(entry.seconds),
            size_text(entry.nbytes),
            _rate_text(entry.use),
            _span_text(entry.use.saved),
        )
        for entry in counted.types
    ]
    return table(totals) + (f"\n\n{table(rows)}" if counted.types else "")


def _saved_text(use: Use) -> str:
    """What the memo was worth: `3.2 h of 5.1 h; 62 % of 1,000 calls did not have to run`."""
    if use.hit_rate is None:
        return "nothing has run yet"
    needed = _span_text(use.spent + use.saved)
    calls = use.executed + use.cached
    return f"{_span_text(use.saved)} of {needed}; {_rate_text(use)} of {calls:,} calls did not have to run"


def _rate_text(use: Use) -> str:
    return "-" if use.hit_rate is None else f"{use.hit_rate:.0%}".replace("%", " %")


def _span_text(seconds: float) -> str:
    """A sum of durations in the unit that suits it, to a tenth."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:.1f} s"


def _use_json(use: Use) -> dict[str, Any]:
    return {"hit_rate": use.hit_rate, "saved_seconds": use.saved, "spent_seconds": use.spent}


def _stat_json(folder: Path, counted: StoreStat) -> dict[str, Any]:
    return {
        "store": str(folder),
        "bytes": counted.nbytes,
        "calls": counted.rows,
        "failures": counted.failures,
        "small": {"count": counted.small[0], "bytes": counted.small[1]},
        "large": {"count": counted.blobs[0], "bytes": counted.blobs[1]},
        "files": {"count": counted.files[0], "bytes": counted.files[1]},
        "runs": counted.runs,
        **_use_json(counted.use),
        "types": {
            entry.type_id: {
                "calls": entry.calls,
                "seconds": entry.seconds,
                "bytes": entry.nbytes,
                **_use_json(entry.use),
            }
            for entry in counted.types
        },
    }


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "key": entry.key.hex(),
        "type": entry.type_id,
        "seconds": entry.row.seconds,
        "bytes": entry.nbytes,
        "outputs": [output.hex() for output in entry.row.outputs],
        "dropped": entry.row.dropped,
        "run": entry.row.run,
    }


app.command("stat")(command(stat))
app.command("ls")(command(ls))
app.command("why")(command(why))
app.command("gc")(command(gc))
app.command("verify")(command(verify))
app.command("clear")(command(clear))
