"""The options of the command line, declared once and shared by the commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

GraphFile: TypeAlias = Annotated[
    Path, typer.Argument(metavar="GRAPH", help="The graph file.", show_default=False)
]

StoreFolder: TypeAlias = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", help="The store; else $NODEGRAPH_STORE, else .nodegraph/."),
]
NodePacks: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--nodes", metavar="PACK", help="A file or module with more node types. Repeatable."),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="Print results and errors only.")]

GraphInputs: TypeAlias = Annotated[
    list[str] | None, typer.Option("--input", metavar="NAME=VALUE", help="Give a graph input. Repeatable.")
]
ParamValues: TypeAlias = Annotated[
    list[str] | None, typer.Option("--set", metavar="NODE.PARAM=VALUE", help="Give a param. Repeatable.")
]
Sweeps: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--sweep",
        metavar="NODE.PARAM=A,B,C",
        help="Go over the values in one run; a JSON array also lists them. Repeatable: a grid.",
    ),
]
Overlays: TypeAlias = Annotated[
    list[Path] | None, typer.Option("--values", metavar="FILE", help="Lay a file of values over. Repeatable.")
]
Targets: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--target", metavar="NODE", help="Only what this node needs. Repeatable."),
]
Forced: TypeAlias = Annotated[
    list[str] | None, typer.Option("--force", metavar="NODE", help="Run this node again. Repeatable.")
]
Limit: TypeAlias = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=1, help="Only the first N items of every source.")
]
ItemGlob: TypeAlias = Annotated[
    str | None, typer.Option("--items", metavar="GLOB", help="Only source items whose key matches.")
]
OutFolder: TypeAlias = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Where to publish; else out/<graph file's stem>.")
]
Devices: TypeAlias = Annotated[
    str, typer.Option("--devices", metavar="SPEC", help="auto, cpu, cuda:0, or with budgets: cpu=4GiB.")
]
Jobs: TypeAlias = Annotated[
    int | None, typer.Option("--jobs", metavar="N", min=1, help="Calls at the same time; else the cores.")
]
FailFast: TypeAlias = Annotated[bool, typer.Option("--fail-fast", help="Stop at the first failing call.")]
StoreSize: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--store-size", metavar="SIZE", help="Limit of the store, as 50GiB; else half the free disk."
    ),
]

_AGES = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


class UsageError(Exception):
    """A command line that cannot be carried out; the message says what to write instead."""


def parse_size(text: str) -> int:
    """Bytes of a size such as `50GiB`, `500MB` or `1024`.

    Raises:
        UsageError: if it is not one.
    """
    from nodegraph.place import sizes

    try:
        return sizes.parse_size(text)
    except ValueError as error:
        raise UsageError(str(error)) from None


def parse_age(text: str) -> float:
    """Seconds of an age such as `30d`, `12h` or `90m`.

    Raises:
        UsageError: if it is not one.
    """
    try:
        age = float(text[:-1]) * _AGES[text[-1:]]
    except (ValueError, KeyError):
        age = -1.0
    if not 0 <= age < float("inf"):
        raise UsageError(f"{text!r} is not an age; write it like 30d, 12h or 90m")
    return age
