"""The worker threads of a run. Each takes the next task of the flow, runs it and what follows from it.

There is no hand-over of cheap calls: the worker that made a call's inputs goes on with the call itself.
Another worker is woken only when there is more to do and what this one begins is not known to be cheap.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence

from nodegraph.events import NodeAdvance, NodesAdvanced
from nodegraph.plan.program import Step
from nodegraph.run.capture import WORKER_NAME, begin_call, end_calls
from nodegraph.run.execute import Calls
from nodegraph.run.fanout import FanOut
from nodegraph.run.flow import Flow
from nodegraph.run.frames import Done, Frame
from nodegraph.run.inline import Inline
from nodegraph.run.inputs import Busy
from nodegraph.run.machine import Machine
from nodegraph.run.tasks import Task

BATCH_SIZE = 16
_TICK = 0.05
_GRACE = 3.0


class Pool:
    """Runs one pass of a flow on `jobs` threads."""

    def __init__(self, machine: Machine, flow: Flow, jobs: int) -> None:
        self._machine = machine
        self._flow = flow
        lanes = 0 if flow.gathered.turns is None else sum(flow.gathered.turns.lanes.values())
        self._jobs = max(jobs, lanes + 1) if lanes else jobs
        self._calls = Calls(machine)
        self._fan_out = FanOut(machine, self._calls)
        self._inline = Inline(machine, self._calls, self._fan_out, self._call_or_defer, BATCH_SIZE)
        self._more = threading.Condition(machine.lock)
        self._over = threading.Condition(machine.lock)
        self._running: list[int] = []
        self._gathering: list[int] = []
        self._idle = 0
        self._stopping = False
        self._crash: BaseException | None = None
        self._cancelled = machine.cancelled
        self._deferred: list[Task] = []
        self._parked: dict[Hashable, list[Task]] = {}
        self._seen = [0] * len(machine.program.steps)

    def run(self, cancel: Callable[[], None]) -> bool:
        """Run until nothing is left (True) or the run is cancelled (False); Ctrl-C calls `cancel`.

        A cancelled run waits a few seconds for the calls that are running, then leaves them behind.
        """
        threads = [
            threading.Thread(target=self._work, name=f"{WORKER_NAME}{index}", daemon=True)
            for index in range(self._jobs)
        ]
        for thread in threads:
            thread.start()
        while not self._is_over():
            try:
                self._tick()
            except KeyboardInterrupt:
                cancel()
        self._wait(threads)
        if self._crash is not None:
            raise self._crash
        return self._flow.finished

    def _is_over(self) -> bool:
        return self._stopping or self._flow.finished or self._cancelled()

    def _wait(self, threads: Sequence[threading.Thread]) -> None:
        """Wait for the calls that are running."""
        until = None if self._flow.finished else time.monotonic() + _GRACE
        with self._more:
            self._more.notify_all()
        for thread in threads:
            thread.join(None if until is None else max(0.0, until - time.monotonic()))
        if not any(thread.is_alive() for thread in threads):
            for scope in self._flow.sources:
                scope.producer.close()

    def _tick(self) -> None:
        """Look after what no worker does."""
        with self._over:
            if not self._is_over():
                self._over.wait(_TICK)
            if self._deferred:
                for task in self._deferred:
                    self._flow.put_back(task)
                self._deferred.clear()
            if self._idle:
                self._more.notify_all()
        self._report()

    def _report(self) -> None:
        """Emit the counts of the nodes that moved."""
        machine = self._machine
        moved: list[NodeAdvance] = []
        # Not under the lock: what is counted meanwhile is told next time.
        for step, counts in zip(machine.program.steps, machine.tally.steps, strict=True):
            items = counts.items
            if self._seen[step.index] != items:
                self._seen[step.index] = items
                total = machine.foresight.total(step)
                moved.append(NodeAdvance(step.id, *counts.snapshot(), total))
        if moved:
            machine.emit(NodesAdvanced(machine.clock(), tuple(moved)))

    def _work(self) -> None:
        while (task := self._take()) is not None:
            if task.kind == "inline":
                self._run_inline()
                continue
            again: Task | None = None
            try:
                self._perform(task)
            except Busy:
                again = task
            except BaseException as bug:
                self._crash = self._crash or bug
                self._stopping = True
            self._give_back(task, again)

    def _run_inline(self) -> None:
        """Make the plain calls that have become ready."""
        try:
            self._inline.run()
        except BaseException as bug:
            self._crash = self._crash or bug
            self._stopping = True
        with self._more:
            if self._idle:
                self._more.notify()

    def _take(self) -> Task | None:
        with self._more:
            while not self._is_over():
                task = self._next_task()
                if task is None:
                    self._idle += 1
                    self._more.wait()
                    self._idle -= 1
                elif task.kind == "inline":
                    return task
                elif not self._park(task):
                    self._running.append(self._step_index(task))
                    if task.kind == "call":
                        self._gathering.append(self._step_index(task))
                    if self._idle and not self._is_cheap(task):
                        self._more.notify()
                    return task
            self._more.notify_all()
            self._over.notify()
            return None

    def _next_task(self) -> Task | None:
        """What is to be done; nothing if the thread that makes plain calls will do what is ready next."""
        if self._inline.is_next():
            return None if self._inline.is_busy else Task("inline", None, 0)
        running = (*self._running, self._inline.running)
        return self._flow.next_task(batch_size=BATCH_SIZE, running=running, gathering=self._gathering)

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
        with self._more:
            self._running.remove(self._step_index(task))
            if task.kind == "call":
                self._gathering.remove(self._step_index(task))
            if again is not None:
                self._deferred.append(again)
            elif task.device and self._flow.gathered.turns is not None:
                self._flow.gathered.turns.release(task.device)
            function = self._exclusive(task)
            if function is not None:
                for parked in self._parked.pop(function):
                    self._flow.put_back(parked)
            if self._idle and not self._running:
                self._more.notify()

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
        step = self._machine.program.steps[self._step_index(task)]
        frame = task.scope.frame if task.scope is not None else task.frame or self._flow.root
        begin_call((step.id, frame))
        try:
            if task.kind == "batch":
                self._perform_batch(step, task)
            elif task.scope is not None:
                self._fan_out.advance(task.scope)
            else:
                self._perform_call(frame, task.position)
        finally:
            end_calls()

    def _perform_batch(self, step: Step, task: Task) -> None:
        for frame, position in self._calls.run_batch(step, task.waiting, task.device):
            with self._more:
                self._deferred.append(Task("call", frame, position))

    def _call_or_defer(self, frame: Frame, position: int) -> None:
        """Make a call that had been taken for a plain one."""
        try:
            self._perform_call(frame, position)
        except Busy:
            with self._more:
                self._deferred.append(Task("call", frame, position))

    def _perform_call(self, frame: Frame, position: int) -> None:
        step = self._flow.step_at(frame, position)
        is_item = self._flow.is_item(frame, position)
        inherited = None if is_item else self._flow.inherited(frame, position)
        if inherited is not None:
            self._machine.inherited(frame, position, step, *inherited)
        elif isinstance(frame.results[position], Done):
            if is_item:
                self._fan_out.remake(frame, step)
            elif self._calls.waits_for_place(step):
                with self._more:
                    self._flow.gather(frame, position)
            else:
                self._calls.remake(frame, position, step)
        elif is_item:
            self._fan_out.make(frame, step)
        elif step.fans_out:
            self._fan_out.open(frame, position, step)
        else:
            self._calls.run(frame, position, step)
