"""The artifacts among a graph's outputs: checked before a run, published after it."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from typing import Any

from nodegraph.plan.cells import Notes
from nodegraph.plan.history import NodeRecord
from nodegraph.plan.lineage import Lineage
from nodegraph.plan.producers import Selection
from nodegraph.plan.program import Program, Step
from nodegraph.plan.values import ARTIFACT
from nodegraph.plan.walk import Walk
from nodegraph.run.frames import Frame
from nodegraph.run.outputs import entries_of_output
from nodegraph.run.provenance import ancestors, file_lines, header
from nodegraph.run.publish import PublishError, check_collection, check_destination, is_published, publish
from nodegraph.run.result import CallError
from nodegraph.store import Store
from nodegraph.types.builtin import Artifact, ModelRef
from nodegraph.types.ports import ValueOf
from nodegraph.types.wire import Digest, decode

_MODEL = ValueOf("model_ref")


class Exports:
    """Publishes the artifacts among a program's outputs to `out`, by output name and item key."""

    def __init__(
        self,
        program: Program,
        store: Store,
        selection: Selection,
        out: Path,
        run: int,
        record: Callable[[Step], NodeRecord | None],
    ) -> None:
        """Take what the run takes of the sources, its number, and what tells what a step is made of."""
        self._program = program
        self._store = store
        self._selection = selection
        self._out = out
        self._run = run
        self._record = record
        self._heads: dict[str, dict[str, Any]] = {}
        self._standing: set[Path] = set()

    def lacking(self, root: Frame) -> set[int]:
        """The steps whose artifacts are to be published and whose bytes are gone, in whole or in part."""
        found: set[int] = set()
        for name, step, output in artifacts(self._program):
            for item, digest in entries_of_output(root, step, output):
                folder = self.destination(name, item)
                if is_published(folder, self._head(root, name, step, digest)):
                    self._standing.add(folder)
                elif self._artifact(digest) is None:
                    found.add(step.index)
        return found

    def publish(self, root: Frame, name: str, step: Step, output: int) -> Iterator[CallError]:
        """Publish one output of the graph, as far as it does not stand there already.

        Gives an error for each item that cannot be published.
        """
        for item, digest in entries_of_output(root, step, output):
            folder = self.destination(name, item)
            try:
                if folder not in self._standing:
                    self._publish(root, name, step, item, digest)
            except PublishError as error:
                yield CallError(step.id, "/".join(item), "PublishError", str(error), "")

    def destination(self, name: str, item: tuple[str, ...] = ()) -> Path:
        """The folder of an output, or of one item of it; absolute."""
        return (self._out / name).joinpath(*item).absolute()

    def _publish(self, root: Frame, name: str, step: Step, item: tuple[str, ...], digest: Digest) -> None:
        key = "/".join(item)
        if item and (key == "." or PurePosixPath(key).as_posix() != key):
            raise PublishError(f"item key {key!r} is no plain name of a folder; give the item another key")
        artifact = self._artifact(digest)
        if artifact is None:
            raise PublishError(f"the store lost files of {name!r} meanwhile; run again to make them anew")
        lines = file_lines(artifact, partial(self._lineage.behind, step, key), key)
        head = self._head(root, name, step, digest)
        publish(self.destination(name, item), artifact, head, lines, self._store)

    def _head(self, root: Frame, name: str, step: Step, digest: Digest) -> Mapping[str, Any]:
        head = self._heads.get(name)
        if head is None:
            behind = ancestors(self._program, step)
            made_of = ((entry.id, self._record(entry)) for entry in behind)
            records = {node: record for node, record in made_of if record is not None}
            models = dict(self._models(root, behind))
            text = json.dumps(header(self._program, step, name, self._run, records, models))
            head = self._heads[name] = json.loads(text)
        return {**head, "artifact": digest.hex()}

    def _models(self, root: Frame, steps: Iterable[Step]) -> Iterator[tuple[str, ModelRef]]:
        """The models that nodes which are not mapped hand on, by `node.output`."""
        for step in steps:
            for output, port in enumerate(step.type.signature.outputs):
                if step.output_types[output] != _MODEL or step.node.output_chain:
                    continue
                for _, digest in entries_of_output(root, step, output):
                    wire = self._store.get(digest)
                    if wire is not None:
                        from nodegraph.models.sources import named

                        yield f"{step.id}.{port.name}", named(decode(wire))

    def _artifact(self, digest: Digest) -> Artifact | None:
        """A stored artifact, None unless all of it is there."""
        wire = self._store.get(digest)
        artifact: Artifact | None = None if wire is None else decode(wire)
        if artifact is None or any(
            self._store.file(content) is None for content, _ in artifact.files.values()
        ):
            return None
        return artifact

    @cached_property
    def _lineage(self) -> Lineage:
        """Where the items of the run come from; sources that are listed at every run are listed once more."""
        notes = Notes()
        with contextlib.redirect_stdout(io.StringIO()):
            walk = Walk(self._program, self._store, selection=self._selection, notes=notes)
        return Lineage(self._program, walk, notes)


def artifacts(program: Program) -> list[tuple[str, Step, int]]:
    """The outputs of a program that are artifacts: name, step and output index."""
    found = ((name, program.steps[step], output) for name, step, output in program.outputs)
    return [(name, step, output) for name, step, output in found if step.output_types[output] == ARTIFACT]


def check_destinations(program: Program, out: Path) -> None:
    """Refuse destinations that are not ours, before anything is run.

    Raises:
        PublishError: at the first one.
    """
    for name, step, _ in artifacts(program):
        check = check_collection if step.node.output_chain else check_destination
        check((out / name).absolute())
