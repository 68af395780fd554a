"""What `nodegraph trace` tells as text."""

from __future__ import annotations

import json

import pytest

from nodegraph.api import TraceError
from nodegraph.cli.trace import origin_lines, trace

ORIGIN = {
    "file": "images/cat/0003.png",
    "blake3": "ab" * 32,
    "size": 12,
    "items": ["cat.jpg/0003"],
    "sources": [
        {"node": "photos", "item": "cat.jpg", "files": ["cat.jpg"], "blake3": ["cd" * 32]},
        {"node": "masks", "item": None, "files": [], "blake3": []},
    ],
    "unchanged": True,
    "export": {
        "graph": "demo",
        "graph_file": "demo.json",
        "output": "coco",
        "node": "coco",
        "run": 3,
        "seed": 7,
        "nodegraph": "0.1.0",
        "packs": {"nodes": "0.1.0", "mine": None},
        "models": {"model.out": {"kind": "voice", "source": "hub/voice", "fingerprint": "f00d"}},
        "nodes": {
            "photos": {"type": "load.coco", "version": 1, "params": {"crowd": False}, "links": {}},
            "clip": {
                "type": "my.clip",
                "code": "0123456789abcdef99",
                "params": {},
                "files": {"mask": "ee" * 32},
                "seed": 8,
                "links": {"image": "photos.image"},
            },
        },
    },
}


def test_file_is_told_with_its_source_files_nodes_models_and_versions():
    assert "\n".join(origin_lines(ORIGIN)) == (
        "file: images/cat/0003.png\n"
        "unchanged since run 3 published it\n"
        "made of items: cat.jpg/0003\n"
        "from\n"
        "  photos: item cat.jpg\n"
        f"    cat.jpg  blake3 {'cd' * 32}\n"
        "  masks: all items\n"
        "graph: demo (demo.json), output coco, seed 7\n"
        "nodes\n"
        "  photos: load.coco, version 1\n"
        "    params: crowd=false\n"
        "  clip: my.clip, code 0123456789abcdef\n"
        "    links: image=photos.image\n"
        "    files: mask=eeeeeeeeeeeeeeee\n"
        "    seed: 8\n"
        "model model.out: voice, hub/voice, fingerprint f00d\n"
        "made with nodegraph 0.1.0; packs: nodes 0.1.0, mine"
    )


def test_changed_file_says_so_in_capitals():
    assert "CHANGED since run 3 published it" in origin_lines(ORIGIN | {"unchanged": False})


def test_many_sources_are_cut_and_counted():
    many = [{"node": "photos", "item": str(at), "files": [], "blake3": []} for at in range(25)]
    lines = list(origin_lines(ORIGIN | {"sources": many, "items": [str(at) for at in range(25)]}))
    assert "  and 15 more; --json has them all" in lines
    assert "made of items: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 15 more" in lines


def test_header_that_was_edited_is_a_clear_error(press):
    press.publish()
    record = press.out / "book.provenance.jsonl"
    head, *lines = record.read_text().splitlines()
    cut = {name: value for name, value in json.loads(head).items() if name != "nodes"}
    record.write_text("\n".join([json.dumps(cut), *lines]) + "\n")
    with pytest.raises(TraceError, match="not as nodegraph wrote it"):
        trace(press.out / "book/index.txt")
