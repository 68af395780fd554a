import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.label import filter_tracks
from nodes.types import BoxTrack, Categories, MaskTrack, Video


def track_of(*objects, scores=None, visibility=None, ignore=None):
    """Boxes per object and frame; None where absent."""
    shape = (len(objects), len(objects[0]) if objects else 3)
    xyxy, present = np.zeros((*shape, 4), np.float32), np.zeros(shape, dtype=bool)
    for n, boxes in enumerate(objects):
        for t, box in enumerate(boxes):
            if box is not None:
                xyxy[n, t], present[n, t] = box, True
    given_or_one = [present.astype(np.float32) if v is None else np.float32(v) for v in (scores, visibility)]
    ignored = np.zeros(len(objects), dtype=bool) if ignore is None else np.array(ignore)
    classes = np.arange(len(objects)), Categories.of("a", "b", "c")
    return BoxTrack(xyxy, present, *given_or_one, *classes, ignored)


def video_of(width, height, frames):
    return Video(np.zeros((frames, height, width, 3), np.uint8), 8.0)


def moving(*centres, size=10):
    return [(x - size / 2, 40, x + size / 2, 40 + size) for x in centres]


BOX = (10, 10, 30, 20)


def test_without_rules_every_box_stays():
    track = track_of([BOX, None, BOX])
    kept = filter_tracks(track)
    assert kept.present.tolist() == track.present.tolist()
    assert np.array_equal(kept.xyxy, track.xyxy)


@pytest.mark.parametrize(("min_area", "stays"), [(200, True), (200.5, False)])
def test_box_below_the_least_area_goes(min_area, stays):
    assert filter_tracks(track_of([BOX]), min_area=min_area).present.tolist() == [[stays]]


@pytest.mark.parametrize(("least", "stays"), [(0.3, True), (0.31, False)])
def test_box_below_the_least_visibility_goes(least, stays):
    track = track_of([BOX], visibility=[[0.3]])
    assert filter_tracks(track, min_visibility=least).present.tolist() == [[stays]]


@pytest.mark.parametrize(("least", "stays"), [(0.3, True), (0.31, False)])
def test_box_below_the_least_score_goes(least, stays):
    assert filter_tracks(track_of([BOX], scores=[[0.3]]), min_score=least).present.tolist() == [[stays]]


def test_box_that_goes_leaves_zeros_and_the_other_frames_alone():
    kept = filter_tracks(track_of([BOX, BOX], scores=[[0.9, 0.2]]), min_score=0.5)
    assert kept.xyxy.tolist() == [[list(BOX), [0, 0, 0, 0]]]
    assert kept.scores[0].tolist() == pytest.approx([0.9, 0])
    assert kept.visibility.tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("box", "stays"),
    [
        ((1, 1, 99, 79), True),
        ((0.5, 5, 30, 20), False),
        ((5, 0, 30, 20), False),
        ((5, 5, 99.5, 20), False),
        ((5, 5, 30, 80), False),
    ],
)
def test_box_at_the_edge_goes_if_the_edge_rule_says_so(box, stays):
    track = track_of([box])
    assert filter_tracks(track, video_of(100, 80, 1), edge="drop").present.tolist() == [[stays]]
    assert filter_tracks(track, video_of(100, 80, 1), edge="keep").present.all()


def test_edge_margin_says_how_near_is_touching():
    track = track_of([(6, 6, 30, 20)])
    assert filter_tracks(track, video_of(100, 80, 1), edge="drop", edge_margin=6).present.all()
    assert not filter_tracks(track, video_of(100, 80, 1), edge="drop", edge_margin=7).present.any()


def test_edge_rule_without_video_is_refused():
    with pytest.raises(ValueError, match="link video"):
        filter_tracks(track_of([BOX]), edge="drop")


def test_video_of_another_length_is_refused():
    with pytest.raises(ValueError, match="boxes has 1 frames but the clip has 2"):
        filter_tracks(track_of([BOX]), video_of(100, 80, 2))


def test_even_motion_does_not_drift():
    kept = filter_tracks(track_of(moving(10, 20, 30, 40, 50)), max_drift=0)
    assert kept.present.all()


