"""`nodegraph get`: show or write a stored intermediate."""

from __future__ import annotations

import json as json_text
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from nodegraph.cli.groups import Common, GraphValues, grouped
from nodegraph.cli.options import GraphFile, UsageError

if TYPE_CHECKING:
    from nodegraph.api import Options
    from nodegraph.types.builtin import Artifact

_SHOWN_KEYS = 1000


@grouped
def get(
    graph: GraphFile,
    *,
    name: Annotated[str, typer.Argument(metavar="NODE[.OUTPUT]", help="What to get.", show_default=False)],
    item: Annotated[str | None, typer.Option("--item", metavar="KEY", help="One item of a stream.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write it: .json in full, files as they are, else a PNG preview.",
        ),
    ] = None,
    given: GraphValues,
    common: Common,
) -> int:
    """Show or write what a node gave. Runs nothing."""
    from nodegraph.api import fetch
    from nodegraph.cli.edge import DONE, FAILED
    from nodegraph.cli.selection import refuse_swept_name
    from nodegraph.types.stream import Collected

    refuse_swept_name(name)
    terminal = common.terminal_with_packs()
    options = given.for_engine(common)
    try:
        value = fetch(graph, name, options, item=item)
        if output is not None:
            _write(name, value, output, options)
            terminal.say(f"written to {output}")
    except KeyError as error:
        raise UsageError(error.args[0]) from None
    except LookupError as error:
        terminal.error(f"error: {error}")
        return FAILED
    if common.json:
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


def _write(name: str, value: Any, target: Path, options: Options) -> None:
    """Write a value: `.json` in full; a folder of files as a folder; a file's bytes; else a PNG preview."""
    from nodegraph.cli.files import write_file
    from nodegraph.show.inspect import file_bytes, in_full
    from nodegraph.types.builtin import Artifact
    from nodegraph.types.stream import Collected

    if isinstance(value, Collected):
        keys = cast("Collected[Any]", value).keys()
        example = f", such as {keys[0]!r}" if keys else ""
        raise UsageError(f"{name} is a stream of {len(keys)} items; pick one with --item KEY{example}")
    if target.suffix.lower() == ".json":
        write_file(target, (json_text.dumps(in_full(value), ensure_ascii=False) + "\n").encode())
        return
    if isinstance(value, Artifact):
        _copy_files(value, target, options)
        return
    content = file_bytes(value) or _preview(name, value, target)
    write_file(target, content)


def _preview(name: str, value: Any, target: Path) -> bytes:
    """The picture of a value that is no file, for a target that is one of a picture."""
    from nodegraph.types.values import preview_of

    content = preview_of(value)
    if content is None:
        raise UsageError(f"{name} has no preview picture; name a .json file to write it in full")
    if target.suffix.lower() not in ("", ".png"):
        raise UsageError(
            f"{name} is no file; its preview is a PNG picture, not {target.suffix}: "
            "name a .png file, or a .json file to write it in full"
        )
    return content


def _copy_files(artifact: Artifact, folder: Path, options: Options) -> None:
    """Copy an artifact's files out of the store into a new folder."""
    from nodegraph.api import open_store

    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise UsageError(
            f"cannot make the folder {folder}: {error.strerror}; name a new one with -o"
        ) from None
    with open_store(options, read_only=True) as store:
        for file, (content, _) in artifact.files.items():
            source = store.file(content)
            if source is None:
                raise LookupError(f"{file} is no longer in the store; run the graph again")
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
