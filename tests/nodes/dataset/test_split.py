import pytest

from nodegraph import Stream
from nodes.dataset import fraction, split

KEYS = [f"{index}.jpg" for index in range(200)]


def keys_of(stream):
    return [item.key for item in stream]


def test_two_parts_share_nothing_and_leave_nothing_out(pictures):
    train, test = (keys_of(split(*pictures(KEYS), part=part, test_share=0.3)) for part in ("train", "test"))
    assert sorted(train + test) == sorted(KEYS)
    assert 40 <= len(test) <= 80


def test_picture_that_is_added_moves_no_other_to_the_other_part(pictures):
    before = keys_of(split(*pictures(KEYS[:100]), part="test"))
    after = keys_of(split(*pictures(KEYS), part="test"))
    assert [key for key in after if key in KEYS[:100]] == before


def test_another_seed_gives_other_parts(pictures):
    first, second = (keys_of(split(*pictures(KEYS), split_seed=seed)) for seed in (0, 1))
    assert first != second


@pytest.mark.parametrize(
    ("part", "share", "change"), [("test", 0.0001, "raise test_share"), ("train", 0.9999, "lower test_share")]
)
def test_part_that_stays_empty_is_a_warning_with_what_to_change(pictures, caplog, part, share, change):
    assert keys_of(split(*pictures(KEYS[:3]), part=part, test_share=share, split_seed=7)) == []
    (told,) = caplog.messages
    assert told == (
        f"none of the 3 pictures are in the {part} part: {change} ({share}) or give another split_seed (7), "
        "the same for both parts"
    )


def test_parts_with_pictures_and_parts_of_nothing_are_no_warning(pictures, caplog):
    keys_of(split(*pictures([])))
    keys_of(split(*pictures(KEYS), part="test"))
    assert caplog.messages == []


def test_pictures_without_boxes_in_the_other_stream_are_in_no_part(pictures):
    images, boxes = pictures(KEYS)
    few = Stream.of({key: boxes[key].value for key in KEYS[:10]})
    parts = [keys_of(split(images, few, part=part)) for part in ("train", "test")]
    assert sorted(parts[0] + parts[1]) == sorted(KEYS[:10])


def test_picture_goes_with_its_own_boxes(pictures, boxes):
    images, labels = pictures(["a", "b"], of=lambda key: boxes(1 if key == "b" else 0))
    found = {item.key: item.value for item in fraction(images, labels)}
    assert found["b"].image.pixels[0, 0, 0] == 1
    assert found["b"].boxes.class_ids.tolist() == [1]


def test_smaller_share_is_part_of_a_larger_one_and_keeps_the_order(pictures):
    small, large = (keys_of(fraction(*pictures(KEYS), share=share, subset_seed=3)) for share in (0.1, 0.5))
    assert (len(small), len(large)) == (20, 100)
    assert set(small) < set(large)
    assert small == [key for key in KEYS if key in small]


def test_order_of_the_source_does_not_matter_for_what_a_share_holds(pictures):
    forward, backward = (keys_of(fraction(*pictures(keys), share=0.2)) for keys in (KEYS, KEYS[::-1]))
    assert sorted(forward) == sorted(backward)


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.0001, 1), (1.0, 200)])
def test_share_is_rounded_to_whole_pictures_at_least_one(pictures, share, count):
    assert len(keys_of(fraction(*pictures(KEYS), share=share))) == count


def test_nothing_is_kept_of_an_empty_data_set(pictures):
    assert keys_of(fraction(*pictures([]))) == []
