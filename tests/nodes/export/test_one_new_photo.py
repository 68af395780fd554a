"""Of a data set of 1,000 photos and one new one, one photo is decoded and one picture is encoded."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from nodegraph import Graph
from nodes.export import export_coco
from nodes.image import encode_image
from nodes.load import load_coco


def write_photos(root: Path, count: int) -> None:
    """A COCO data set of `count` different 8×6 pictures with a box each; those there already stay."""
    for index in range(count):
        path = root / f"{index:04}.png"
        if not path.exists():
            colour = (index % 256, index // 256, 90)
            Pillow.fromarray(np.full((6, 8, 3), colour, np.uint8)).save(path)
    document = {
        "images": [
            {"id": index, "file_name": f"{index:04}.png", "width": 8, "height": 6} for index in range(count)
        ],
        "annotations": [
            {"id": index, "image_id": index, "category_id": 1, "bbox": [1, 1, 4, 3]} for index in range(count)
        ],
        "categories": [{"id": 1, "name": "thing"}],
    }
    (root / "annotations.json").write_text(json.dumps(document))


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    (tmp_path / "photos").mkdir()
    graph = Graph("photos again")
    photos = graph.add(load_coco, id="photos", root=tmp_path / "photos")
    picture = graph.add(encode_image, id="picture", image=photos.image)
    graph.output("coco", graph.add(export_coco, id="coco", files=picture, boxes=photos.boxes))
    return graph


@pytest.fixture
def encodes(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts what Pillow saves: every encode, also one that no event would tell of."""
    counts: Counter[str] = Counter()
    save = Pillow.Image.save

    def counted(image, target, *arguments, **options):
        counts["saved"] += 1
        return save(image, target, *arguments, **options)

    monkeypatch.setattr(Pillow.Image, "save", counted)
    return counts


def test_one_new_photo_among_1000_encodes_one_picture(tmp_path, graph, encodes):
    write_photos(tmp_path / "photos", 1000)
    first = graph.run(store=tmp_path / "store", out=tmp_path / "out")
    assert {name: node.executed for name, node in first.nodes.items()} == {
        "photos": 1000,
        "picture": 1000,
        "coco": 1,
    }
    write_photos(tmp_path / "photos", 1001)
    encodes.clear()

    second = graph.run(store=tmp_path / "store", out=tmp_path / "out")

    assert {name: (node.executed, node.cached) for name, node in second.nodes.items()} == {
        "photos": (1, 1000),
        "picture": (1, 1000),
        "coco": (1, 0),
    }
    assert encodes["saved"] == 1
    written = json.loads((tmp_path / "out/coco/annotations.json").read_text())
    assert (len(written["images"]), len(written["annotations"])) == (1001, 1001)
    assert len(list((tmp_path / "out/coco/images").iterdir())) == 1001
