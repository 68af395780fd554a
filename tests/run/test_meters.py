"""What a call takes of its device is measured, without what was there before and what is done apart."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from nodegraph.run.gauges import ProcessGauge, SampledGauge
from nodegraph.run.meters import PeakMeter
from tests.run.fake_allocator import MIB, FakeDevice


@pytest.fixture
def device() -> FakeDevice:
    return FakeDevice("cuda:0", 1000 * MIB)


@pytest.fixture
def meter(device) -> PeakMeter:
    return PeakMeter(device)


def test_the_peak_is_what_a_call_took_beyond_what_was_there(device, meter):
    weights = device.allocate(300 * MIB)
    device.allocate(500 * MIB).free()
    with meter.measuring() as reading:
        latents = device.allocate(100 * MIB)
        device.allocate(50 * MIB).free()
        latents.free()
    assert (reading.peak, reading.trusted) == (150 * MIB, True)
    assert reading.seconds > 0
    assert device.in_use() == weights.nbytes


def test_what_is_done_apart_counts_neither_before_nor_after(device, meter):
    with meter.measuring() as reading:
        latents = device.allocate(100 * MIB)
        with reading.apart():
            device.allocate(700 * MIB).free()
            weights = device.allocate(400 * MIB)
        device.allocate(50 * MIB).free()
    assert reading.peak == latents.nbytes + 50 * MIB
    assert weights.nbytes == 400 * MIB


def test_the_time_of_what_is_done_apart_is_left_out(device):
    now: Iterator[float] = iter([10.0, 11.0, 14.0, 15.5])
    with PeakMeter(device, lambda: next(now)).measuring() as reading, reading.apart():
        pass
    assert reading.seconds == 2.5


def test_a_call_that_raises_is_measured_too(device, meter):
    with suppress(RuntimeError), meter.measuring() as reading:
        device.allocate(70 * MIB).free()
        device.allocate(2000 * MIB)
    assert reading.peak == 70 * MIB


def test_two_calls_at_a_time_are_both_measured_from_where_they_began_and_not_trusted(device, meter):
    with meter.measuring() as first:
        held = device.allocate(100 * MIB)
        with meter.measuring() as second:
            device.allocate(30 * MIB).free()
        held.free()
    assert (first.peak, second.peak) == (130 * MIB, 30 * MIB)
    assert not first.trusted
    assert not second.trusted
    with meter.measuring() as third:
        device.allocate(5 * MIB).free()
    assert (third.peak, third.trusted) == (5 * MIB, True)


def test_a_disturbance_before_or_during_a_call_takes_the_trust(meter):
    with meter.disturbing(), meter.measuring() as during:
        pass
    with meter.measuring() as begun, meter.disturbing():
        pass
    with meter.measuring() as after:
        pass
    assert (during.trusted, begun.trusted, after.trusted) == (False, False, True)


def test_a_device_of_which_nothing_can_be_read_gives_seconds_and_no_trust():
    with PeakMeter.of("sim:0", "sim").measuring() as reading, reading.apart():
        pass
    assert (reading.peak, reading.trusted) == (0, False)
    assert reading.seconds >= 0


def test_a_sampled_gauge_sees_what_is_in_use_between_begin_and_end():
    values = [100, 900]
    twice = threading.Event()
    seen: list[int] = []

    def read() -> int:
        seen.append(values[0])
        if len(seen) >= 3:
            twice.set()
        return values[0]

    gauge = SampledGauge(read)
    assert gauge.begin() == 100
    values[0] = 900
    assert twice.wait(10)
    values[0] = 200
    assert gauge.peak() == 900
    gauge.end()
    assert "memory of a device" not in {thread.name for thread in threading.enumerate()}
    assert gauge.begin() == 200
    assert gauge.peak() == 200
    gauge.end()


_CALLS = """
import json
import numpy as np
from nodegraph.run.meters import PeakMeter

def arrays():
    np.ones(24 << 20, np.uint8)
    np.ones(16 << 20, np.uint8)

def pieces():
    # Freed into the heap, which is not given back while something lies above them.
    small = [bytearray(b"x" * 100_000) for _ in range(400)]
    return bytearray(b"x" * 100_000)

kept = np.ones(8 << 20, np.uint8)
np.ones(64 << 20, np.uint8)
meter, plugs, readings = PeakMeter.of("cpu", "cpu"), [], []
for call in (arrays, pieces, pieces, pieces, arrays, arrays):
    with meter.measuring() as reading:
        plugs.append(call())
    readings.append((call.__name__, reading.peak >> 20, reading.trusted))
print(json.dumps(readings))
"""


@pytest.mark.skipif(not ProcessGauge.is_there(), reason="the peak of a process cannot be reset here")
def test_a_trusted_peak_of_the_process_is_that_of_the_call_though_the_library_keeps_what_was_freed():
    printed = subprocess.run(
        [sys.executable, "-c", _CALLS], capture_output=True, text=True, check=True
    ).stdout
    readings = [(name, peak) for name, peak, trusted in json.loads(printed) if trusted]
    assert readings[0][0] == "arrays"
    assert "pieces" in dict(readings)
    for name, peak in readings:
        low, high = {"arrays": (22, 28), "pieces": (36, 42)}[name]
        assert low <= peak <= high, readings