def test_box_that_jumps_drifts_by_its_distance_from_the_middle_of_its_neighbours():
    # 14 pixels off; the diagonal is 10√2, so the drift of frame 2 is 0.99, that of its neighbours half of it.
    track = track_of(moving(10, 20, 44, 40, 50, 60, 70))
    assert filter_tracks(track, max_drift=0.98).present[0].tolist() == [
        False,
        True,
        False,
        True,
        True,
        True,
        True,
    ]
    assert filter_tracks(track, max_drift=1.0).present.all()


def test_last_frame_drifts_from_the_line_through_the_two_before_it():
    track = track_of(moving(10, 20, 30, 40, 64))
    assert filter_tracks(track, max_drift=0.9).present[0].tolist() == [True, True, True, True, False]


def test_frames_without_neighbours_do_not_drift():
    assert filter_tracks(track_of([*moving(10), None, *moving(90)]), max_drift=0).present.sum() == 2
    assert filter_tracks(track_of(moving(10, 90)), max_drift=0).present.all()


def test_with_a_reference_drift_is_the_distance_from_it():
    track, truth = track_of(moving(10, 20, 30)), track_of(moving(10, 20, 44))
    assert filter_tracks(track, reference=truth, max_drift=0.9).present.tolist() == [[True, True, False]]


def test_where_the_reference_is_absent_nothing_drifts():
    truth = track_of([None, *moving(99), None])
    kept = filter_tracks(track_of(moving(10, 20, 30)), reference=truth, max_drift=0.5)
    assert kept.present.tolist() == [[True, False, True]]


def test_reference_of_other_objects_is_refused():
    with pytest.raises(ValueError, match="link the same objects and frames"):
        filter_tracks(track_of([BOX]), reference=track_of([BOX], [BOX]), max_drift=1.0)


def test_objects_left_in_too_few_frames_are_removed_whole():
    track = track_of([BOX, BOX, None], [BOX, None, None], [BOX, BOX, BOX])
    kept = filter_tracks(track, min_frames=2)
    assert kept.class_ids.tolist() == [0, 2]
    assert kept.present.tolist() == [[True, True, False], [True, True, True]]


def sized(*sizes):
    """Boxes about one place, of widths and heights."""
    return [(50 - width / 2, 50 - height / 2, 50 + width / 2, 50 + height / 2) for width, height in sizes]


def test_even_growth_is_no_change_of_area():
    track = track_of(sized((10, 10), (20, 20), (40, 40), (80, 80)))
    assert filter_tracks(track, max_area_change=1.0001, max_aspect_change=1.0001).present.all()


@pytest.mark.parametrize(("most", "stays"), [(1.99, False), (2.01, True)])
def test_box_twice_as_large_as_its_neighbours_has_an_area_change_of_two(most, stays):
    track = track_of(sized(*[(10, 10)] * 3, (10, 20), *[(10, 10)] * 3))
    kept = filter_tracks(track, max_area_change=most).present[0]
    assert kept[3] == stays
    assert kept[[1, 5]].all()


def test_box_that_turns_over_changes_its_aspect_and_not_its_area():
    track = track_of(sized(*[(10, 40)] * 3, (40, 10), *[(10, 40)] * 3))
    assert filter_tracks(track, max_area_change=1.01).present.all()
    assert (
        filter_tracks(track, max_aspect_change=15.9).present[0].tolist() == [True] * 3 + [False] + [True] * 3
    )


def test_with_a_reference_changes_are_factors_of_it():
    track, truth = track_of(sized((10, 10), (10, 30))), track_of(sized((10, 10), (10, 10)))
    kept = filter_tracks(track, reference=truth, max_area_change=2.9)
    assert kept.present.tolist() == [[True, False]]


@pytest.mark.parametrize(("least", "stays"), [(0.5, True), (0.51, False)])
def test_box_that_agrees_too_little_with_its_mask_goes(least, stays):
    masks = np.zeros((1, 1, 80, 100), dtype=bool)
    masks[0, 0, 10:20, 10:20] = True
    masks = MaskTrack(masks, np.ones((1, 1), np.float32))
    assert filter_tracks(track_of([BOX]), masks=masks, min_mask_iou=least).present.tolist() == [[stays]]


