"""What a call gives: its result checked against the declaration and brought into wire form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from nodegraph.node.signature import NodeType
from nodegraph.plan.convert import as_declared
from nodegraph.plan.program import Step
from nodegraph.plan.values import StoredItem
from nodegraph.run.frames import Done
from nodegraph.types.builtin import Artifact
from nodegraph.types.ports import Type, Variable, conforms
from nodegraph.types.wire import Digest, Wire, digest, encode


class WrongResult(TypeError):
    """A node returned something else than it declares."""


class FileIntake(Protocol):
    """Takes a file into the store and gives its BLAKE3 (hex) and size."""

    def adopt(self, path: Path, /, *, seconds: float) -> tuple[str, int]:
        """Move a file in that took so long to make."""
        ...


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a call: its digest, and its wire form unless it was passed on by digest."""

    digest: Digest
    wire: Wire | None


def outputs_of(step: Step, result: Any, files: FileIntake, seconds: float) -> tuple[Output, ...]:
    """Check the result of a call that took `seconds` against the declared outputs and encode it.

    Raises:
        WrongResult: if it is of another type than declared.
        NotStorable: if something in it has no wire form.
    """
    return tuple(
        _encode(step.type, port.name, type_, value, files, seconds)
        for port, type_, value in zip(
            step.type.signature.outputs, step.output_types, _split(step.type, result), strict=True
        )
    )


def check_batch(node_type: NodeType, results: Any, count: int) -> Sequence[Any]:
    """A batch's results as a list as long as the batch.

    Raises:
        WrongResult: if it is not.
    """
    if not isinstance(results, list | tuple):
        raise WrongResult(
            f"{node_type.id} must return a list, one result per item; it returned {_shown(results)}"
        )
    found = cast("Sequence[Any]", results)
    if len(found) != count:
        raise WrongResult(f"{node_type.id} got {count} items and returned {len(found)} results")
    return found


def _split(node_type: NodeType, result: Any) -> Sequence[Any]:
    declared = node_type.signature.output_class
    if declared is None:
        return (result,)
    if not isinstance(result, declared):
        raise WrongResult(f"{node_type.id} returned {_shown(result)}; it declares {declared.__name__}")
    return cast("Sequence[Any]", result)


def _encode(
    node_type: NodeType, name: str, type_: Type, value: Any, files: FileIntake, seconds: float
) -> Output:
    if isinstance(value, StoredItem):
        if _passes_on(node_type, type_):
            return Output(value.digest, None)
        value = value.value
    if not conforms(value, type_):
        raise WrongResult(f"{node_type.id} returned {_shown(value)} as {name!r}; it declares {type_}")
    value = as_declared(value, type_)
    if isinstance(value, Artifact):
        value = take_files(value, files, seconds)
    wire = encode(value)
    return Output(digest(wire), wire)


def _passes_on(node_type: NodeType, type_: Type) -> bool:
    """Whether all that the node's streams carry is of an output's type already, so that none is loaded."""
    inputs = node_type.signature.inputs
    return all(
        isinstance(port.type, Variable) or port.type == type_ for port in inputs if port.arity == "stream"
    )


def take_files(artifact: Artifact, files: FileIntake, seconds: float) -> Artifact:
    """Move the files of a node's folder, which took `seconds` to fill, into the store.

    Raises:
        WrongResult: if the folder is missing, holds something else than files and folders, or `made_from`
            names a file that is not in it.
    """
    if artifact.folder is None:
        return artifact
    if not artifact.folder.is_dir():
        raise WrongResult(f"the artifact's folder {artifact.folder} does not exist")
    taken: dict[str, tuple[str, int]] = {}
    for path in sorted(artifact.folder.rglob("*")):
        name = path.relative_to(artifact.folder).as_posix()
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise WrongResult(f"the artifact holds {name!r}, which is neither a file nor a folder")
        if path.is_file():
            taken[name] = files.adopt(path, seconds=seconds)
    unknown = sorted(set(artifact.made_from) - set(taken))
    if unknown:
        raise WrongResult(f"made_from names {unknown[0]!r}, which is not among the artifact's files")
    made_from: Mapping[str, list[str]] = {
        name: list(artifact.made_from[name]) for name in sorted(artifact.made_from)
    }
    return Artifact(None, made_from, taken)


def _shown(value: Any) -> str:
    kind = cast("Any", type(value))
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    text = repr(value)
    return f"{text} ({name})" if len(text) <= 40 and "\n" not in text else f"a {name}"


def result_of(outputs: Sequence[Output]) -> Done:
    """The result of a call as the flow holds it."""
    wires = tuple(output.wire for output in outputs if output.wire is not None)
    digests = tuple(output.digest for output in outputs)
    return Done(digests, wires if len(wires) == len(outputs) else None, fresh=True)
