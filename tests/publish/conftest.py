"""Exporters that count their calls, and a press that runs and publishes graphs of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nodegraph import Artifact, Collected, Context, Item, ModelRef, Stream, node
from nodegraph.api import Options, run_graph
from nodegraph.models.sources import Source, register
from nodegraph.run.result import Run

CALLED: Counter[str] = Counter()


@node("pb.words", version=1, pure=False)
def words(root: Path) -> Stream[str]:
    """The text files below a folder, under their paths without suffix."""
    CALLED["listing"] += 1
    for path in sorted(root.rglob("*.txt")):

        def make(path: Path = path) -> str:
            CALLED["words"] += 1
            return path.read_text()

        yield Item(path.relative_to(root).with_suffix("").as_posix(), make, reads=[path])


@node("pb.given", version=1)
def given(*, items: dict[str, str]) -> Stream[str]:
    """Words under any keys."""
    CALLED["given"] += 1
    for key, word in items.items():
        yield Item(key, word)


@node("pb.letters", version=1)
def letters(word: str) -> Stream[str]:
    """The letters of a word."""
    for index, letter in enumerate(word):
        yield Item(str(index), letter)


@node("pb.shout", version=1)
def shout(word: str, *, marks: int = 1) -> str:
    """A word, louder."""
    CALLED["shout"] += 1
    return word.upper() + "!" * marks


@node("pb.book", version=3)
def book(words: Collected[str], *, title: str = "Words", ctx: Context) -> Artifact:
    """An index as text, and a page of bytes for each word."""
    CALLED["book"] += 1
    folder = ctx.new_folder()
    (folder / "pages").mkdir()
    made_from: dict[str, list[str]] = {"index.txt": list(words.keys())}
    for number, item in enumerate(words):
        (folder / "pages" / f"{number}.bin").write_bytes(item.value.encode() * 3)
        made_from[f"pages/{number}.bin"] = [item.key]
    (folder / "index.txt").write_text(title + "\n" + "".join(f"{item.value}\n" for item in words))
    return Artifact(folder, made_from=made_from)


@node("pb.leaf", version=1)
def leaf(word: str, *, ctx: Context) -> Artifact:
    """One word as a folder."""
    CALLED["leaf"] += 1
    folder = ctx.new_folder()
    (folder / "leaf.bin").write_bytes(word.encode())
    return Artifact(folder)


@dataclass
class Press:
    """Runs graphs in one folder and publishes to `out`."""

    folder: Path

    @property
    def out(self) -> Path:
        """Where is published."""
        return self.folder / "out"

    def run(self, nodes: Mapping[str, Any], outputs: Mapping[str, str], **options: Any) -> Run:
        """Run a graph; a node is written `(type, links, params)`."""
        CALLED.clear()
        written = {
            name: {"type": type_, "links": links, "params": params}
            for name, (type_, links, params) in nodes.items()
        }
        file = self.folder / "graph.json"
        file.write_text(
            json.dumps({"nodegraph": 1, "name": "press", "seed": 5, "nodes": written, "outputs": outputs})
        )
        return run_graph(file, Options(**({"store": self.folder / "store", "out": self.out} | options)))

    def publish(self, *, marks: int = 1, title: str = "Words", **options: Any) -> Run:
        """Publish the words of `texts` as a book."""
        nodes = {
            "words": ("pb.words", {}, {"root": "texts"}),
            "shout": ("pb.shout", {"word": "words"}, {"marks": marks}),
            "book": ("pb.book", {"words": "shout"}, {"title": title}),
        }
        return self.run(nodes, {"book": "book"}, **options)

    @property
    def called(self) -> Counter[str]:
        """How often each function was called in the last run, listing apart."""
        return Counter({name: count for name, count in CALLED.items() if name != "listing"})


@node("pb.model", version=1)
def model(*, source: str) -> ModelRef:
    """A model by name."""
    register("f00d", Source(source, "", Path(source), {}))
    return ModelRef("voice", source, fingerprint="f00d")


@node("pb.speak", version=1)
def speak(word: str, voice: ModelRef) -> str:
    """A word, spoken."""
    return f"{word} ({voice.kind})"


@pytest.fixture
def press(tmp_path: Path) -> Press:
    """A press with three texts, one of them in a folder."""
    for name, text in (("one", "ant"), ("two", "bee"), ("deep/three", "cat")):
        file = tmp_path / "texts" / f"{name}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return Press(tmp_path)


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by relative name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def files_in() -> Any:
    return snapshot
