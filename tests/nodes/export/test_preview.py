from dataclasses import replace

import numpy as np
import pytest

from nodegraph import Stream
from nodes.export import export_preview
from nodes.export.folder import ExportError
from nodes.types import File


@pytest.fixture
def clip():
    return File(b"clip bytes", ".mp4", 48, 32)


def test_pictures_stand_beside_the_clip_their_key_begins_with(picture, boxes, clip, ctx, contents):
    keys = ["cat.jpg/0000", "cat.jpg/0001", "dog.jpg/0000"]
    artifact = export_preview(
        Stream.of({key: picture() for key in keys}),
        Stream.of({key: boxes((1, 2, 3, 4, 0)) for key in keys}),
        Stream.of({"cat.jpg": clip, "dog.jpg": clip}),
        ctx=ctx,
    )
    assert sorted(contents(artifact)) == [
        "clips/cat.mp4",
        "clips/dog.mp4",
        "index.html",
        "pictures/cat/0000.jpg",
        "pictures/cat/0001.jpg",
        "pictures/dog/0000.jpg",
        "sheets/001.jpg",
    ]
    page = (artifact.folder / "index.html").read_text("utf-8")
    cat, dog = page.split("<section")[1:3]
    assert "clips/cat.mp4" in cat
    assert "pictures/cat/0001.jpg" in cat
    assert "dog" not in cat
    assert "pictures/dog/0000.jpg" in dog
    assert "0001 · 1 box" in cat


def test_every_file_names_the_items_behind_it(picture, clip, ctx, contents):
    artifact = export_preview(Stream.of({"a/1": picture()}), clips=Stream.of({"a": clip}), ctx=ctx)
    assert artifact.made_from == {
        "pictures/a/1.jpg": ["a/1"],
        "clips/a.mp4": ["a"],
        "sheets/001.jpg": ["a/1"],
        "index.html": ["a/1", "a"],
    }
    assert sorted(artifact.made_from) == sorted(contents(artifact))


def test_over_the_limit_sources_are_spread_over_the_stream(picture, clip, ctx, contents):
    keys = [f"photo{number:02d}/{frame}" for number in range(20) for frame in range(5)]
    artifact = export_preview(
        Stream.of({key: picture() for key in keys}),
        clips=Stream.of({f"photo{number:02d}": clip for number in range(20)}),
        limit=20,
        ctx=ctx,
    )
    shown = {name.split("/")[1] for name in contents(artifact) if name.startswith("pictures/")}
    assert shown == {"photo00", "photo05", "photo10", "photo15"}
    assert sum(name.startswith("pictures/") for name in contents(artifact)) == 20
    assert sum(name.startswith("clips/") for name in contents(artifact)) == 4
    assert "20 of 100 pictures are shown" in (artifact.folder / "index.html").read_text()


@pytest.mark.parametrize("limit", [1, 3, 7, 24, 25, 1000])
def test_the_limit_is_kept_whatever_the_sizes(picture, ctx, contents, limit):
    keys = [f"s{source}/{number}" for source, size in enumerate((1, 20, 3)) for number in range(size)]
    artifact = export_preview(Stream.of({key: picture() for key in keys}), limit=limit, ctx=ctx)
    shown = sum(name.startswith("pictures/") for name in contents(artifact))
    assert 1 <= shown <= min(limit, 24)


def test_a_clip_all_of_whose_pictures_were_dropped_is_still_shown(picture, clip, ctx, contents):
    artifact = export_preview(
        Stream.of({"a/1": picture()}), clips=Stream.of({"a": clip, "lost": clip}), ctx=ctx
    )
    assert "clips/lost.mp4" in contents(artifact)


def test_many_pictures_fill_several_sheets(picture, ctx, contents):
    artifact = export_preview(Stream.of([picture() for _ in range(11)]), columns=2, cell=32, ctx=ctx)
    assert [name for name in contents(artifact) if name.startswith("sheets/")] == [
        "sheets/001.jpg",
        "sheets/002.jpg",
    ]
    assert artifact.made_from["sheets/002.jpg"] == ["10"]


def test_an_empty_dataset_gives_a_page_that_says_so(ctx, contents):
    artifact = export_preview(Stream.of([]), Stream.of([]), Stream.of([]), ctx=ctx)
    assert list(contents(artifact)) == ["index.html"]
    assert "<b>0</b> pictures" in contents(artifact)["index.html"].decode()


def test_clips_alone_are_shown_in_one_grid(clip, ctx, contents):
    artifact = export_preview(clips=Stream.of({"a": clip, "b": clip}), ctx=ctx)
    assert list(contents(artifact)) == ["clips/a.mp4", "clips/b.mp4", "index.html"]
    page = contents(artifact)["index.html"].decode()
    assert page.count("<section") == 1
    assert page.count("<video") == 2
    assert "picture" not in page.partition("<body>")[2]


def test_nothing_linked_is_an_error_that_says_what_to_link(ctx):
    with pytest.raises(ExportError, match="link 'images', 'clips' or both"):
        export_preview(ctx=ctx)


def test_equal_input_gives_equal_bytes(picture, boxes, clip, ctx, contents):
    first, second = (
        contents(
            export_preview(
                Stream.of({"a/1": picture()}),
                Stream.of({"a/1": boxes((1, 2, 3, 4, 0))}),
                Stream.of({"a": clip}),
                ctx=ctx,
            )
        )
        for _ in range(2)
    )
    assert first == second


def test_regions_to_ignore_are_not_counted(picture, boxes, ctx, contents):
    found = replace(boxes((1, 2, 3, 4, 0), (1, 2, 3, 4, 0)), ignore=np.array([False, True]))
    artifact = export_preview(Stream.of({"a": picture()}), Stream.of({"a": found}), ctx=ctx)
    page = contents(artifact)["index.html"].decode()
    assert "a · 1 box" in page
    assert "<b>1</b> box<" in page
