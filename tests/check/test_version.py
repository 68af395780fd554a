"""The version of the format."""

from __future__ import annotations

from collections.abc import Callable


def test_a_missing_version_is_reported(report: Callable[..., str]) -> None:
    found = report(
        '{"nodes": {}}',
    )
    assert (
        found
        == """\
graph.json:1:1 wrong-version /
  the key 'nodegraph' with the format version is missing
  begin the file with "nodegraph": 1
"""
    )


def test_a_newer_version_asks_for_an_update(report: Callable[..., str]) -> None:
    found = report(
        '{"nodegraph": 2, "nodes": {}}',
    )
    assert (
        found
        == """\
graph.json:1:15 wrong-version /nodegraph
  the format version must be 1; found 2
  the file was written for a newer nodegraph: update it
"""
    )


def test_a_version_that_is_a_float_a_bool_or_a_text_is_refused(report: Callable[..., str]) -> None:
    found = report(
        '{"nodegraph": 1.0, "nodes": {}}',
    )
    assert (
        found
        == """\
graph.json:1:15 wrong-version /nodegraph
  the format version must be 1; found 1.0
  write "nodegraph": 1
"""
    )


def test_true_is_no_version(report: Callable[..., str]) -> None:
    found = report(
        '{"nodegraph": true, "nodes": {}}',
    )
    assert (
        found
        == """\
graph.json:1:15 wrong-version /nodegraph
  the format version must be 1; found true
  write "nodegraph": 1
"""
    )
