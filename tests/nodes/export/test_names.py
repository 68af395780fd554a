import pytest

from nodes.export.names import file_stem, file_stems, source_of


@pytest.mark.parametrize(
    ("key", "stem"),
    [
        ("photo/0003", "photo/0003"),
        ("a.b", "a.b"),
        ("Größe 猫", "Größe 猫"),
        ('a:b?c*"<>|', "a_b_c_____"),
        ("tab\tline\n", "tab_line_"),
        (".hidden", "_hidden"),
        ("dot.", "dot_"),
        ("space ", "space_"),
        ("a//./b/", "a/b"),
        (".", "_"),
    ],
)
def test_a_key_becomes_a_portable_relative_path(key, stem):
    assert file_stem(key) == stem


def test_an_overlong_part_is_cut_at_a_character_and_stays_distinct():
    first, second = file_stem("é" * 300 + "1"), file_stem("é" * 300 + "2")
    assert first != second
    assert len(first.encode()) < 255


def test_the_suffix_of_a_source_picture_is_left_off_in_folders_too():
    assert file_stems(["cat.jpg", "dog.JPEG/0003", "v1.2/x"]) == {
        "cat.jpg": "cat",
        "dog.JPEG/0003": "dog/0003",
        "v1.2/x": "v1.2/x",
    }


def test_two_keys_that_differ_by_suffix_alone_keep_it():
    assert file_stems(["cat.jpg", "cat.png", "dog.png"]) == {
        "cat.jpg": "cat.jpg",
        "cat.png": "cat.png",
        "dog.png": "dog",
    }


@pytest.mark.parametrize(
    ("key", "source"),
    [
        ("cat.jpg/0003", "cat.jpg"),
        ("images/train/cat.jpg/0003/1", "images/train/cat.jpg"),
        ("cat/0003", "cat"),
        ("cat", "cat"),
    ],
)
def test_the_source_of_an_item_is_the_picture_at_the_start_of_its_key(key, source):
    assert source_of(key) == source
