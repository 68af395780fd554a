"""Building a graph in Python: what `check` would refuse is refused at once, where it is written."""

from __future__ import annotations

import functools
import json
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Unpack

from nodegraph.builder.arguments import RunArguments, options_of
from nodegraph.builder.refs import InputRef, NodeRef, OutputRef, Ref
from nodegraph.graph.document import ABSENT, INPUTS, GraphDocument, graph_data
from nodegraph.graph.paths import absolute_path, real_path
from nodegraph.node.declare import node_type_of

if TYPE_CHECKING:
    from nodegraph.builder.growth import Growth
    from nodegraph.events import Event
    from nodegraph.place.plan import Plan
    from nodegraph.run.result import Run
    from nodegraph.sweep.result import Sweep

NodeLike = Callable[..., Any] | str | Path
"""A node function, a node type id, or the path of a graph file to use as a node."""

_NOT_IN_ID: Final = re.compile(r"[^A-Za-z0-9_-]+")


@functools.cache
def _load_packs() -> None:
    """Load the node packs, once: a graph file and a type id may name a type of any of them."""
    from nodegraph.node.packs import load_packs

    for pack in load_packs():
        if pack.problem:
            warnings.warn(pack.problem, stacklevel=4)


def _ignore(event: Event) -> None:
    """The listener of a run that nobody listens to."""


