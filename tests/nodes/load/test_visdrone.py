"""`load.visdrone`: rows, classes, regions to ignore, and bad input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nodes.load import AnnotationError, OutsideRootError, load_visdrone


@pytest.fixture
def visdrone(tmp_path, picture) -> Callable[..., Path]:
    """Writes a VisDrone data set of two 20×10 pictures; `rows` are the lines of `a`, and `b` has none."""

    def write(rows: str | bytes = "1,2,3,4,1,4,0,0\n") -> Path:
        (tmp_path / "annotations").mkdir(exist_ok=True)
        content = rows if isinstance(rows, bytes) else rows.encode()
        (tmp_path / "annotations/a.txt").write_bytes(content)
        (tmp_path / "annotations/b.txt").write_text("")
        picture(tmp_path / "images/a.png")
        picture(tmp_path / "images/b.png")
        return tmp_path

    return write


def items(root, **params):
    return {item.key: item for item in load_visdrone(root, **params)}


def boxes(root, **params):
    return items(root, **params)["a.png"].value.boxes


def test_rows_become_corners_and_classes_keep_their_ids(visdrone):
    found = boxes(visdrone("1,2,3,4,1,4,0,1\n10,0,10,10,1,10,1,2\n"))
    assert found.xyxy.tolist() == [[1, 2, 4, 6], [10, 0, 20, 10]]
    assert [found.categories.names[index] for index in found.class_ids] == ["car", "motor"]
    assert found.categories.ids == tuple(range(12))
    assert found.scores.tolist() == [1, 1]
    assert found.ignore.tolist() == [False, False]


def test_empty_file_means_no_objects(visdrone):
    assert len(items(visdrone())["b.png"].value.boxes) == 0


def test_ignored_regions_and_rows_with_score_zero_are_regions_to_ignore(visdrone):
    found = boxes(visdrone("1,2,3,4,1,0,0,0\n1,2,3,4,0,0,0,0\n1,2,3,4,0,4,0,0\n1,2,3,4,1,4,0,0\n"))
    assert found.ignore.tolist() == [True, True, True, False]
    assert found.class_ids.tolist() == [0, 0, 4, 4]
    assert found.scores.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "rows",
    [
        b"1,2,3,4,1,4,0,0,\n",
        b"1,2,3,4,1,4,0,0\r\n\r\n",
        b"\n\n 1, 2, 3, 4, 1, 4, 0, 0\n",
        b"\xef\xbb\xbf1,2,3,4,1,4,0,0",
        b"1.0,2,3.0,4,1,4,-1,-1\r",
    ],
    ids=["comma at the end", "crlf and blank lines", "spaces", "byte order mark", "decimals, bare cr"],
)
def test_what_published_files_have_does_no_harm(visdrone, rows):
    assert boxes(visdrone(rows)).xyxy.tolist() == [[1, 2, 4, 6]]


def test_chosen_classes_keep_their_ids_beside_the_ignored_regions(visdrone):
    found = boxes(visdrone("1,2,3,4,1,4,0,0\n1,2,3,4,1,9,0,0\n0,0,5,5,0,0,0,0\n"), classes=["bus"])
    assert found.categories.names == ("ignored regions", "bus")
    assert found.categories.ids == (0, 9)
    assert found.class_ids.tolist() == [1, 0]


def test_results_have_confidences_and_nothing_to_ignore(visdrone):
    found = boxes(visdrone("1.5,2,3,4,0.25,4,-1,-1\n1,2,3,4,0,4,-1,-1\n"), rows="results")
    assert found.scores.tolist() == [0.25, 0]
    assert found.ignore.tolist() == [False, False]
    assert found.xyxy[0].tolist() == [1.5, 2, 4.5, 6]


def test_box_over_the_edge_is_cut_and_one_outside_left_out_with_a_warning(visdrone, caplog):
    found = boxes(visdrone("-5,5,100,100,1,4,0,0\n30,0,5,5,1,4,0,0\n4,4,0,3,1,5,0,0\n"))
    assert found.xyxy.tolist() == [[0, 5, 20, 10]]
    assert caplog.text.count("left out") == 2


BAD_ROWS = {
    "seven columns": ("1,2,3,4,1,4,0\n", r"a\.txt:1 must be eight numbers"),
    "nine columns": ("1,2,3,4,1,4,0,0,7\n", r"a\.txt:1 must be eight numbers"),
    "spaces for commas": ("1 2 3 4 1 4 0 0\n", r"a\.txt:1 must be eight numbers"),
    "two commas at the end": ("1,2,3,4,1,4,0,0,,\n", r"a\.txt:1 must be eight numbers"),
    "no number": ("\n1,2,x,4,1,4,0,0\n", r"a\.txt:2 must be eight numbers"),
    "not finite": ("1,2,inf,4,1,4,0,0\n", r"must be eight numbers"),
    "beyond all pictures": ("1,2,1e300,4,1,4,0,0\n", r"must be eight numbers"),
    "negative width": ("1,2,-3,4,1,4,0,0\n", r"width and height must be not negative"),
    "category above eleven": ("1,2,3,4,1,12,0,0\n", r"the category must be 0 to 11, not '12'"),
    "category between": ("1,2,3,4,1,1.5,0,0\n", r"the category must be 0 to 11"),
    "confidence in ground truth": (
        "1,2,3,4,0.9,4,-1,-1\n",
        r"score must be 1 .* results need rows: results",
    ),
    "binary": (b"\xff\xfe\x00", r"must be a text file in UTF-8"),
}


@pytest.mark.parametrize(("rows", "message"), BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_bad_row_fails_that_item_alone_with_file_and_line(visdrone, rows, message):
    found = items(visdrone(rows))
    assert found["b.png"].value.image.size == (20, 10)
    with pytest.raises(AnnotationError, match=message) as caught:
        found["a.png"].make()
    assert "a.txt" in str(caught.value)


def test_confidence_above_one_is_refused(visdrone):
    with pytest.raises(AnnotationError, match=r"a\.txt:1: the score of a result must be 0 to 1, not 7"):
        boxes(visdrone("1,2,3,4,7,4,-1,-1\n"), rows="results")


def test_picture_without_annotations_fails_alone_and_says_what_an_empty_file_means(visdrone):
    root = visdrone()
    (root / "annotations/a.txt").unlink()
    found = items(root)
    assert found["b.png"].value.image.size == (20, 10)
    with pytest.raises(FileNotFoundError, match=r"a\.txt: no such file; an empty one"):
        found["a.png"].make()


def test_annotations_without_picture_fail_alone(visdrone):
    root = visdrone()
    (root / "images/a.png").unlink()
    found = items(root)
    assert list(found) == ["a.txt", "b.png"]
    with pytest.raises(FileNotFoundError, match="there is no picture 'a'"):
        found["a.txt"].make()


def test_two_pictures_of_one_name_fail_alone(visdrone, picture):
    root = visdrone()
    picture(root / "images/a.jpg")
    with pytest.raises(AnnotationError, match=r"several pictures have the name 'a': a\.jpg, a\.png"):
        items(root)["a.jpg"].make()


@pytest.mark.parametrize("name", ["images/a.png", "annotations/a.txt"])
def test_link_out_of_the_root_fails_that_item_alone(visdrone, tmp_path_factory, name):
    root = visdrone()
    elsewhere = tmp_path_factory.mktemp("elsewhere") / Path(name).name
    (root / name).rename(elsewhere)
    (root / name).symlink_to(elsewhere)
    found = items(root)
    assert found["b.png"].value.image.size == (20, 10)
    with pytest.raises(OutsideRootError, match="symbolic link leads out"):
        found["a.png"].make()


def test_folder_above_the_data_set_is_refused_with_a_hint(visdrone, picture, tmp_path):
    picture(tmp_path / "above/VisDrone2019-DET-val/images/a.png")
    with pytest.raises(FileNotFoundError, match="set 'root' to one of its folders VisDrone2019-DET-val"):
        items(tmp_path / "above")


def test_annotations_outside_the_root_are_refused(visdrone):
    with pytest.raises(OutsideRootError, match="must be a name below"):
        items(visdrone(), annotations="../annotations")


def test_unknown_class_is_named(visdrone):
    with pytest.raises(AnnotationError, match=r"'lorry' is no class of VisDrone, which has: ignored regions"):
        items(visdrone(), classes=["lorry"])


def test_listing_reads_nothing_and_names_what_each_item_depends_on(visdrone):
    root = visdrone("no row")
    (root / "images/a.png").write_bytes(b"no picture")
    assert items(root)["a.png"].reads == (root / "images/a.png", root / "annotations/a.txt")


def test_subset_draws_among_the_pictures(visdrone):
    root = visdrone()
    drawn = [list(items(root, subset=1, subset_seed=seed)) for seed in range(9)]
    assert sorted({key for keys in drawn for key in keys}) == ["a.png", "b.png"]
    assert {len(keys) for keys in drawn} == {1}
