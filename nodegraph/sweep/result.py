"""What a sweep leaves: its run, and the combinations of the grid with what came of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nodegraph.check.literals import plain
from nodegraph.run.result import Run, RunOutput
from nodegraph.sweep.expand import Choice, Swept
from nodegraph.types.stream import Collected

State = Literal["done", "failed", "not finished"]


@dataclass(frozen=True, slots=True)
class Combination:
    """One point of the grid.

    Attributes:
        params: the value of each axis, by `node.param` or `inputs.name`; paths as they were given.
        state: whether all it needs was computed; `failed` also if a call failed that others share.
        outputs: by output name, of those that took part.
    """

    params: Mapping[str, Any]
    state: State
    outputs: Mapping[str, RunOutput]
    _run: Run = field(repr=False, compare=False)
    _names: Mapping[str, str] = field(repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Whether nothing that it needs failed or is missing."""
        return self.state == "done"

    def value(self, name: str) -> Any:
        """The value of an output of the graph in this combination; a stream as `Collected`.

        Raises:
            KeyError: if there is no such output.
            LookupError: if it was not made because something failed.
        """
        return self._run.value(self._name(name))

    def items(self, name: str) -> Collected[Any]:
        """The stream of an output of the graph in this combination.

        Raises:
            KeyError: if there is no such output.
            TypeError: if the output carries no stream.
        """
        return self._run.items(self._name(name))

    def _name(self, name: str) -> str:
        if name not in self._names:
            raise KeyError(f"the sweep has no output {name!r}; its outputs: {', '.join(self._names)}")
        return self._names[name]


@dataclass(frozen=True, slots=True)
class Sweep:
    """The result of a sweep; iterating gives its combinations, the first axis varying slowest.

    Attributes:
        run: the one run; its nodes and outputs are those of all combinations.
        axes: the values by `node.param` or `inputs.name`; paths as they were given.
        combinations: in the order of the grid.
    """

    run: Run
    axes: Mapping[str, tuple[Any, ...]]
    combinations: tuple[Combination, ...]
    _render: Callable[[Sweep], str] | None = field(default=None, repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Nothing failed and nothing was interrupted."""
        return self.run.ok

    def __iter__(self) -> Iterator[Combination]:
        return iter(self.combinations)

    def __len__(self) -> int:
        return len(self.combinations)

    @property
    def table(self) -> list[dict[str, Any]]:
        """A row per combination, as a data frame takes it: the axes, the outputs, and the state.

        A JSON value of an output is told as it is, an artifact by its folder, everything else by digest.
        """
        return [
            {
                **combination.params,
                **{name: _told(output) for name, output in combination.outputs.items()},
                "state": combination.state,
            }
            for combination in self.combinations
        ]

    def at(self, params: Mapping[str, Any]) -> Combination:
        """The combination with these values; axes that leave no choice may be left out.

        Args:
            params: values by `node.param` or graph input.

        Raises:
            KeyError: if there is none, or more than one.
        """
        wanted = {(name if "." in name else f"inputs.{name}"): plain(value) for name, value in params.items()}
        unknown = [name for name in wanted if name not in self.axes]
        if unknown:
            raise KeyError(f"{unknown[0]!r} is not swept; the axes: {', '.join(self.axes)}")
        found = [
            combination
            for combination in self.combinations
            if all(combination.params[name] == value for name, value in wanted.items())
        ]
        if len(found) != 1:
            raise KeyError(f"{len(found)} combinations have {wanted}; the axes: {dict(self.axes)}")
        return found[0]

    def as_json(self) -> dict[str, Any]:
        """The object that `run --sweep --json` prints."""
        return {
            **self.run.as_json(),
            "sweep": {
                "axes": {target: list(values) for target, values in self.axes.items()},
                "combinations": [
                    {
                        "params": dict(combination.params),
                        "ok": combination.ok,
                        "outputs": {name: output.as_json() for name, output in combination.outputs.items()},
                    }
                    for combination in self.combinations
                ],
            },
        }

    def _repr_html_(self) -> str | None:
        """The sweep as it shows itself in a notebook."""
        return None if self._render is None else self._render(self)


def sweep_result(
    swept: Swept, run: Run, *, stopped: bool, render: Callable[[Sweep], str] | None = None
) -> Sweep:
    """Sort what a run of an expanded graph left by combination.

    Args:
        swept: what was run.
        run: what came of it.
        stopped: whether the run ended before all was computed.
        render: shows the sweep in a notebook.
    """
    broken = {name for name, node in run.nodes.items() if node.failed} | {error.node for error in run.errors}
    return Sweep(
        run,
        {axis.target: axis.values for axis in swept.axes},
        tuple(_combination(swept, run, choice, broken, stopped=stopped) for choice in swept.choices()),
        render,
    )


def _combination(swept: Swept, run: Run, choice: Choice, broken: set[str], *, stopped: bool) -> Combination:
    names = {name: swept.output(name, choice) for name in swept.outputs}
    names = {name: copy for name, copy in names.items() if copy in run.outputs}
    outputs = {name: run.outputs[copy] for name, copy in names.items()}
    state: State = "done"
    if broken and any(swept.node(node, choice) in broken for node in swept.depends):
        state = "failed"
    elif stopped and (not outputs or any(not _is_whole(output) for output in outputs.values())):
        state = "not finished"
    return Combination(swept.params(choice), state, outputs, run, names)


def _is_whole(output: RunOutput) -> bool:
    """Whether an output of a run that was stopped is surely complete: a stream may lack items."""
    return not output.missing and output.items is None


def _told(output: RunOutput) -> Any:
    if output.has_value:
        return output.value
    return str(output.path) if output.path is not None else output.digest
