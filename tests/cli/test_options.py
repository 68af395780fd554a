"""Sizes, ages and texts of the command line."""

from __future__ import annotations

import io

import pytest

from nodegraph.cli.options import UsageError, parse_age, parse_size
from nodegraph.cli.terminal import Terminal, has_colours


@pytest.mark.parametrize("text", ["", "GiB", "-1", "3x", "1e99", "nan", "one"])
def test_text_that_is_no_size_is_refused_as_bad_usage(text):
    with pytest.raises(UsageError, match="50GiB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "age"), [("30d", 30 * 86400), ("12h", 43200), ("0.5m", 30), ("9s", 9), ("1w", 604800)]
)
def test_age_is_read_as_seconds(text, age):
    assert parse_age(text) == age


@pytest.mark.parametrize("text", ["", "d", "30", "-3d", "nand", "infd", "3y"])
def test_text_that_is_no_age_is_refused(text):
    with pytest.raises(UsageError, match="30d"):
        parse_age(text)


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "colours"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)],
)
def test_colours_follow_terminal_and_no_color(monkeypatch, environment, colours):
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert has_colours(_Screen()) is colours
    assert not has_colours(io.StringIO())


def test_text_that_an_encoding_lacks_is_escaped_not_fatal(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii"))
    Terminal().result("caf\u00e9 \udc80")
    assert raw.getvalue() == b"caf\\xe9 \\udc80\n"
