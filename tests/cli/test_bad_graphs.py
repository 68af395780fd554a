"""Graph files with mistakes, given to the command line as a process: exit 2, the place, no traceback.

In the graphs below `§` stands where the mistake must be found; it is not in the file.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

PHOTOS = '"photos": {"type": "load.coco", "params": {"root": "."}}'
OTHERS = '"others": {"type": "load.coco", "params": {"root": "."}}'
PAGE = '"page": {"type": "export.preview"}'
TAKE = '"few": {"type": "stream.take", "links": {"stream": §"page"}, "params": {"count": 1}}'
NUMBER = '"inputs": {"x": {"type": "float", "default": 1.0}}, '


def graph(*nodes: str, head: str = "", tail: str = "") -> str:
    """A graph file with every node on a line of its own."""
    lines = ",\n".join(nodes)
    return f'{{"nodegraph": 1, {head}"nodes": {{\n{lines}\n}}{tail}}}\n'


def clip(params: str = "", links: str = '"image": "photos.image"', name: str = '"clip"') -> str:
    """A node that moves a camera."""
    return f'{name}: {{"type": "video.camera_motion", "links": {{{links}}}, "params": {{{params}}}}}'


FILES: dict[str, tuple[str, bytes | str]] = {
    "empty": ("empty-file", "§"),
    "blank": ("empty-file", "§ \n\n"),
    "YAML": ("not-json", "§nodes:\n  a: 1\n"),
    "cut short": ("not-json", '{"nodegraph": 1, "nodes": {§'),
    "comma at the end": ("not-json", '{"nodegraph": 1,\n "nodes": {},§}'),
    "comment": ("not-json", '{"nodegraph": 1, §// one\n "nodes": {}}'),
    "single quotes": ("not-json", "{§'nodegraph': 1}"),
    "two objects": ("not-json", '{"nodegraph": 1}\n§{"nodes": {}}'),
    "number as key": ("not-json", graph('§1: {"type": "load.coco"}')),
    "float as key": ("not-json", graph('§1.5: {"type": "load.coco"}')),
    "null as key": ("not-json", graph('§null: {"type": "load.coco"}')),
    "true as key": ("not-json", graph('§true: {"type": "load.coco"}')),
    "list as key": ("not-json", graph('§[1]: {"type": "load.coco"}')),
    "object as key": ("not-json", graph('§{}: {"type": "load.coco"}')),
    "bare word as key": ("not-json", graph('§photos: {"type": "load.coco"}')),
    "10,000 lists in lists": ("too-deep", "[" * 64 + "§" + "[" * 9_936 + "]" * 10_000),
    "10,000 objects in objects": ("too-deep", '{"a":' * 64 + "§" + '{"a":' * 9_936 + "0" + "}" * 10_000),
    "10,000 open brackets": ("too-deep", "[" * 64 + "§" + "[" * 9_936),
    "5,000 digits": ("number-too-long", '{"nodegraph": 1,\n"seed": §' + "1" * 5_000 + "}"),
    "half a pair": ("broken-unicode", '{"nodegraph": 1,\n"name": §"\\ud800", "nodes": {}}'),
    "a list": ("not-an-object", "§[]"),
    "null": ("not-an-object", "§null"),
    "no version": ("wrong-version", '§{"nodes": {}}'),
    "later version": ("wrong-version", '{"nodegraph": §2, "nodes": {}}'),
    "version as text": ("wrong-version", '{"nodegraph": §"1", "nodes": {}}'),
    "no nodes": ("missing-key", '§{"nodegraph": 1}'),
    "nodes as a list": ("wrong-json-type", '{"nodegraph": 1, "nodes": §[]}'),
    "seed as text": ("wrong-json-type", graph(PHOTOS, head='"seed": §"7", ')),
    "unknown key": ("unknown-key", graph(PHOTOS, head='§"nmae": "x", ')),
    "key twice": ("duplicate-key", graph(PHOTOS, "§" + PHOTOS)),
    "graph input of no type": ("unknown-type", graph(PHOTOS, head='"inputs": {"r": {"type": §"pth"}}, ')),
    "output of no node": ("unknown-node", graph(PHOTOS, tail=', "outputs": {"o": §"photoz.image"}')),
}  # fmt: skip

NODES: dict[str, tuple[str, str]] = {
    "node as text": ("wrong-json-type", '"clip": §"load.coco"'),
    "node without type": ("missing-key", '§"clip": {}'),
    "unknown key of a node": ("unknown-key", '"few": {"type": "export.preview", §"parms": {}}'),
    "bad node id": ("bad-name", '§"my photos": {"type": "load.coco", "params": {"root": "."}}'),
    "reserved id": ("reserved-name", '§"inputs": {"type": "load.coco", "params": {"root": "."}}'),
    "unknown type": ("unknown-node-type", '"others": {"type": §"load.cocoa"}'),
    "unknown param": ("unknown-input", clip('§"framez": 4')),
    "unknown input": ("unknown-input", clip(links='"image": "photos.image", §"bxes": "photos.boxes"')),
    "link and param": ("link-and-param", clip('§"image": 1')),
    "missing input": ("missing-input", clip(links="", name='§"clip"')),
    "param twice": ("duplicate-key", clip('"frames": 4, §"frames": 5')),
    "text for an int": ("bad-literal", clip('"frames": §"8"')),
    "3.9 for an int": ("bad-literal", clip('"frames": §3.9')),
    "3.0 for an int": ("bad-literal", clip('"frames": §3.0')),
    "true for an int": ("bad-literal", clip('"frames": §true')),
    "null for an int": ("bad-literal", clip('"frames": §null')),
    "out of bounds": ("bad-literal", clip('"frames": §0')),
    "beyond 64 bits": ("bad-literal", clip('"frames": §9223372036854775808')),
    "bound that is left out": ("bad-literal", clip('"relief": §1')),
    "unknown choice": ("bad-literal", clip('"path": §"pan_rihgt"')),
    "text for a bool": ("bad-literal", OTHERS.replace('"."', '".", "crowd": §"false"')),
    "NaN": ("not-finite", clip('"fps": §NaN')),
    "infinity": ("not-finite", clip('"fps": §-Infinity')),
    "too large for a float": ("not-finite", clip('"fps": §1e999')),
    "picture as a literal": ("not-a-literal", clip('"image": §"cat.jpg"', "")),
    "link with a space": ("bad-link", clip(links='"image": §"photos image"')),
    "link as a list": ("wrong-json-type", clip(links='"image": §["photos", "image"]')),
    "link to no node": ("unknown-node", clip(links='"image": §"photoz.image"')),
    "link to no output": ("unknown-output", clip(links='"image": §"photos.imgae"')),
    "output not named": ("ambiguous-output", clip(links='"image": §"photos"')),
    "link to no graph input": ("unknown-graph-input", clip(links='"image": §"inputs.y"')),
    "another type": ("type-mismatch", clip(links='"image": §"photos.boxes"')),
    "plain value for a stream": (
        "not-a-stream",
        PAGE + ",\n" + TAKE),
    "cycle": (
        "cycle", clip(links='"image": §"b"', name='"a"') + ",\n" + clip(links='"image": "a"', name='"b"')),
    "two origins": (
        "different-origins",
        OTHERS + ",\n" + clip(links='"image": "photos.image", "boxes": §"others.boxes"')),
    "subgraph not there": ("broken-subgraph", '"sub": {"type": §"./none.json"}'),
    "file in itself": ("inclusion-cycle", '"sub": {"type": §"./bad.json"}'),
}  # fmt: skip

GRAPHS = FILES | {name: (code, graph(PHOTOS, node, head=NUMBER)) for name, (code, node) in NODES.items()}


def refused(ended, code: str, place: str) -> None:
    """Exit 2, nothing on stdout, and a few lines with the place and the code."""
    assert (ended.exit, ended.stdout) == (2, "")
    assert f"{place}: " in ended.stderr
    assert f"[{code}]" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) <= 12


def marked(text: str) -> tuple[str, str]:
    """The text without its mark, and the line and column where the mark stood."""
    before, mark, after = text.partition("§")
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    return before + after, f":{line}:{column}" if mark else ""


@pytest.mark.parametrize("name", GRAPHS)
def test_graph_with_a_mistake_is_refused_with_its_place(run_cli, tmp_path, name):
    code, text = GRAPHS[name]
    content, place = marked(text)
    (tmp_path / "bad.json").write_text(content, encoding="utf-8")
    refused(run_cli("check", "bad.json"), code, f"bad.json{place}")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'\xef\xbb\xbf{"nodegraph": 1, "nodes": {}}', "byte-order-mark"),
        ('{"nodegraph": 1, "nodes": {}}'.encode("utf-16"), "byte-order-mark"),
        (b'{"nodegraph": 1, "name": "\xe4"}', "not-utf8"),
        (bytes(range(128, 256)) * 10, "not-utf8"),
    ],
    ids=["byte order mark", "UTF-16", "Latin-1", "binary"],
)
def test_file_in_another_encoding_is_refused_by_name(run_cli, tmp_path, content, code):
    (tmp_path / "bad.json").write_bytes(content)
    refused(run_cli("check", "bad.json"), code, "bad.json")


def test_file_of_50_mb_is_refused_with_its_size(run_cli, tmp_path):
    with (tmp_path / "bad.json").open("wb") as file:
        file.truncate(50_000_000)
    ended = run_cli("check", "bad.json")
    refused(ended, "file-too-large", "bad.json")
    assert "47.7 MiB" in ended.stderr


def test_folder_is_refused_as_no_file(run_cli, tmp_path):
    (tmp_path / "bad.json").mkdir()
    refused(run_cli("check", "bad.json"), "not-a-file", "bad.json")


def test_run_without_a_graph_input_that_has_no_default_is_refused(run_cli, tmp_path):
    (tmp_path / "bad.json").write_text(graph(PHOTOS, head='"inputs": {"n": {"type": "int"}}, '))
    refused(run_cli("run", "bad.json"), "missing-graph-input", "bad.json:1:29")


@pytest.mark.parametrize("arguments", [("run",), ("plan",), ("show",), ("fmt",), ("get", "clip")])
def test_every_command_on_graphs_refuses_a_bad_one_and_leaves_it(run_cli, tmp_path, arguments):
    content, place = marked(graph(PHOTOS, clip('§"framez": 4')))
    (tmp_path / "bad.json").write_text(content)
    command, *rest = arguments
    refused(run_cli(command, "bad.json", *rest), "unknown-input", f"bad.json{place}")
    assert (tmp_path / "bad.json").read_text() == content
    assert not (tmp_path / "out").exists()


def test_json_has_code_and_pointer_of_every_mistake(run_cli, tmp_path):
    (tmp_path / "bad.json").write_text(graph(PHOTOS, clip('"framez": 4, "fps": NaN')))
    ended = run_cli("check", "bad.json", "--json")
    errors = json.loads(ended.stdout)["errors"]
    assert ended.exit == 2
    assert {(error["code"], error["pointer"]) for error in errors} == {
        ("unknown-input", "/nodes/clip/params/framez"),
        ("not-finite", "/nodes/clip/params/fps"),
    }
    assert {Path(error["file"]).name for error in errors} == {"bad.json"}


def test_file_that_is_not_there_is_named_with_one_like_it(run_cli, tmp_path):
    (tmp_path / "graph.json").write_text(graph(PHOTOS))
    ended = run_cli("check", "grpah.json")
    refused(ended, "file-not-found", "grpah.json")
    assert "did you mean 'graph.json'?" in ended.stderr


@pytest.mark.parametrize(
    ("setting", "code", "named"),
    [
        ("clip", "bad-setting", "found 'clip'"),
        ("clip.image=1", "linked-input", "'image' of 'clip'"),
        ("clip.frames=0", "bad-literal", "'frames' of 'clip'"),
    ],
)
def test_setting_with_a_mistake_is_refused_with_what_it_sets(run_cli, tmp_path, setting, code, named):
    (tmp_path / "graph.json").write_text(graph(PHOTOS, clip()))
    ended = run_cli("run", "graph.json", "--set", setting)
    assert ended.exit == 2
    assert named in ended.stderr
    assert f"[{code}]" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_batch_beside_a_stream_that_is_none_is_refused(run_cli, tmp_path):
    (tmp_path / "pack.py").write_text(
        "from nodegraph import Batch, node\nfrom nodes.types import Boxes, Image\n\n\n"
        '@node("test.look", version=1)\n'
        "def look(images: Batch[Image], boxes: Boxes) -> Batch[Image]:\n"
        '    """Look at pictures."""\n    return images\n'
    )
    look = '"look": {"type": "test.look", "links": {"images": "photos.image", "boxes": §"photos.boxes"}}'
    content, place = marked(graph(PHOTOS, look))
    (tmp_path / "bad.json").write_text(content)
    ended = run_cli("check", "bad.json", "--nodes", "pack.py")
    refused(ended, "batch-needs-batch", f"bad.json{place}")
