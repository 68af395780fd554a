"""Measuring how much memory of its device, and how much time, a call takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from nodegraph.run.gauges import Gauge, gauge_for


class Reading:
    """What a call takes; complete when its measuring ends.

    Attributes:
        peak: bytes of the device that it took at most, beyond what was in use before it.
        reserved: the most bytes that this process held of the device meanwhile, used or not; 0 where that is
            not told apart.
        seconds: how long it took, without what was done apart.
        trusted: whether `peak` is all that the call took, and the call's alone: nothing else that may have
            taken memory went on, and no memory kept from before may have served it.
    """

    def __init__(self, gauge: Gauge | None, clock: Callable[[], float], *, alone: bool) -> None:
        self.peak = 0
        self.reserved = 0
        self.seconds = 0.0
        self.trusted = False
        self._gauge = gauge
        self._clock = clock
        self._before = 0
        if gauge is not None:
            # Beginning anew would lose the peak of those that are being measured.
            self._before = gauge.begin() if alone else gauge.in_use()
            self.trusted = alone and not gauge.hides_some
        self._began = self._clock()

    @contextmanager
    def apart(self) -> Generator[None]:
        """Leave out what is done within, such as loading a model: neither its memory nor its time counts."""
        began = self._clock()
        self._note()
        gauge = self._gauge
        held = 0 if gauge is None else gauge.in_use() - self._before
        try:
            yield
        finally:
            if gauge is not None:
                self._before = gauge.begin() - held
                self.trusted = self.trusted and not gauge.hides_some
            self._began += self._clock() - began

    def complete(self) -> None:
        """Take the last figures; the meter does that."""
        self.seconds = self._clock() - self._began
        self._note()

    def _note(self) -> None:
        """Take the peak so far into account."""
        if self._gauge is not None:
            self.peak = max(self.peak, self._gauge.peak() - self._before)
            self.reserved = max(self.reserved, self._gauge.reserved())


class PeakMeter:
    """Measures the calls of one device; a process has one for each device.

    Memory in use is known for the process as a whole. So a reading is trusted only if no other call of the
    device was measured, and nothing that tells so by `disturbing` went on, at the same time.
    """

    def __init__(self, gauge: Gauge | None, clock: Callable[[], float] = time.perf_counter) -> None:
        self._gauge = gauge
        self._clock = clock
        self._guard = threading.Lock()
        self._readings: list[Reading] = []
        self._disturbing = 0

    @classmethod
    def of(cls, device: str, kind: str) -> PeakMeter:
        """The meter of a device such as `cuda:0`; where its memory cannot be read, no reading is trusted."""
        return cls(gauge_for(device, kind))

    @contextmanager
    def measuring(self) -> Generator[Reading]:
        """Measure what is done within."""
        with self._guard:
            reading = Reading(self._gauge, self._clock, alone=not self._readings)
            self._readings.append(reading)
            if len(self._readings) > 1 or self._disturbing:
                self._distrust()
        try:
            yield reading
        finally:
            with self._guard:
                reading.complete()
                self._readings.remove(reading)
                if self._gauge is not None and not self._readings:
                    self._gauge.end()

    @contextmanager
    def disturbing(self) -> Generator[None]:
        """Do something that may take memory of the device and is not measured."""
        with self._guard:
            self._disturbing += 1
            self._distrust()
        try:
            yield
        finally:
            with self._guard:
                self._disturbing -= 1

    def _distrust(self) -> None:
        for reading in self._readings:
            reading.trusted = False
