import pytest

from nodes.export.folder import ExportError, ExportFolder


def test_written_files_are_recorded_with_their_items(tmp_path):
    folder = ExportFolder(tmp_path)
    folder.write("a/b.txt", "ä\n", ["x", "y"])
    assert (tmp_path / "a/b.txt").read_bytes() == "ä\n".encode()
    assert folder.artifact().made_from == {"a/b.txt": ["x", "y"]}


def test_the_same_name_twice_is_an_error_that_names_both_items(tmp_path):
    folder = ExportFolder(tmp_path)
    folder.write("a.jpg", b"1", ["x:"])
    with pytest.raises(ExportError, match=r"item 'x:' and 'x_': the name 'a\.jpg' is taken"):
        folder.write("a.jpg", b"2", ["x_"])


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a"), ("a", "a/b/c")])
def test_a_name_that_is_file_and_folder_is_an_error(tmp_path, first, second):
    folder = ExportFolder(tmp_path)
    folder.write(first, b"1", ["x"])
    with pytest.raises(ExportError, match="item 'y': the name"):
        folder.write(second, b"2", ["y"])
