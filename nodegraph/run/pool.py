"""The worker threads of a run. Each takes the next task of the flow, runs it and what follows from it.

There is no hand-over of cheap calls: the worker that made a call's inputs goes on with the call itself.
Another worker is woken only when there is more to do and what this one begins is not known to be cheap.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable

from nodegraph.events import NodeAdvanced
from nodegraph.run.capture import current_call
from nodegraph.run.execute import Busy, Calls
from nodegraph.run.fanout import FanOut
from nodegraph.run.flow import Flow, Task
from nodegraph.run.frames import Done
from nodegraph.run.machine import Machine

BATCH_SIZE = 16
_TICK = 0.05
_GRACE = 3.0


class Pool:
    """Runs one pass of a flow on `jobs` threads."""

    def __init__(self, machine: Machine, flow: Flow, jobs: int) -> None:
        self._machine = machine
        self._flow = flow
        self._jobs = jobs
        self._calls = Calls(machine)
        self._fan_out = FanOut(machine, self._calls)
        self._changed = threading.Condition(machine.lock)
        self._running = 0
        self._idle = 0
        self._stopping = False
        self._crash: BaseException | None = None
        self._deferred: list[Task] = []
        self._parked: dict[Hashable, list[Task]] = {}
        self._seen: dict[str, tuple[int, ...]] = {}

    def run(self, cancelled: Callable[[], bool], cancel: Callable[[], None]) -> bool:
        """Run until nothing is left (True) or the run is cancelled (False).

        A cancelled run waits a few seconds for the calls that are running, then leaves them behind.
        """
        threads = [
            threading.Thread(target=self._work, name=f"nodegraph-{index}", daemon=True)
            for index in range(self._jobs)
        ]
        for thread in threads:
            thread.start()
        over = False
        while not over and any(thread.is_alive() for thread in threads):
            try:
                over = self._tick(cancelled)
            except KeyboardInterrupt:
                cancel()
        waited = 0.0
        while self._stopping and waited < _GRACE and any(thread.is_alive() for thread in threads):
            threads[0].join(_TICK)
            waited += _TICK
        if not self._stopping:
            for thread in threads:
                thread.join()
        self._report()
        if self._crash is not None:
            raise self._crash
        return self._flow.finished

    def stop(self) -> None:
        """Begin no further call."""
        self._stopping = True

    def _tick(self, cancelled: Callable[[], bool]) -> bool:
        """Look after what no worker does; returns whether the pass is over."""
        with self._changed:
            if not (self._flow.finished or self._stopping):
                self._changed.wait(_TICK)
            if cancelled():
                self._stopping = True
            if self._deferred:
                self._flow.calls.extend(self._deferred)
                self._deferred.clear()
            if self._idle:
                self._changed.notify_all()
            over = self._flow.finished or self._stopping
        self._report()
        return over

    def _report(self) -> None:
        """Emit the counts of the nodes that moved."""
        machine = self._machine
        moved: list[NodeAdvanced] = []
        with self._changed:
            for step, counts in zip(machine.program.steps, machine.tally.steps, strict=True):
                snapshot = counts.snapshot()
                if self._seen.get(step.id) != snapshot:
                    self._seen[step.id] = snapshot
                    moved.append(NodeAdvanced(machine.clock(), step.id, *snapshot, self._total(step.index)))
        for event in moved:
            machine.emit(event)

    def _total(self, index: int) -> int | None:
        """How many calls a node will have, once its source has ended."""
        step = self._machine.program.steps[index]
        chain = step.node.output_chain
        if len(chain) != 1:
            return None if chain else 1
        fan_out = self._machine.program.step(chain[0])
        scope = self._flow.root.scopes.get(fan_out.index)
        return len(scope.keys) if scope is not None and scope.ended else None

    def _work(self) -> None:
        while (task := self._take()) is not None:
            again: Task | None = None
            try:
                self._perform(task)
            except Busy:
                again = task
            except BaseException as bug:
                self._crash = bug
                self._stopping = True
            self._give_back(task, again)

    def _take(self) -> Task | None:
        with self._changed:
            while not (self._stopping or self._flow.finished):
                task = self._flow.next_task(batch_size=BATCH_SIZE, idle=self._running == 0)
                if task is None:
                    self._idle += 1
                    self._changed.wait()
                    self._idle -= 1
                elif self._park(task):
                    continue
                else:
                    self._running += 1
                    if self._idle and not self._is_cheap(task):
                        self._changed.notify()
                    return task
            self._changed.notify_all()
            return None

    def _park(self, task: Task) -> bool:
        """Hold a task back whose function is running and must not run twice at a time."""
        function = self._exclusive(task)
        if function is None:
            return False
        if function in self._parked:
            self._parked[function].append(task)
            return True
        self._parked[function] = []
        return False

    def _give_back(self, task: Task, again: Task | None) -> None:
        with self._changed:
            self._running -= 1
            if again is not None:
                self._deferred.append(again)
            function = self._exclusive(task)
            if function is not None:
                self._flow.calls.extend(self._parked.pop(function))
            if self._running == 0 and self._idle:
                self._changed.notify()

    def _exclusive(self, task: Task) -> Hashable | None:
        step = self._machine.program.steps[self._step_index(task)]
        return None if step.type.concurrent else step.type.function

    def _is_cheap(self, task: Task) -> bool:
        return self._machine.is_cheap(self._machine.program.steps[self._step_index(task)])

    @staticmethod
    def _step_index(task: Task) -> int:
        if task.kind == "batch":
            return task.position
        if task.scope is not None:
            return task.scope.step
        assert task.frame is not None
        return task.frame.level.members[task.position]

    def _perform(self, task: Task) -> None:
        if task.kind == "batch":
            self._perform_batch(task.position)
        elif task.scope is not None:
            current_call.set((self._machine.program.steps[task.scope.step].id, task.scope.frame.label))
            self._fan_out.advance(task.scope)
        else:
            self._perform_call(task)

    def _perform_batch(self, index: int) -> None:
        step = self._machine.program.steps[index]
        with self._changed:
            waiting = self._flow.batches[index][:BATCH_SIZE]
            del self._flow.batches[index][:BATCH_SIZE]
        current_call.set((step.id, ""))
        for frame, position in self._calls.run_batch(step, waiting):
            with self._changed:
                self._deferred.append(Task("call", frame, position))

    def _perform_call(self, task: Task) -> None:
        frame, position = task.frame, task.position
        assert frame is not None
        step = self._flow.step_at(frame, position)
        current_call.set((step.id, frame.label))
        is_item = self._flow.is_item(frame, position)
        if task.kind == "remake" or isinstance(frame.results[position], Done):
            if is_item:
                self._fan_out.remake(frame, step)
            else:
                self._calls.remake(frame, position, step)
            return
        if is_item:
            self._fan_out.make(frame, step)
            return
        inherited = self._flow.inherited(frame, position)
        if inherited is not None:
            self._machine.inherited(frame, position, step, *inherited)
        elif step.fans_out:
            self._fan_out.open(frame, position, step)
        else:
            self._calls.run(frame, position, step)
