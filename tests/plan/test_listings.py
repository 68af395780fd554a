"""Listings of pure generators, as the store keeps them."""

from __future__ import annotations

import pytest

from nodegraph.plan.producers import Listing

LISTING = Listing(["a", "b"], (b"1" * 32 + b"2" * 32,), {1: "too dark"})


def test_a_listing_reads_back_as_it_was() -> None:
    read = Listing.of_value(LISTING.to_value())
    assert (list(read.keys), read.digests, dict(read.drops)) == (["a", "b"], LISTING.digests, {1: "too dark"})


@pytest.mark.parametrize("value", [None, 3, [], [["a"], [b""], []], ["nodegraph/listing/0", [], [], []]])
def test_a_listing_in_another_form_is_not_there(value: object) -> None:
    with pytest.raises(LookupError, match="another form"):
        Listing.of_value(value)
