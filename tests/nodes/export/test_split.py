from nodes.export.split import split_of

KEYS = [f"photo{number}.jpg/{frame:04d}" for number in range(200) for frame in range(3)]


def test_frames_of_one_source_are_never_parted():
    splits = {}
    for key in KEYS:
        splits.setdefault(key.split("/")[0], set()).add(split_of(key, "train", 0.5))
    assert all(len(found) == 1 for found in splits.values())


def test_the_share_is_kept_on_average():
    chosen = sum(split_of(key, "train", 0.25) == "val" for key in KEYS)
    assert 0.15 < chosen / len(KEYS) < 0.35


def test_a_larger_share_moves_no_item_out_of_the_validation_part():
    small = {key for key in KEYS if split_of(key, "train", 0.1) == "val"}
    large = {key for key in KEYS if split_of(key, "train", 0.4) == "val"}
    assert small < large


def test_no_share_leaves_all_in_the_named_split():
    assert {split_of(key, "test", 0.0) for key in KEYS} == {"test"}
