"""Calls found again by the first bytes of their keys, as the history of a graph names them."""

from __future__ import annotations

from collections.abc import Iterable

from nodegraph.store.index import Index
from nodegraph.store.rows import Row, short_id, unpack_row, unseal

PREFIX = 8
"""So many first bytes of a key name a call in the history of a graph."""


def rows_of(index: Index, prefixes: Iterable[bytes]) -> dict[bytes, Row]:
    """The sound rows of calls by the first 8 bytes of their keys, of those that are committed."""
    ids = [short_id(prefix) for prefix in prefixes]
    query = "SELECT CAST(name AS BLOB), body FROM rows WHERE id IN "
    found: dict[bytes, Row] = {}
    for name, body in index.for_ids(query, ids):
        payload = unseal("rows", name or b"", body)
        if payload is not None:
            found[name[:PREFIX]] = unpack_row(payload)
    return found
