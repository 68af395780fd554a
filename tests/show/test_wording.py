"""Numbers, durations and tables as text."""

from __future__ import annotations

import pytest

from nodegraph.show.wording import counted, printable, seconds_text, size_text, table


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.00 s"),
        (1.234, "1.23 s"),
        (4, "4 s"),
        (12.3, "12 s"),
        (59.4, "59 s"),
        (59.6, "1:00 min"),
        (65.0, "1:05 min"),
        (3600.0, "1:00:00 h"),
        (90061.0, "25:01:01 h"),
    ],
)
def test_duration_reads_as_people_write_it(seconds, text):
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1.5 * 2**30, "1.5 GiB"), (3 * 2**40, "3.0 TiB")],
)
def test_size_reads_as_people_write_it(size, text):
    assert size_text(size) == text


def test_noun_follows_its_number():
    assert [counted(number, "call") for number in (0, 1, 2, 1000)] == [
        "0 calls",
        "1 call",
        "2 calls",
        "1,000 calls",
    ]


def test_columns_of_figures_stand_at_the_right():
    assert table([("name", "calls"), ("a", "7"), ("longer", "1,234")]).splitlines() == [
        "name    calls",
        "a           7",
        "longer  1,234",
    ]


def test_cells_hold_to_one_line_and_show_no_control_characters():
    assert table([("a\nb", "c\x1b[1m")]) == "a b  c\\x1b[1m"


def test_printable_keeps_letters_of_all_scripts():
    assert printable("grün 写真 é\n") == "grün 写真 é\n"
    assert printable("\x07bell") == "\\x07bell"
