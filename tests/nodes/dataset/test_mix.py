from collections import Counter

import pytest

from nodegraph import Context, Graph, Stream
from nodes.dataset import fraction, mix
from nodes.load import load_coco

REAL = ["a.jpg", "b.jpg", "sub/c.jpg"]
VIEWS = [f"{photo}/clip/{frame}" for photo in (*REAL, "test.jpg") for frame in range(4)]


def mixed(pictures, *, first=VIEWS, seed=0, of=None, **options):
    extra = {} if of is None else {"of": of}
    images, boxes = pictures(first, **extra)
    stream = mix(
        *pictures(REAL), first_images=images, first_boxes=boxes, ctx=Context.for_test(seed=seed), **options
    )
    return [item.key for item in stream]


def test_mix_holds_the_real_pictures_and_the_ratio_of_synthetic_ones(pictures):
    kinds = Counter(key.partition("/")[0] for key in mixed(pictures, first_ratio=2))
    assert kinds == {"real": 3, "first": 6}


def test_synthetic_pictures_of_photos_that_are_not_real_ones_are_left_out(pictures):
    assert not [key for key in mixed(pictures, first_ratio=100) if "test.jpg" in key]


def test_key_that_only_begins_with_the_same_letters_belongs_to_no_photo(pictures):
    assert mixed(pictures, first=["a.jpg2/0", "a.jpg/0"], first_ratio=9, real_copies=0) == ["first/a.jpg/0"]


def test_every_photo_gives_one_picture_before_any_gives_a_second(pictures):
    drawn = [key for key in mixed(pictures, first_ratio=1) if key.startswith("first/")]
    assert sorted(key.split("/clip")[0] for key in drawn) == [f"first/{key}" for key in REAL]


def test_all_are_taken_with_a_warning_where_there_are_fewer_than_the_ratio_asks_for(pictures, caplog):
    assert len(mixed(pictures, first_ratio=10)) == 3 + 12
    (told,) = caplog.messages
    assert told == (
        "first_ratio 10 asks for 30 pictures made of the 3 real ones, and 12 of the 16 in first_images are: "
        "all are taken; make more of each picture or lower first_ratio"
    )


def test_enough_pictures_and_ratio_0_are_no_warning(pictures, caplog):
    mixed(pictures, first_ratio=4)
    mixed(pictures, first=[], first_ratio=0)
    assert caplog.messages == []


def test_both_sources_are_drawn_by_their_own_ratio(pictures):
    images, boxes = pictures([f"{photo}/motion/{frame}" for photo in REAL for frame in range(4)])
    both = mixed(pictures, first_ratio=2, second_images=images, second_boxes=boxes, second_ratio=1)
    assert Counter(key.partition("/")[0] for key in both) == {"real": 3, "first": 6, "second": 3}


def test_same_seed_gives_the_same_order_and_another_seed_another(pictures):
    assert mixed(pictures) == mixed(pictures)
    assert mixed(pictures, first_ratio=3) != mixed(pictures, first_ratio=3, seed=1)


def test_real_pictures_are_repeated_under_keys_of_their_own(pictures):
    assert sorted(mixed(pictures, first_ratio=0, real_copies=2)) == sorted(
        [f"real/{key}" for key in REAL] + [f"real-2/{key}" for key in REAL]
    )


def test_no_class_gets_more_synthetic_objects_than_its_cap(pictures, boxes):
    def of(key):
        return boxes(0, 1) if key.endswith("0") else boxes(1, 1, ignore=[0])

    _, labels = pictures(VIEWS, of=of)
    drawn = [
        key for key in mixed(pictures, of=of, first_ratio=100, max_per_class=5) if key.startswith("first/")
    ]
    counts = Counter()
    for key in drawn:
        value = labels[key.removeprefix("first/")].value
        counts.update(value.class_ids[~value.ignore].tolist())
    assert counts[1] == 5
    assert counts[0] <= 5


def test_real_pictures_do_not_count_for_the_cap(pictures):
    assert len(mixed(pictures, first_ratio=100, max_per_class=0)) == 3


def test_pictures_whose_boxes_are_missing_are_an_error_that_names_one(pictures):
    images, _ = pictures(VIEWS)
    _, boxes = pictures(VIEWS[:1])
    with pytest.raises(ValueError, match=r"first_images has 15 pictures without boxes, 'a.jpg/clip/1'"):
        list(mix(*pictures(REAL), first_images=images, first_boxes=boxes, ctx=Context.for_test()))


def test_source_with_pictures_only_is_an_error(pictures):
    images, _ = pictures(VIEWS)
    with pytest.raises(ValueError, match="link both first_images and first_boxes"):
        list(mix(*pictures(REAL), first_images=images, ctx=Context.for_test()))


def test_mix_without_any_real_picture_is_empty(pictures):
    images, boxes = pictures(VIEWS)
    empty = Stream.of({})
    assert list(mix(empty, empty, images, boxes, ctx=Context.for_test())) == []


def test_in_a_run_only_pictures_of_the_chosen_share_get_in(tmp_path):
    """Per photo a stream of its own pictures, flattened, beside a share of the photos."""
    g = Graph("mix", seed=1)
    photos = g.add(load_coco, root="examples/data/photos-mini", subset=4)
    few = g.add(fraction, images=photos.image, boxes=photos.boxes, share=0.5)
    copies = g.add("stream.repeat", id="copies", item=photos.image, times=2)
    boxes = g.add("stream.repeat", id="boxes", item=photos.boxes, times=2)
    flat = g.add("stream.flatten", id="flat", stream=copies)
    flat_boxes = g.add("stream.flatten", id="flat_boxes", stream=boxes)
    made = g.add(
        mix, images=few.image, boxes=few.boxes, first_images=flat, first_boxes=flat_boxes, first_ratio=9
    )
    g.output("mixed", made.image)
    run = g.run(store=tmp_path / "store")
    assert run.ok
    keys = [item.key.split("/") for item in run.items("mixed")]
    real = {key for kind, key, *_ in keys if kind == "real"}
    assert len(real) == 2
    assert {key for kind, key, *_ in keys if kind == "first"} == real
    assert len(keys) == 6
