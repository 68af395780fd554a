"""The edge of the command line: what a command raises becomes a text and an exit status."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import typer

from nodegraph.cli.options import UsageError
from nodegraph.cli.problems import problems_json, report_problems
from nodegraph.cli.terminal import Terminal
from nodegraph.graph.problem import GraphError
from nodegraph.show.wording import printable

DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130
"""The exit statuses: done; failed in part or whole; bad usage or an invalid graph; interrupted."""

P = ParamSpec("P")


def command(function: Callable[P, int]) -> Callable[P, None]:
    """A typer command out of a function that returns its exit status and takes `json` and `quiet`."""

    @wraps(function)
    def at_the_edge(*args: P.args, **kwargs: P.kwargs) -> None:
        terminal = Terminal(json=bool(kwargs.get("json")), quiet=bool(kwargs.get("quiet")))
        try:
            status = function(*args, **kwargs)
            sys.stdout.flush()
        except typer.Exit:
            raise
        except BrokenPipeError:
            status = _reader_is_gone()
        except KeyboardInterrupt:
            terminal.error("interrupted")
            status = INTERRUPTED
        except Exception as error:
            status = _report(terminal, error)
        raise typer.Exit(status)

    return at_the_edge


def _report(terminal: Terminal, error: Exception) -> int:
    if isinstance(error, GraphError):
        if terminal.json:
            terminal.result_json(problems_json(error.problems))
        report_problems(terminal, error.problems)
        return REFUSED
    status = _status_of(error)
    if status is None:
        terminal.error("this is a bug in nodegraph; please report it with the lines below")
        terminal.error("".join(traceback.format_exception(error)))
        return FAILED
    if terminal.json:
        terminal.result_json(
            {"ok": False, "errors": [{"error": type(error).__name__, "message": str(error)}]}
        )
    terminal.error(f"{terminal.styled('error:', 'red', 'bold')} {printable(str(error))}")
    return status


def _status_of(error: Exception) -> int | None:
    """The exit status of an error that a user can cause, None for a bug."""
    from nodegraph.api import PublishError, StoreError, TraceError
    from nodegraph.node.packs import PackError
    from nodegraph.place.devices import DeviceError
    from nodegraph.place.place import PlacementError

    refused = (UsageError, PackError, DeviceError, PlacementError, PublishError, TraceError)
    if isinstance(error, refused):
        return REFUSED
    return FAILED if isinstance(error, StoreError) else None


def _reader_is_gone() -> int:
    """Point stdout at nothing, so that flushing it at exit raises no second error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED
