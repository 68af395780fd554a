"""The persistent, content-addressed memo: key → digests → bytes."""

from nodegraph.store.claims import Claim
from nodegraph.store.errors import StoreError
from nodegraph.store.eviction import Evicted
from nodegraph.store.layout import default_store_folder
from nodegraph.store.rows import Key, Row
from nodegraph.store.runs import RunRecord
from nodegraph.store.store import Store, can_be_written, default_size_limit, half_of_free
from nodegraph.store.survey import Damage, Entry, StoreStat, TypeStat
from nodegraph.store.uses import Use

__all__ = [
    "Claim",
    "Damage",
    "Entry",
    "Evicted",
    "Key",
    "Row",
    "RunRecord",
    "Store",
    "StoreError",
    "StoreStat",
    "TypeStat",
    "Use",
    "can_be_written",
    "default_size_limit",
    "default_store_folder",
    "half_of_free",
]
