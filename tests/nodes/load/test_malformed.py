"""Whatever is in an annotation file, a loader reads it or says in its own words what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from nodegraph import Item
from nodegraph.types.wire import encode
from nodes.load import (
    AnnotatedImage,
    AnnotationError,
    OutsideRootError,
    PictureError,
    load_coco,
    load_semantic_drone,
    load_visdrone,
    load_voc,
    load_yolo,
)

KNOWN = (AnnotationError, OutsideRootError, PictureError, FileNotFoundError, IsADirectoryError)


@dataclass(frozen=True)
class Format:
    """A good data set as files, the one of them that is damaged, and words that damage may put there."""

    load: Callable[[Path], Iterator[Item[AnnotatedImage]]]
    picture: str
    files: dict[str, str]
    damaged: str
    words: tuple[str, ...]


NUMBERS = ("-1", "1e999", "nan", "9" * 5000, "1_0", "٣", "0x1", "1e-400", "", " ", "99999999999")
NAMES = ("../a.png", "/etc/passwd", "a\x00b", "x" * 300, "CON", "\\", "a/", ".", "..", "\ud83d", "☃", "\x85")
COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": 20, "height": 10}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "iscrowd": 0}],
    "categories": [{"id": 1, "name": "cat"}],
}
VOC = (
    "<annotation><size><width>20</width><height>10</height></size><object><name>cat</name>"
    "<difficult>0</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox>"
    "</object></annotation>"
)
LABEL_ME = (
    "<annotation><imagesize><nrows>10</nrows><ncols>20</ncols></imagesize><object><name>person</name>"
    "<polygon><pt><x>1</x><y>2</y></pt><pt><x>3</x><y>4</y></pt></polygon></object></annotation>"
)
XML = ("&amp;", "&x;", "<a>", "</a>", "<!DOCTYPE a>", '<?xml version="1.0" encoding="x"?>', "<![CDATA[1]]>")
YAML = ("[]", "{}", "null", "!!python/object:os.system", "&a [*a]", "? ", "- ", ": ", "1.5", "2020-01-01")
JSON = ("null", "true", "[]", "{}", '"x"', "NaN", "Infinity", "1e400", '"\\ud800"', "[" * 2000)
FORMATS = {
    "coco": Format(
        load_coco, "a.png", {"annotations.json": json.dumps(COCO)}, "annotations.json", (*NUMBERS, *JSON)
    ),
    "voc": Format(
        load_voc, "JPEGImages/a.png", {"Annotations/a.xml": VOC}, "Annotations/a.xml", (*NUMBERS, *XML)
    ),
    "voc list": Format(
        lambda root: load_voc(root, split="train"),
        "JPEGImages/a.png",
        {"Annotations/a.xml": VOC, "ImageSets/Main/train.txt": "a\nb -1\n"},
        "ImageSets/Main/train.txt",
        NAMES,
    ),
    "yolo": Format(
        load_yolo,
        "images/a.png",
        {"data.yaml": "train: images\nnames: [cat]\n", "labels/a.txt": "0 0.5 0.5 0.1 0.1\n"},
        "labels/a.txt",
        NUMBERS,
    ),
    "yolo data": Format(
        load_yolo,
        "images/a.png",
        {"data.yaml": "path: .\ntrain: images\nnames:\n  0: cat\nnc: 1\n", "labels/a.txt": "0 .5 .5 .1 .1\n"},
        "data.yaml",
        (*NAMES, *YAML, *NUMBERS),
    ),
    "yolo list": Format(
        load_yolo,
        "images/a.png",
        {"data.yaml": "train: train.txt\nnames: [cat]\n", "train.txt": "images/a.png\nimages/a.png.png\n"},
        "train.txt",
        NAMES,
    ),
    "visdrone": Format(
        load_visdrone,
        "images/a.png",
        {"annotations/a.txt": "1,2,3,4,1,4,0,0\n"},
        "annotations/a.txt",
        (*NUMBERS, ","),
    ),
    "labelme": Format(
        load_semantic_drone,
        "images/a.png",
        {"gt/bounding_box/label_me_xml/a.xml": LABEL_ME},
        "gt/bounding_box/label_me_xml/a.xml",
        (*NUMBERS, *XML),
    ),
    "class file": Format(
        load_semantic_drone,
        "images/a.png",
        {
            "gt/bounding_box/label_me_xml/a.xml": LABEL_ME,
            "gt/semantic/class_dict.csv": "name, r, g, b, id\nperson, 1, 2, 3, 4\n",
        },
        "gt/semantic/class_dict.csv",
        (*NUMBERS, '"', '""', ",", "\n", "\r"),
    ),
}


@pytest.fixture(params=FORMATS.values(), ids=FORMATS.keys())
def form(request) -> Format:
    return request.param


@st.composite
def damage(draw: st.DrawFn, text: str, words: tuple[str, ...]) -> bytes:
    """The text with up to three pieces replaced by a word, by bytes, or by nothing."""
    content = text.encode()
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 12)))
        word = st.sampled_from(words).map(lambda found: found.encode("utf-8", "surrogatepass"))
        content = content[:start] + draw(st.one_of(word, word, st.binary(max_size=4))) + content[end:]
    return content


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_damaged_file_is_read_or_refused_in_words(form, data):
    content = data.draw(damage(form.files[form.damaged], form.words))
    with TemporaryDirectory() as place:
        root = Path(place)
        (root / form.picture).parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(np.zeros((10, 20, 3), np.uint8)).save(root / form.picture)
        for name, text in form.files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        (root / form.damaged).write_bytes(content)
        for message in refusals(form.load(root)):
            assert message


def refusals(items: Iterator[Item[AnnotatedImage]]) -> Iterator[str]:
    """The known errors of listing and making; what comes through can be stored."""
    try:
        for item in items:
            yield from refusal(item)
    except KNOWN as error:
        yield str(error)


def refusal(item: Item[AnnotatedImage]) -> Iterator[str]:
    encode(item.uses)
    try:
        encode(item.value.boxes)
    except KNOWN as error:
        yield str(error)
