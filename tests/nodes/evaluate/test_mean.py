import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodegraph import Drop, Stream
from nodes.evaluate import mean


def test_every_item_counts_once():
    assert mean(Stream.of([0.25, 1.0, 0.25])) == (0.5, 0.25, 1.0, 3)


def test_whole_numbers_are_averaged_as_floats():
    result = mean(Stream.of([1, 2]))
    assert result.out == 1.5
    assert type(result.lowest) is float


def test_empty_stream_is_dropped():
    with pytest.raises(Drop, match="no values"):
        mean(Stream.of([]))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_mean_does_not_depend_on_the_order_and_lies_between_the_extremes(values):
    result = mean(Stream.of(values))
    assert result == mean(Stream.of(values[::-1]))
    assert result.lowest - 1e-9 <= result.out <= result.highest + 1e-9
