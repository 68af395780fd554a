"""Groups of options that commands share: declared once, and spread over the command line of each command."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodegraph.cli.options import (
    AsJson,
    GraphInputs,
    NodePacks,
    Overlays,
    ParamValues,
    Quiet,
    StoreFolder,
    UsageError,
)
from nodegraph.cli.terminal import Terminal

if TYPE_CHECKING:
    from nodegraph.api import Options


@dataclass(frozen=True, slots=True)
class Common:
    """What every command takes."""

    store: StoreFolder = None
    nodes: NodePacks = None
    json: AsJson = False
    quiet: Quiet = False

    def terminal(self) -> Terminal:
        """Where the command writes."""
        return Terminal(self.json, self.quiet)

    def terminal_with_packs(self) -> Terminal:
        """Where the command writes; the node packs are loaded, and it was warned of those that do not load.

        Raises:
            PackError: if a pack of `--nodes` does not load.
        """
        from nodegraph.cli.packs import load

        terminal = self.terminal()
        load(terminal, self.nodes)
        return terminal

    def store_folder(self) -> Path:
        """The folder of the store.

        Raises:
            UsageError: if there is none.
        """
        from nodegraph.store import default_store_folder

        folder = self.store or default_store_folder()
        if not folder.is_dir():
            raise UsageError(f"there is no store at {folder}; name its folder with --store")
        return folder


@dataclass(frozen=True, slots=True)
class GraphValues:
    """The values that a command gives to a graph."""

    inputs: GraphInputs = None
    sets: ParamValues = None
    values: Overlays = None

    def for_check(self) -> dict[str, Any]:
        """The values as `nodegraph.check` takes them."""
        return {"inputs": self.inputs or (), "sets": self.sets or (), "values": self.values or ()}

    def for_engine(self, common: Common) -> Options:
        """The values as `nodegraph.api` takes them, over the store that the command names."""
        from nodegraph.cli.selection import options_of

        return options_of(store=common.store, inputs=self.inputs, sets=self.sets, values=self.values)


def grouped(function: Callable[..., int]) -> Callable[..., int]:
    """A function that takes one by one, by name, what the given one takes as `Common` or `GraphValues`."""
    declared = inspect.signature(function, eval_str=True)
    groups: dict[str, type[Any]] = {
        name: parameter.annotation
        for name, parameter in declared.parameters.items()
        if parameter.annotation in (Common, GraphValues)
    }
    options = [option for parameter in declared.parameters.values() for option in _options(parameter)]

    @wraps(function)
    def flat(**given: Any) -> int:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        return function(**given)

    setattr(flat, "__signature__", declared.replace(parameters=options))  # noqa: B010
    flat.__annotations__ = {option.name: option.annotation for option in options}
    return flat


def _options(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    """The options that a parameter stands for: those of its group, or itself."""
    group = parameter.annotation
    if group not in (Common, GraphValues):
        yield parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        return
    types = typing.get_type_hints(group, include_extras=True)
    for field in fields(group):
        yield inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=types[field.name]
        )
