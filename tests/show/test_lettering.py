"""Text that goes into SVG."""

from __future__ import annotations

import pytest

from nodegraph.show.lettering import cut_to, px, text_width, xml_text


@pytest.mark.parametrize("name", ["a" * 500, "sub/inner/" * 9 + "upscale", "模型" * 40])
def test_cut_text_fits_and_keeps_both_ends(name):
    shown = cut_to(name, 120, 12)
    assert text_width(shown, 12) <= 120
    assert "…" in shown
    assert (shown[0], shown[-1]) == (name[0], name[-1])


def test_text_that_fits_stays_whole():
    assert cut_to("upscale", 120, 12) == "upscale"


def test_text_without_any_room_is_an_ellipsis():
    assert cut_to("upscale", 1, 12) == "…"


def test_markup_and_control_characters_are_taken_out_of_text():
    assert xml_text('<b> & "x"\x1b\n') == "&lt;b&gt; &amp; &quot;x&quot;"


@pytest.mark.parametrize(("number", "told"), [(3.0, "3"), (3.14, "3.1"), (-0.26, "-0.3")])
def test_coordinates_are_told_to_a_tenth(number, told):
    assert px(number) == told