class Graph:
    """A graph built in Python, equal to the one that is read back from where it was saved.

    Args:
        name: what the graph is called.
        seed: the seed of its seeded nodes; 0 if it has none.
        note: a remark.

    Raises:
        GraphError: if one of these is of the wrong type.
    """

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __init__(self, name: str | None, *, seed: int | None = None, note: str | None = None) -> None:
        self._begin(GraphDocument(name=name, seed=seed, note=note, folder=absolute_path(Path(), "")))

    @classmethod
    def load(cls, path: str | Path) -> Graph:
        """Read a graph file, over the node types of the installed packs and those of `NODEGRAPH_NODES`.

        Raises:
            GraphError: with every problem of the file.
            PackError: if a pack of `NODEGRAPH_NODES` does not load.
        """
        from nodegraph.check.check import sound_document
        from nodegraph.graph.shape import read_graph

        _load_packs()
        return cls._of(sound_document(read_graph(Path(path), str(path))))

    @classmethod
    def from_json(cls, text: str, *, folder: Path | None = None) -> Graph:
        """Read the text of a graph file.

        Args:
            folder: relative paths in the text resolve against it; by default the working directory.

        Raises:
            GraphError: with every problem of the text.
        """
        from nodegraph.check.check import sound_document
        from nodegraph.graph.place import SourceText
        from nodegraph.graph.shape import parse_graph

        _load_packs()
        source = SourceText("", absolute_path(Path(), folder or ""), text)
        return cls._of(sound_document(parse_graph(source)))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, folder: Path | None = None) -> Graph:
        """Make a graph from the JSON object of a graph file; see `from_json`."""
        return cls.from_json(json.dumps(data), folder=folder)

    @classmethod
    def _of(cls, document: GraphDocument) -> Graph:
        graph = cls(document.name, seed=document.seed, note=document.note)
        graph._begin(replace(document, folder=absolute_path(Path(), document.folder or "")))
        return graph

    def _begin(self, document: GraphDocument) -> None:
        from nodegraph.builder.growth import Growth

        self._growth: Growth = Growth(document)
        self._numbers: dict[str, int] = {}

    @property
    def name(self) -> str | None:
        """What the graph is called."""
        return self._growth.document.name

    @property
    def document(self) -> GraphDocument:
        """The graph as it would be written in `document.folder`; a copy."""
        return self._growth.snapshot()

    def add(
        self,
        node: NodeLike,
        /,
        *,
        id: str | None = None,
        note: str | None = None,
        seed: int | Ref | None = None,
        **inputs: Any,
    ) -> NodeRef:
        """Add a node; its inputs are literals, or outputs of nodes and inputs of this graph.

        Args:
            node: a node function, a node type id, or the path of a graph file (`./` or `../`, or a Path).
            id: by default the function's name, with `_2`, `_3`, ... if that is taken.
            note: a remark.
            seed: for a seeded node, in place of the graph's seed.
            inputs: a literal or a link for each input.

        Returns:
            the node, whose outputs are its attributes.

        Raises:
            GraphError: if `check` would refuse the node or one of its inputs.
            DeclarationError: if the function is not a node.
        """
        type_, base = self._type_of(node)
        given = inputs if seed is None else {**inputs, "seed": seed}
        if id is not None:
            return self._growth.add_node(id, type_, note, given)
        base = _as_id(base)
        number = self._next_number(base)
        ref = self._growth.add_node(base if number == 1 else f"{base}_{number}", type_, note, given)
        self._numbers[base] = number
        return ref

    def input(
        self, name: str, type: str | type[Any], *, default: Any = ABSENT, note: str | None = None
    ) -> InputRef:
        """Declare an input of the graph.

        Args:
            type: bool, int, float, str, path, json or a value type id; or the Python type of one of these.
            default: a literal; without one the input must be given to run the graph.

        Raises:
            GraphError: if the name, type or default is not acceptable.
        """
        return self._growth.add_input(name, type, default, note)

    def output(self, name: str, ref: NodeRef | OutputRef) -> None:
        """Declare an output of the graph.

        Raises:
            GraphError: if the name is malformed or taken, or `ref` is not an output of this graph.
        """
        self._growth.add_output(name, ref)

    def __getitem__(self, node: str) -> NodeRef:
        """The node with this id.

        Raises:
            KeyError: if there is none.
        """
        if node not in self._growth.document.nodes:
            raise KeyError(node)
        return self._growth.ref(node)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of the graph in canonical form."""
        from nodegraph.graph.canonical import canonical

        return graph_data(canonical(self.document))

    def to_json(self) -> str:
        """The canonical text of the graph, as `save` writes it into `document.folder`."""
        from nodegraph.graph.canonical import format_document

        return format_document(self.document)

    def save(self, path: str | Path) -> None:
        """Write the graph in canonical form; relative paths are rewritten relative to the file's folder.

        Raises:
            OSError: if the file cannot be written.
        """
        from nodegraph.graph.canonical import format_document
        from nodegraph.graph.rebase import rebase

        target = Path(real_path(Path(path)))
        text = format_document(rebase(self.document, Path(path).parent))
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.partial")
        try:
            partial.write_text(text, encoding="utf-8", newline="\n")
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def plan(self, **arguments: Unpack[RunArguments]) -> Plan:
        """Say what `run` with the same arguments would do, and why, computing nothing.

        Raises:
            GraphError: if an input of the graph has no value, or a name is wrong.
            StoreError: if the store cannot be read.
        """
        from nodegraph.api import plan_graph

        return plan_graph(self, options_of(**arguments))

    def run(self, *, on_event: Callable[[Event], None] = _ignore, **arguments: Unpack[RunArguments]) -> Run:
        """Run the graph: what is in the store is taken from there, the rest is computed.

        Args:
            store: folder of the memo; by default `$NODEGRAPH_STORE`, else `.nodegraph`.
            inputs: values for the inputs of the graph.
            values: overlay files, applied in order.
            targets: node ids to run up to; by default what the graph's outputs read.
            force: node ids whose stored results do not count.
            limit: take at most so many items of each source.
            items: take only items of the sources whose key matches this glob.
            out: folder to publish artifacts to; by default nothing is published.
            devices: where calls may run, such as `"cpu=4GiB"`; by default `"auto"`.
            jobs: how many calls run at once; by default one per core.
            fail_fast: begin no further call after the first failure; by default False.
            on_event: is told what happens.

        Returns:
            the run; a failed call is in `run.errors`, no exception.

        Raises:
            GraphError: if an input of the graph has no value, or a name is wrong.
            StoreError: if the store cannot be written.
            PublishError: if a folder to publish to is not ours to write.
        """
        from nodegraph.api import run_graph

        return run_graph(self, options_of(**arguments), on_event=on_event)

    def sweep(
        self,
        axes: Mapping[str, Iterable[Any]],
        *,
        on_event: Callable[[Event], None] = _ignore,
        **arguments: Unpack[RunArguments],
    ) -> Sweep:
        """Run the graph for every combination of some values, as one run; what they share is computed once.

        Args:
            axes: values by `"node.param"` or graph input, such as `{"clip.frames": [4, 8]}`; the first one
                varies slowest. A str is read as text, as on the command line.
            force: node ids whose stored results do not count, in any combination.
            out: folder to publish artifacts to, each in a folder named after its combination.

        The other arguments are those of `run`.

        Returns:
            the sweep: its combinations, each with the values of the outputs, and the run.

        Raises:
            GraphError: with every value that is not acceptable, or if a name is wrong.
            StoreError: if the store cannot be written.
            PublishError: if a folder to publish to is not ours to write.
        """
        from nodegraph.api import sweep_graph

        return sweep_graph(self, options_of(axes, **arguments), on_event=on_event)

    def _repr_html_(self) -> str:
        """The graph as it shows itself in a notebook."""
        from nodegraph.check.check import check
        from nodegraph.show.svg import graph_svg

        return graph_svg(check(self))

    def __eq__(self, other: object) -> bool:
        """Whether two graphs say the same, wherever they are kept."""
        if not isinstance(other, Graph):
            return NotImplemented
        return self._portable() == other._portable()

    def __repr__(self) -> str:
        document = self._growth.document
        return f"Graph({document.name!r}, {len(document.nodes)} nodes)"

    def _portable(self) -> str:
        from nodegraph.graph.canonical import format_document
        from nodegraph.graph.rebase import rebase

        return format_document(rebase(self.document, Path("/")))

    def _type_of(self, node: NodeLike) -> tuple[str, str]:
        """The type as it is written, and what the node is called by default."""
        from nodegraph.graph.rebase import subgraph_type
        from nodegraph.node.registry import find

        if isinstance(node, str | Path):
            _load_packs()
        if isinstance(node, Path) or (isinstance(node, str) and node.startswith(("./", "../", "/"))):
            folder = self._growth.document.folder or Path()
            return subgraph_type(folder, absolute_path(Path(), node)), Path(node).stem
        if isinstance(node, str):
            declared = find(node)
            return node, declared.function.__name__ if declared else node.rpartition(".")[2]
        declared = node_type_of(node)
        return declared.id, declared.function.__name__

    def _next_number(self, base: str) -> int:
        """The number that makes a default id free; ids up to the last one given are not looked at again."""
        taken = self._growth.document.nodes
        number = self._numbers.get(base, 0) + 1
        while (base if number == 1 else f"{base}_{number}") in taken:
            number += 1
        return number


def _as_id(text: str) -> str:
    """A name made of the characters of a node id."""
    name = _NOT_IN_ID.sub("_", text) or "node"
    return f"_{name}" if name[0].isdigit() or name[0] == "-" or name == INPUTS else name
