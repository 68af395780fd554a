"""Tiny models that are made once, and a bench that runs graphs over them on chosen devices."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from nodegraph.api import Options, plan_graph, run_graph
from nodegraph.check.check import check
from nodegraph.events import CallPlaced, Event, MemoryTracked, ModelLoaded, OutOfMemory, PlacementForecast
from nodegraph.place.equipment import Equipment
from nodegraph.place.plan import Plan
from nodegraph.place.problem import Device
from nodegraph.plan.compile import compile_program
from nodegraph.run.result import Run
from nodegraph.run.run import RunOptions, run_program
from nodegraph.store import Store
from tests.placement import pack
from tests.run.fake_allocator import FakeDevice

MIB = 1 << 20
E = TypeVar("E", bound=Event)
Spec = tuple[str, Mapping[str, str], Mapping[str, Any]]


@dataclass(frozen=True)
class Ran:
    """A run, what was told of it, and what its nodes wrote down."""

    run: Run
    events: Sequence[Event]
    log: Sequence[tuple[str, Any]]

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def loads(self) -> Counter[str]:
        """How often each model was loaded onto a device."""
        return Counter(event.name.rpartition("/")[2] for event in self.of(ModelLoaded))

    def did(self, what: str) -> list[Any]:
        return [value for name, value in self.log if name == what]

    def batches(self, node: str) -> list[int]:
        return [event.batch for event in self.of(CallPlaced) if event.node == node]

    def counts(self, node: str) -> str:
        """The counts of a node that are not zero."""
        report = self.run.nodes[node]
        assert report.items == report.executed + report.cached + report.failed + report.skipped
        names = ("executed", "cached", "failed", "skipped", "dropped")
        return " ".join(f"{getattr(report, name)} {name}" for name in names if getattr(report, name))

    def require_budgets_kept(self) -> None:
        """At every moment, and in the end nothing is left on a device."""
        tracked = self.of(MemoryTracked)
        assert [event for event in tracked if event.tracked > event.budget] == []
        last = {event.device: event.tracked for event in tracked}
        assert set(last.values()) <= {0}


class Bench:
    """Runs graphs in one folder with one store; a run that takes more than `guard_s` seconds is stuck."""

    def __init__(self, folder: Path, *, guard_s: float = 60.0) -> None:
        self.folder = folder
        self.guard_s = guard_s
        self.store = folder / "store"

    def graph(
        self, nodes: Mapping[str, Spec], outputs: Mapping[str, str] | None = None, seed: int = 3
    ) -> Path:
        """Write a graph file."""
        written = {
            name: {"type": type_id, "links": dict(links), "params": dict(params)}
            for name, (type_id, links, params) in nodes.items()
        }
        file = self.folder / "graph.json"
        content = {"nodegraph": 1, "name": "bench", "seed": seed, "nodes": written}
        file.write_text(json.dumps(content | {"outputs": dict(outputs or {})}))
        return file

    def run(
        self,
        nodes: Mapping[str, Spec],
        outputs: Mapping[str, str] | None = None,
        *,
        devices: str | Sequence[Device],
        seed: int = 3,
        jobs: int = 2,
        store: str = "store",
    ) -> Ran:
        """Run a graph, guarded by a thread: a run that is stuck fails the test."""
        graph = self.graph(nodes, outputs, seed)
        events: list[Event] = []
        pack.LOG.clear()
        pack.THROUGH.clear()
        pack.LOST.clear()
        if isinstance(devices, str):
            options = Options(store=self.folder / store, jobs=jobs, devices=devices)
            run = guarded(
                lambda stop: run_graph(graph, options, on_event=events.append, cancel=stop), self.guard_s
            )
        else:
            run = guarded(
                lambda stop: self._on(graph, tuple(devices), jobs, store, events, stop), self.guard_s
            )
        ran = Ran(run, events, tuple(pack.LOG))
        ran.require_budgets_kept()
        return ran

    def plan(self, nodes: Mapping[str, Spec], *, devices: str, store: str = "store", seed: int = 3) -> Plan:
        return plan_graph(self.graph(nodes, None, seed), Options(store=self.folder / store, devices=devices))

    def _on(
        self,
        graph: Path,
        devices: tuple[Device, ...],
        jobs: int,
        folder: str,
        events: list[Event],
        stop: threading.Event,
    ) -> Run:
        """Run on devices that this machine may lack."""
        store = Store.open(self.folder / folder)
        try:
            return run_program(
                compile_program(check(graph), []),
                store,
                RunOptions(jobs=jobs, equipment=Equipment(devices=devices)),
                on_event=events.append,
                cancelled=stop.is_set,
                cancel=stop.set,
                started=time.perf_counter(),
            )
        except BaseException:
            store.close()
            raise


def guarded(work: Callable[[threading.Event], Run], seconds: float) -> Run:
    """Do it in a thread, and stop it if it does not end."""
    stop = threading.Event()
    came: list[Run | BaseException] = []

    def body() -> None:
        try:
            came.append(work(stop))
        except BaseException as error:
            came.append(error)

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        stop.set()
        thread.join(10)
        pytest.fail(f"the run did not end within {seconds:.0f} s")
    if isinstance(came[0], BaseException):
        raise came[0]
    return came[0]


def accelerator(budget: int, name: str = "fake:0") -> Device:
    """A device of a kind of its own; the kinds of models of the pack load onto the CPU whatever its name."""
    return Device(name, "fake", budget)


def named(folder: Path, kind: str) -> Spec:
    """A node that names a model."""
    return ("placement.model", {}, {"folder": str(folder), "kind": kind})


def placed_first(ran: Ran) -> PlacementForecast:
    """The forecast at the beginning of a run."""
    return ran.of(PlacementForecast)[0]


def ran_out(ran: Ran) -> list[str]:
    """What was done after each time that memory ran out."""
    return [event.then for event in ran.of(OutOfMemory)]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    pack.FAKES.clear()
    pack.LOG.clear()
    yield Bench(tmp_path)
    pack.FAKES.clear()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], FakeDevice]:
    """Sets up a fake device of so many MiB, which is its own gauge."""
    monkeypatch.setattr("nodegraph.run.placement.gauge_for", lambda name, kind: pack.FAKES.get(name))

    def make(name: str, mib: int) -> FakeDevice:
        device = pack.FAKES[name] = FakeDevice(name, mib * MIB)
        return device

    return make


@pytest.fixture(scope="session")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three tiny pipelines of 12 MiB each, with other weights each."""
    from nodes.tiny.make import make_tiny_pipeline

    root = tmp_path_factory.mktemp("pipelines")
    folders = [root / name for name in "abc"]
    for seed, folder in enumerate(folders):
        make_tiny_pipeline(folder, width=512, depth=4, seed=seed)
    return folders


@pytest.fixture(scope="session")
def matrices(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four models of 16 MiB each; their numbers are 2, 3, 5 and 7."""
    import torch

    return [
        _saved(tmp_path_factory.mktemp("matrices") / f"m{number}", torch.full((4 * MIB,), float(number)))
        for number in (2, 3, 5, 7)
    ]


@pytest.fixture(scope="session")
def counted(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Models that count as 64 and 32 MiB on a fake device."""
    import torch

    root = tmp_path_factory.mktemp("counted")
    return [_saved(root / f"c{mib}", torch.ones(mib)) for mib in (64, 32)]


def _saved(folder: Path, weight: Any) -> Path:
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    save_file({"weight": weight}, folder / "model.safetensors")
    return folder
