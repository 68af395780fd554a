"""The models that a graph names, as `nodegraph doctor` looks at them: where they are, and whether whole."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nodegraph.check.checked import CheckedGraph
    from nodegraph.models import Mode, Published
    from nodegraph.types.builtin import ModelRef


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A model that a node names.

    Attributes:
        place: the node's id, with the output where it has several.
        kind, source: what the node asked for; "" if it did not come to that.
        ref: the model; None if it is not there or not whole.
        sizes: bytes of weights on a device by mode.
        wrong: what is wrong and what to do, or ""; without the command in `fetch`.
        fetch: the command that fetches a model of the hub that is not here, or "".
        published: what is known of it as one that people can fetch.
    """

    place: str
    kind: str
    source: str
    ref: ModelRef | None
    sizes: Mapping[Mode, int]
    wrong: str = ""
    fetch: str = ""
    published: Published | None = None

    def told(self) -> tuple[str, str, str]:
        """Topic, what was found, and what is wrong with it."""
        from nodegraph.show.wording import size_text

        topic = f"model {self.place}"
        if self.ref is None:
            asked = f"{self.kind} from {self.source}, " if self.kind else ""
            return topic, f"{asked}not there or not usable{self._offered()}", self.wrong
        where = "@".join(filter(None, (self.source, self.ref.revision)))
        variant = f", variant {self.ref.variant}" if self.ref.variant else ""
        sizes = ", ".join(f"{mode} {size_text(size)}" for mode, size in self.sizes.items())
        form = f"{self.ref.dtype}{variant}"
        licence = f"; licence: {self.published.licence}" if self.published else ""
        return topic, f"{self.kind} from {where}, complete, weights as {form}: {sizes}{licence}", self.wrong

    def _offered(self) -> str:
        from nodegraph.models.published import download_text

        if self.published is None:
            return ""
        return f"; {download_text(self.published.nbytes)} to fetch, licence: {self.published.licence}"

    def as_json(self) -> dict[str, Any]:
        """The model as `doctor --json` tells it; what is not known is null."""
        ref = self.ref
        return {
            "node": self.place,
            "kind": self.kind or None,
            "source": self.source or None,
            "revision": ref and ref.revision,
            "dtype": ref and ref.dtype,
            "variant": ref and ref.variant,
            "bytes": dict(self.sizes),
            "complete": ref is not None,
            "download_bytes": self.published and self.published.nbytes,
            "licence": self.published and self.published.licence,
            "fetch": self.fetch or None,
            "problem": self.wrong,
        }


def models_of(graph: CheckedGraph) -> Iterator[NamedModel]:
    """The models that the outputs of a graph need, each looked for, none loaded.

    Of weights the headers and sizes of files are read, so that missing and truncated ones are found; contents
    are not hashed, which may take minutes.
    """
    from nodegraph.models.errors import NotHere
    from nodegraph.models.loading import model_sizes
    from nodegraph.plan.compile import compile_program
    from nodegraph.plan.naming import models_named, names_models

    for step in compile_program(graph).steps:
        if not names_models(step.type):
            continue
        outputs = step.type.signature.outputs
        search = _Search()
        try:
            with contextlib.redirect_stdout(sys.stderr):
                refs = models_named(step, search)
            sizes = [model_sizes(ref) for ref in refs]
        except Exception as error:
            # The node's own function runs here: whatever it raises is what is wrong with its model.
            wrong, fetch = str(error) or type(error).__name__, ""
            if isinstance(error, NotHere):
                wrong, fetch = error.reason, error.fetch
            known = _published(search.kind, search.source)
            yield NamedModel(step.id, search.kind, search.source, None, {}, wrong, fetch, known)
            continue
        for port, ref, size in zip(outputs, refs, sizes, strict=True):
            place = step.id if len(outputs) == 1 else f"{step.id}.{port.name}"
            known = _published(ref.kind, ref.source)
            yield NamedModel(place, ref.kind, ref.source, ref, size, published=known)


def _published(kind: str, source: str) -> Published | None:
    from nodegraph.models.kinds import model_kinds
    from nodegraph.models.published import find_published

    declared = model_kinds().get(kind)
    return None if declared is None else find_published(declared.published, source)


def fetch_commands(models: Iterable[NamedModel]) -> list[str]:
    """The commands that fetch the models which are not here, each once, with a comment of their size."""
    from nodegraph.models.published import download_text

    return list(
        dict.fromkeys(
            f"{model.fetch}  # {download_text(model.published.nbytes)}" if model.published else model.fetch
            for model in models
            if model.fetch
        )
    )


class _Search:
    """Finds models without hashing them, and tells what was asked for last."""

    def __init__(self) -> None:
        self.kind = ""
        self.source = ""

    def __call__(self, kind: str, source: str | Path, **given: str) -> ModelRef:
        from nodegraph.models.find import find_model

        self.kind, self.source = kind, str(source)
        return find_model(kind, source, **given, digest_of=_stat_digest)


def _stat_digest(path: Path) -> bytes:
    """In the place of a file's content: its name, size and time."""
    from blake3 import blake3

    stat = path.stat()
    return blake3(b"\0".join((os.fsencode(path), b"%d %d" % (stat.st_size, stat.st_mtime_ns)))).digest()
