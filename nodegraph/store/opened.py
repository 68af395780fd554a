"""A store that is open: the parts it is made of, from when it is opened until it is closed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from nodegraph.store.claims import Claims
from nodegraph.store.contents import Kind
from nodegraph.store.errors import StoreError, store_error
from nodegraph.store.eviction import SizeLimit
from nodegraph.store.index import Index
from nodegraph.store.journal import Journal
from nodegraph.store.layout import Layout
from nodegraph.store.locks import exclusive
from nodegraph.store.pending import Pending
from nodegraph.store.presence import Presence, sweep
from nodegraph.store.rows import recipe_name
from nodegraph.store.runs import Runs
from nodegraph.store.shelf import Files, Values

if TYPE_CHECKING:
    import sqlite3


class OpenStore:
    """The parts of a store in one folder; see `nodegraph.store.Store` for what is done with them.

    Attributes:
        folder: the store's folder, absolute.
        read_only: whether it was opened for reading.
        warnings: what was found damaged or set aside since it was opened, each once.
    """

    def __init__(self, layout: Layout, *, read_only: bool, on_warning: Callable[[str], None] | None) -> None:
        self.folder = layout.folder
        self.read_only = read_only
        self.warnings: list[str] = []
        self._on_warning = on_warning
        self._layout = layout
        self._recipes: dict[int, bytes] = {}
        self._index = Index(layout, read_only=read_only, warn=self._warn, replaced=self._replaced)
        self._presence = None if read_only else Presence(layout.tmp)
        self._claims = None if read_only else Claims(layout.claims)
        self._runs = Runs(self._index, self._presence.name if self._presence else "")
        self._journal = Journal(self._index, self._warn)
        self._limit: SizeLimit | None = None
        self._unmeasured = 0
        damaged, journal = layout.damaged, self._journal
        self._values = Values(
            Kind.BLOB, layout.blobs, journal, damaged=damaged, new_path=self._new_path, warn=self._warn
        )
        self._files = Files(
            Kind.FILE, layout.files, journal, damaged=damaged, new_path=self._new_path, warn=self._warn
        )

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        read_only: bool = False,
        size_limit: int | Callable[[Self], int] | None = None,
        on_warning: Callable[[str], None] | None = None,
    ) -> Self:
        """Open the store in `folder`, making it where it is missing, mending what a crash has left.

        A store opened for reading changes nothing (SQLite may add its lock files beside the index); a missing
        one is then an empty one.

        Args:
            folder: where the store is; relative to the working directory.
            read_only: whether nothing is to be recorded.
            size_limit: bytes to stay under by evicting what is worth least; None for no limit.
            on_warning: called with each warning as it is given, from any thread.

        Raises:
            StoreError: if the folder cannot be used, or a newer nodegraph wrote it.
        """
        layout = Layout(folder.absolute())
        if read_only:
            return cls(layout, read_only=True, on_warning=on_warning)
        try:
            layout.create()
            with exclusive(layout.lock):
                store = cls(layout, read_only=False, on_warning=on_warning)
                sweep(layout.tmp)
        except OSError as error:
            raise store_error(layout.folder, error) from error
        # Not under the lock: reading may find damage, and replacing the index takes that lock.
        store._journal.run = store._runs.latest()
        if size_limit is not None:
            limit = (lambda: size_limit(store)) if callable(size_limit) else (lambda: size_limit)
            store._limit = SizeLimit(limit, store._journal, store._warn)
        return store

    def flush(self) -> None:
        """Commit everything recorded so far."""
        self._journal.flush()

    def close(self) -> None:
        """Commit everything, give back claims and temporary folders, and close."""
        with ExitStack() as closing:
            # The last that is entered is the first that is closed; each is, whatever becomes of the others.
            if self._presence is not None:
                closing.callback(self._presence.close)
            if self._claims is not None:
                closing.callback(self._claims.close)
            closing.callback(self._index.close)
            closing.callback(self._journal.close)
            closing.callback(self._files.close)
            closing.callback(self._values.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)
            if self._on_warning is not None:
                self._on_warning(text)

    def _replaced(self, connection: sqlite3.Connection) -> None:
        """Enter in a new index what this process has told the old one and still relies on."""
        self._runs.begin_again(connection)
        recipes = {recipe_name(record): record for record in self._recipes.values()}
        Pending(facts={"recipes": recipes}).write(connection, 0)

    def _new_path(self) -> Path:
        if self._presence is None:
            raise self._is_read_only()
        try:
            return self._presence.new_path()
        except OSError as error:
            raise store_error(self._presence.folder, error) from error

    def _made(self, folder: Path) -> Path:
        if self.read_only:
            raise self._is_read_only()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise store_error(folder, error) from error
        return folder

    def _is_read_only(self) -> StoreError:
        return StoreError(f"{self.folder}: the store was opened for reading only")
