"""The record of runs: when, of which graph, by which process, and how they ended."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from nodegraph.store.index import Index
from nodegraph.store.presence import is_alive
from nodegraph.store.rows import RUN_BEGUN, RUN_REPORT, pack, seal, unpack, unseal


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run.

    Attributes:
        id: its number in the store.
        graph: the name of its graph.
        info: what the engine noted at its beginning.
        started: seconds since the epoch.
        finished: the same, None if it was never finished.
        ok: whether it ended well, None if it was never finished.
        alive: whether the process that runs it is still there.
        report: what the engine noted at its end.
        folder: where its events and reports lie.
    """

    id: int
    graph: str
    info: bytes
    started: float
    finished: float | None
    ok: bool | None
    alive: bool
    report: bytes
    folder: Path


@dataclass(frozen=True, slots=True)
class _Begun:
    started: float
    body: bytes


class Runs:
    """The runs of one store, and those that this process has begun."""

    def __init__(self, index: Index, process: str) -> None:
        self._index = index
        self._process = process.encode()
        self._begun: dict[int, _Begun] = {}

    def begin(self, graph: str, info: bytes) -> int:
        """Record that a run begins; return its number."""
        begun = _Begun(time.time(), seal("runs", RUN_BEGUN, pack((graph, info))))

        def insert(connection: sqlite3.Connection) -> int:
            values = (begun.started, self._process, begun.body)
            statement = "INSERT INTO runs(started, process, body) VALUES (?,?,?)"
            return connection.execute(statement, values).lastrowid or 0

        run = self._index.write(insert)
        self._begun[run] = begun
        return run

    def finish(self, run: int, *, ok: bool, report: bytes) -> None:
        """Record that a run has ended."""
        values = (time.time(), ok, seal("runs", RUN_REPORT, report), run)
        statement = "UPDATE runs SET finished=?, ok=?, report=? WHERE id=?"
        self._index.write(lambda connection: connection.execute(statement, values).rowcount)
        self._begun.pop(run, None)

    def begin_again(self, connection: sqlite3.Connection) -> None:
        """Enter the runs of this process in a new index."""
        for run, begun in self._begun.items():
            connection.execute(
                "INSERT OR REPLACE INTO runs(id, started, process, body) VALUES (?,?,?,?)",
                (run, begun.started, self._process, begun.body),
            )

    def latest(self) -> int:
        """The number of the last run, 0 if there is none."""
        return int(self._index.one("SELECT coalesce(max(id), 0) FROM runs")[0])

    def all(self) -> list[RunRecord]:
        """Every run, the oldest first; an entry that is damaged is left out."""
        query = "SELECT id, started, finished, ok, process, body, report FROM runs ORDER BY id"
        records: list[RunRecord] = []
        for run, started, finished, ok, process, body, report in self._index.all(query):
            noted = unseal("runs", RUN_BEGUN, body)
            if noted is None or not isinstance(process, bytes):
                continue
            graph, info = unpack(noted)
            alive = finished is None and is_alive(self._index.layout.tmp, process.decode(errors="replace"))
            ended = None if ok is None else bool(ok)
            outcome = unseal("runs", RUN_REPORT, report) or b""
            folder = self.folder(run)
            records.append(RunRecord(run, graph, info, started, finished, ended, alive, outcome, folder))
        return records

    def folder(self, run: int) -> Path:
        """Where the events and reports of a run lie."""
        return self._index.layout.runs / str(run)
