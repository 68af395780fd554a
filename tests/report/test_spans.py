"""Calls, stays of models and steps of memory that are drawn as one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nodegraph.events.types import CallPlaced, ModelEvicted, ModelLoaded
from nodegraph.report.memory import steps
from nodegraph.report.spans import merged_spans, merged_stays, spans_of, stays_of


def spans(*times):
    return spans_of([CallPlaced(end, "n", "", "cpu", "", 1, end - start) for start, end in times])


def ends(merged):
    return [(round(span.start, 6), span.end, span.count) for span in merged]


def test_long_calls_in_a_row_stand_each_for_itself():
    assert ends(merged_spans(spans((0, 10), (10, 20)), 1, 3)) == [(0, 10, 1), (10, 20, 1)]


def test_clocks_that_are_a_little_off_do_not_make_two_long_calls_one():
    assert len(merged_spans(spans((0, 10.1), (10, 20)), 1, 3)) == 2


def test_calls_side_by_side_are_one():
    assert ends(merged_spans(spans((0, 10), (2, 8), (5, 20)), 1, 3)) == [(0, 20, 3)]


def test_short_calls_are_one_unless_much_time_lies_between():
    few = merged_spans(spans((0, 1), (1.5, 2), (2, 3), (9, 10)), 1, 3)
    assert ends(few) == [(0, 3, 3), (9, 10, 1)]
    assert few[0].busy == 2.5


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 10))), st.floats(0, 20), st.floats(0, 20))
def test_no_call_is_lost_however_many_are_one(times, gap, narrow):
    given_spans = spans(*sorted((start, start + length) for start, length in times))
    few = merged_spans(given_spans, gap, narrow)
    assert sum(span.count for span in few) == len(times)
    assert max((span.end for span in few), default=0) == max((span.end for span in given_spans), default=0)


def loaded(time, seconds=1.0, mode="resident", source="disk"):
    return ModelLoaded(time, "cuda:0", "m", "model", mode, source, seconds, 7)


def evicted(time, to="host"):
    return ModelEvicted(time, "cuda:0", "m", "model", to)


def test_stay_lasts_from_load_to_eviction_or_the_end_of_the_run():
    first, last = stays_of([loaded(2.0), evicted(5.0), loaded(8.0, 0.5, source="host")], 10.0)
    assert (first.start, first.ready, first.end, first.source, first.to) == (1.0, 2.0, 5.0, "disk", "host")
    assert (last.start, last.ready, last.end, last.source, last.to) == (7.5, 8.0, 10.0, "host", None)


def test_load_in_another_mode_ends_the_stay_before():
    first, last = stays_of([loaded(2.0), loaded(6.0, mode="swap")], 10.0)
    assert (first.end, first.mode) == (5.0, "resident")
    assert (last.end, last.mode) == (10.0, "swap")


def test_short_stays_are_one_that_counts_them_and_knows_how_long_they_lasted():
    stays = stays_of([loaded(1.0, 0.0), evicted(2.0), loaded(3.0, 0.0), evicted(4.0, "dropped")], 10.0)
    (one,) = merged_stays(list(stays), 5.0)
    assert (one.start, one.end, one.count, one.held, one.to) == (1.0, 4.0, 2, 2.0, "dropped")


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 1000)), min_size=1), st.floats(0.1, 200))
def test_steps_keep_the_highest_value_and_the_last(samples, width):
    samples.sort(key=lambda sample: sample[0])
    few = steps(samples, width)
    assert max(value for _, value in few) == max(value for _, value in samples)
    assert few[-1][1] == samples[-1][1]
    assert len(few) <= 2 * (100 / width + 2)
