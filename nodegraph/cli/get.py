"""`nodegraph get`: show or write a stored intermediate."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from nodegraph.cli.options import (
    AsJson,
    GraphFile,
    GraphInputs,
    NodePacks,
    Overlays,
    ParamValues,
    Quiet,
    StoreFolder,
    UsageError,
)
from nodegraph.cli.terminal import Terminal

_SHOWN_KEYS = 1000


def get(
    graph: GraphFile,
    name: Annotated[str, typer.Argument(metavar="NODE[.OUTPUT]", help="What to get.", show_default=False)],
    item: Annotated[str | None, typer.Option("--item", metavar="KEY", help="One item of a stream.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write it: .json in full, else as PNG."),
    ] = None,
    inputs: GraphInputs = None,
    sets: ParamValues = None,
    values: Overlays = None,
    store: StoreFolder = None,
    nodes: NodePacks = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Show or write what a node gave. Runs nothing."""
    from nodegraph.api import fetch
    from nodegraph.cli.edge import DONE, FAILED
    from nodegraph.cli.packs import load
    from nodegraph.cli.selection import options_of
    from nodegraph.types.stream import Collected

    terminal = Terminal(json, quiet)
    load(terminal, nodes)
    options = options_of(store=store, inputs=inputs, sets=sets, values=values)
    try:
        value = fetch(graph, name, options, item=item)
    except KeyError as error:
        raise UsageError(error.args[0]) from None
    except LookupError as error:
        terminal.error(f"error: {error}")
        return FAILED
    if output is not None:
        _write(name, value, output)
        terminal.say(f"written to {output}")
    if json:
        terminal.result_json(_described(value) | ({"path": str(output.resolve())} if output else {}))
    elif output is None and isinstance(value, Collected):
        keys = value.keys()
        terminal.result("\n".join(keys[:_SHOWN_KEYS]))
        terminal.say(f"a stream of {len(keys):,} items; --item KEY shows one")
    elif output is None:
        terminal.result(json_text.dumps(_described(value)["value"], indent=2, ensure_ascii=False))
    return DONE


def _described(value: Any) -> dict[str, Any]:
    from nodegraph.show.inspect import summary
    from nodegraph.types.stream import Collected
    from nodegraph.types.wire import digest, encode

    if isinstance(value, Collected):
        keys = list(cast("Collected[Any]", value).keys())
        return {"items": len(keys), "keys": keys}
    return {"value": summary(value), "digest": digest(encode(value)).hex()}


def _write(name: str, value: Any, file: Path) -> None:
    """Write a value: `.json` in full; a value that has a preview as PNG."""
    from nodegraph.cli.files import write_file
    from nodegraph.show.inspect import in_full
    from nodegraph.types.stream import Collected
    from nodegraph.types.values import preview_of

    if isinstance(value, Collected):
        keys = value.keys()
        example = f", such as {keys[0]!r}" if keys else ""
        raise UsageError(f"{name} is a stream of {len(keys)} items; pick one with --item KEY{example}")
    if file.suffix.lower() == ".json":
        write_file(file, (json_text.dumps(in_full(value), ensure_ascii=False) + "\n").encode())
        return
    png = preview_of(value)
    if png is None:
        raise UsageError(f"{name} has no preview picture; name a .json file to write it in full")
    write_file(file, png)