def test_box_outside_the_frame_agrees_with_no_mask():
    masks = MaskTrack(np.ones((1, 2, 80, 100), dtype=bool), np.ones((1, 2), np.float32))
    track = track_of([(-50, -50, -10, -10), (-50, -40, 150, 120)])
    assert filter_tracks(track, masks=masks, min_mask_iou=0.9).present.tolist() == [[False, True]]


def test_rule_of_the_masks_without_masks_is_refused():
    with pytest.raises(ValueError, match="link masks of the same objects"):
        filter_tracks(track_of([BOX]), min_mask_iou=0.5)


def test_masks_of_other_objects_are_refused():
    masks = MaskTrack(np.zeros((2, 1, 8, 8), dtype=bool), np.ones((2, 1), np.float32))
    with pytest.raises(ValueError, match="boxes has 1 objects over 1 frames, masks 2 over 1"):
        filter_tracks(track_of([BOX]), masks=masks, min_mask_iou=0.5)


def test_ignore_regions_stay_whatever_the_rules_and_stay_ignored():
    track = track_of([BOX, None], [BOX, BOX], scores=[[0.1, 0], [0.1, 0.9]], ignore=[True, False])
    kept = filter_tracks(track, min_score=0.5, min_frames=2)
    assert kept.present.tolist() == [[True, False]]
    assert kept.ignore.tolist() == [True]


def test_rejected_boxes_become_ignore_regions_if_asked_for():
    track = track_of([BOX] * 2, [BOX] * 2, [BOX] * 2, scores=[[0.9, 0.1], [0.9, 0.9], [0.1, 0.1]])
    kept = filter_tracks(track, min_score=0.5, min_frames=1, rejected="ignore")
    assert kept.present.tolist() == [[True, False], [True, True], [False, True], [True, True]]
    assert kept.class_ids.tolist() == [0, 1, 0, 2]
    assert kept.ignore.tolist() == [False, False, True, True]
    assert kept.xyxy[2].tolist() == [[0, 0, 0, 0], list(BOX)]


def test_objects_with_too_few_good_frames_are_ignored_in_all_of_them():
    track = track_of([BOX] * 3, scores=[[0.9, 0.1, 0.1]])
    kept = filter_tracks(track, min_score=0.5, min_frames=2, rejected="ignore")
    assert kept.present.tolist() == [[True, True, True]]
    assert kept.ignore.tolist() == [True]


def test_one_pixel_objects_and_single_frames_pass_the_rules_of_the_path():
    track = track_of([(5, 5, 6, 6)], [(5, 5, 5, 5)])
    assert filter_tracks(track, max_drift=0, max_area_change=1, max_aspect_change=1).present.all()


def test_300_objects_are_filtered_each_by_its_own():
    track = track_of(*[[BOX] * 3] * 3)
    many = BoxTrack(
        *(np.tile(each, (100, *[1] * (each.ndim - 1))) for each in (track.xyxy, track.present, track.scores)),
        np.repeat(np.linspace(0, 1, 300, dtype=np.float32)[:, None], 3, axis=1),
        np.tile(track.class_ids, 100),
        track.categories,
    )
    assert len(filter_tracks(many, min_visibility=0.5, max_drift=1, min_frames=1).ignore) == 150


def test_track_without_objects_passes_every_rule():
    kept = filter_tracks(
        track_of(),
        video_of(9, 9, 3),
        min_area=1,
        min_score=0.5,
        max_drift=0.1,
        max_area_change=2,
        edge="drop",
        min_frames=1,
        rejected="ignore",
    )
    assert kept.xyxy.shape == (0, 3, 4)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_filtering_twice_by_bounds_is_filtering_once(values, min_score, min_visibility):
    scores, visibility = zip(*values, strict=True)
    track = track_of([BOX] * len(values), scores=[scores], visibility=[visibility])
    once = filter_tracks(track, min_score=min_score, min_visibility=min_visibility)
    twice = filter_tracks(once, min_score=min_score, min_visibility=min_visibility)
    assert np.array_equal(once.present, twice.present)
    assert np.array_equal(once.xyxy, twice.xyxy)
    assert not (once.present & ~track.present).any()
