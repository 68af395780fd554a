"""`load.images`: which files are taken, in what order and under what key; a bad one fails alone."""

from __future__ import annotations

import os

import pytest

from nodegraph.node.declare import node_type_of
from nodes.load import OutsideRootError, PictureError, load_images


def keys(items) -> list[str]:
    return [item.key for item in items]


def test_pictures_are_found_in_subfolders_in_the_order_of_their_names(tmp_path, picture):
    for name in ("b.png", "a/z.JPG", "a/b/c.tif", "B.webp"):
        picture(tmp_path / name)
    assert keys(load_images(tmp_path)) == ["B.webp", "a/b/c.tif", "a/z.JPG", "b.png"]


def test_other_and_hidden_files_are_left_out(tmp_path, picture):
    for name in ("a.png", ".hidden.png", ".cache/b.png", "x/.y/c.png"):
        picture(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    assert keys(load_images(tmp_path)) == ["a.png"]


def test_pattern_selects_files(tmp_path, picture):
    for name in ("a.png", "b.jpg", "sub/c.png"):
        picture(tmp_path / name)
    assert keys(load_images(tmp_path, pattern="*.png")) == ["a.png"]
    assert keys(load_images(tmp_path, pattern="sub/*")) == ["sub/c.png"]


def test_key_of_a_file_does_not_change_when_others_are_added(tmp_path, picture):
    picture(tmp_path / "a.png")
    before = keys(load_images(tmp_path))
    picture(tmp_path / "a.jpg")
    picture(tmp_path / "0.png")
    assert set(before) < set(keys(load_images(tmp_path)))


def test_names_that_cannot_be_keys_still_give_items(tmp_path, picture):
    picture(tmp_path / "a\\b.png")
    picture(tmp_path / os.fsdecode(b"caf\xe9.png"))
    found = list(load_images(tmp_path))
    assert keys(found) == ["a%5Cb.png", "caf%5Cudce9.png"]
    assert [item.value.size for item in found] == [(20, 10), (20, 10)]


def test_listing_decodes_nothing(tmp_path):
    (tmp_path / "a.png").write_bytes(b"not decoded while listing")
    (item,) = load_images(tmp_path)
    assert item.make is not None
    assert item.reads == (tmp_path / "a.png",)


def test_undecodable_file_fails_alone(tmp_path, picture):
    picture(tmp_path / "a.png")
    (tmp_path / "b.jpg").write_text("a text file named .jpg")
    picture(tmp_path / "c.png")
    good, bad, other = load_images(tmp_path)
    assert good.value.size == other.value.size == (20, 10)
    with pytest.raises(PictureError, match=r"b\.jpg"):
        bad.make()


def test_link_out_of_the_folder_fails_alone(tmp_path, picture):
    outside = picture(tmp_path / "outside.png")
    root = tmp_path / "root"
    picture(root / "a.png")
    (root / "b.png").symlink_to(outside)
    good, bad = load_images(root)
    assert good.value.size == (20, 10)
    assert bad.reads == ()
    with pytest.raises(OutsideRootError, match=r"b\.png: a symbolic link leads out of"):
        bad.make()


def test_link_within_the_folder_is_followed(tmp_path, picture):
    picture(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("a.png")
    assert [item.value.size for item in load_images(tmp_path)] == [(20, 10)] * 2


def test_dangling_link_fails_alone_and_by_name(tmp_path, picture):
    picture(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("gone.png")
    _, bad = load_images(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"b\.png: no such file"):
        bad.make()


def test_root_that_is_a_link_is_followed(tmp_path, picture):
    picture(tmp_path / "real/a.png")
    (tmp_path / "root").symlink_to("real")
    assert [item.value.size for item in load_images(tmp_path / "root")] == [(20, 10)]


def test_missing_root_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        list(load_images(tmp_path / "nowhere"))


def test_root_that_is_a_file_is_refused(tmp_path, picture):
    with pytest.raises(NotADirectoryError, match=r"a\.png: is a file"):
        list(load_images(picture(tmp_path / "a.png")))


def test_folder_without_a_picture_is_an_error(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(FileNotFoundError, match=r"no picture in it matches the pattern '\*\*/\*'"):
        list(load_images(tmp_path))


@pytest.mark.parametrize("pattern", ["../*", "/etc/*", "a/../../*"])
def test_pattern_that_leads_out_is_refused(tmp_path, picture, pattern):
    picture(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"must be relative to 'root' and without '\.\.'"):
        list(load_images(tmp_path, pattern=pattern))


def test_malformed_pattern_is_refused(tmp_path, picture):
    picture(tmp_path / "a.png")
    with pytest.raises(ValueError, match="pattern"):
        list(load_images(tmp_path, pattern="a**b/*"))


def test_it_is_an_impure_source_with_one_output():
    declared = node_type_of(load_images)
    assert declared.is_source
    assert not declared.pure
    assert [str(port.type) for port in declared.signature.outputs] == ["image"]
