"""Host memory: what leaves a device may wait there, and what is needed next is read ahead."""

from __future__ import annotations

import threading

import pytest

from tests.models.world import ref

GPU = "cuda:0"


def read_ahead(w, name):
    """Have a model read ahead, and wait until that has begun."""
    begun = threading.Event()
    w.loading = lambda name, device: begun.set() if device == "cpu" else None
    w.residency.prefetch(ref(name))
    assert begun.wait(20)


def one(world, host_bytes=100, **sizes):
    return world({GPU: 100}, sizes or {"a": 60, "b": 60, "c": 60}, host_bytes=host_bytes)


def sources(w, device=GPU):
    return [(c.model.fingerprint, c.source) for c in w.changes if c.what == "loaded" and c.device == device]


def test_evicted_model_waits_on_the_host_and_comes_back_without_the_disk(world):
    w = one(world)
    for name in "aba":
        w.use(name, device=GPU)
    assert sources(w) == [("a", "disk"), ("b", "disk"), ("a", "host")]
    assert [c.to for c in w.changes if c.what == "evicted"] == ["host", "dropped"]


def test_models_change_places_where_the_host_has_room_for_both(world):
    w = one(world, host_bytes=120)
    for name in "abab":
        w.use(name, device=GPU)
    assert sources(w) == [("a", "disk"), ("b", "disk"), ("a", "host"), ("b", "host")]
    assert w.residency.tracked("host") == 60


def test_model_for_which_the_host_has_no_room_is_dropped(world):
    w = one(world, host_bytes=50)
    for name in "aba":
        w.use(name, device=GPU)
    assert sources(w) == [("a", "disk"), ("b", "disk"), ("a", "disk")]
    assert {c.to for c in w.changes if c.what == "evicted"} == {"dropped"}


def test_host_keeps_what_is_needed_sooner(world):
    w = one(world)
    w.use("a", device=GPU)
    w.upcoming("b", "c", "a", device=GPU)
    w.use("b", device=GPU)
    w.upcoming("c", "b", "a", device=GPU)
    w.use("c", device=GPU)
    w.upcoming("b", "a", device=GPU)
    w.use("b", device=GPU)
    assert sources(w) == [("a", "disk"), ("b", "disk"), ("c", "disk"), ("b", "host")]


def test_model_on_the_host_stays_for_one_that_is_needed_later(world):
    w = one(world)
    w.use("a", device=GPU)
    w.upcoming("b", "c", "a", "b", device=GPU)
    w.use("b", device=GPU)
    w.upcoming("c", "a", "b", device=GPU)
    w.use("c", device=GPU)
    w.use("a", device=GPU)
    assert sources(w)[-1] == ("a", "host")


def test_cpu_has_no_host_level(world):
    w = world({"cpu": 100}, {"a": 60, "b": 60}, host_bytes=100)
    for name in "aba":
        w.use(name)
    assert len(w.loads) == 3
    assert [c for c in w.changes if c.device == "host"] == []


def test_change_of_mode_drops_the_model(world):
    w = one(world, a={"resident": 60, "swap": 10})
    w.use("a", device=GPU)
    w.use("a", device=GPU, mode="swap")
    w.use("a", device=GPU)
    assert [c.to for c in w.changes if c.what == "evicted"] == ["dropped", "dropped"]
    assert w.residency.tracked("host") == 0


@pytest.mark.parametrize("outcome", ["raises", "gives nothing"])
def test_model_that_cannot_be_moved_is_loaded_again(world, outcome):
    w = one(world)

    def refuse(loaded, device):
        if outcome == "raises":
            raise RuntimeError("cannot be moved")

    w.move = refuse
    for name in "aba":
        w.use(name, device=GPU)
    assert sources(w) == [("a", "disk"), ("b", "disk"), ("a", "disk")]
    assert w.residency.tracked("host") == 0


def test_model_that_does_not_come_back_from_the_host_is_loaded_again(world):
    w = one(world)
    kept = w.move
    w.move = lambda loaded, device: kept(loaded, device) if device == "cpu" else None
    for name in "aba":
        w.use(name, device=GPU)
    assert sources(w) == [("a", "disk"), ("b", "disk"), ("a", "disk")]
    assert w.residency.tracked("host") == 0


def test_model_that_was_read_ahead_comes_from_the_host(world):
    w = one(world)
    read_ahead(w, "a")
    w.use("a", device=GPU)
    assert w.loads == [("a", "cpu", "resident")]
    assert sources(w) == [("a", "host")]
    (read,) = [c for c in w.changes if c.what == "prefetched"]
    assert (read.model, read.nbytes, read.tracked, read.device) == (ref("a"), 60, 60, "host")


def test_read_under_way_is_waited_for_and_one_not_begun_is_not(world):
    w = one(world)
    begun, go_on = threading.Event(), threading.Event()

    def slow(name, device):
        if device == "cpu":
            begun.set()
            assert go_on.wait(20)

    w.loading = slow
    w.residency.prefetch(ref("a"))
    w.residency.prefetch(ref("b"))
    assert begun.wait(20)
    w.use("b", device=GPU)
    user = threading.Thread(target=w.use, args=("a",), kwargs={"device": GPU})
    user.start()
    go_on.set()
    user.join(20)
    assert sources(w) == [("b", "disk"), ("a", "host")]


def test_model_is_read_ahead_while_a_call_works(world):
    w = one(world)
    with w.residency.admit(GPU, [(ref("a"), "resident")], 40) as lease, lease.use(ref("a")):
        read_ahead(w, "b")
    w.use("b", device=GPU)
    assert sources(w) == [("a", "disk"), ("b", "host")]


def test_model_that_is_loaded_or_already_read_is_not_read_again(world):
    w = one(world)
    w.use("a", device=GPU)
    w.residency.prefetch(ref("a"))
    read_ahead(w, "b")
    w.residency.prefetch(ref("b"))
    w.use("b", device=GPU)
    assert w.loads == [("a", GPU, "resident"), ("b", "cpu", "resident")]


def test_files_are_read_ahead_where_the_host_has_no_room(world):
    w = one(world, host_bytes=50)
    w.residency.prefetch(ref("a"))
    w.residency.close()
    assert w.loads == []
    assert w.read_ahead == ["a"]


@pytest.mark.parametrize("mode", ["resident", "swap"])
def test_files_are_read_ahead_on_the_cpu_and_for_what_is_not_held_whole(world, mode):
    w = world({"cpu" if mode == "resident" else GPU: 100}, {"a": 60}, host_bytes=100)
    w.residency.prefetch(ref("a"), mode)
    w.residency.close()
    assert (w.loads, w.read_ahead) == ([], ["a"])


def test_read_that_fails_is_left_to_the_call(world):
    w = one(world)

    def fail(name, device):
        raise OSError("disk on fire")

    w.loading = fail
    w.residency.prefetch(ref("a"))
    with pytest.raises(OSError, match="disk on fire"):
        w.use("a", device=GPU)
    assert w.residency.tracked("host") == 0


def test_model_larger_than_said_that_was_read_ahead_is_tracked_at_what_it_takes(world):
    w = one(world, a=60)
    w.actual["a"] = 90
    read_ahead(w, "a")
    w.use("a", device=GPU)
    (read,) = [c for c in w.changes if c.what == "prefetched"]
    assert read.tracked == 90
    assert w.residency.tracked(GPU) == 90


def test_lost_device_leaves_the_host_copies_for_others(world):
    w = world({GPU: 100, "cuda:1": 100}, {"a": 60, "b": 60}, host_bytes=100)
    w.use("a", device=GPU)
    w.use("b", device=GPU)
    w.residency.lose(GPU)
    w.use("a", device="cuda:1")
    assert sources(w, "cuda:1") == [("a", "host")]


def test_model_that_leaves_the_host_for_another_is_alive_no_more(world):
    w = one(world)
    w.has_cycles = True
    w.use("a", device=GPU)
    w.upcoming("b", "c", "a", device=GPU)
    w.use("b", device=GPU)
    w.upcoming("c", "b", "a", device=GPU)
    w.use("c", device=GPU)
    assert [reference() is None for reference in w.alive] == [True, False, False]


def test_model_held_by_parts_takes_host_memory_from_the_others(world):
    w = one(world, a=60, b={"resident": 80, "swap": 10}, c=30)
    w.use("a", device=GPU)
    w.residency.free(GPU)
    w.use("b", device=GPU, mode="swap")
    assert w.residency.tracked("host") == 0
    w.use("a", device=GPU)
    w.residency.free(GPU)
    assert sources(w) == [("a", "disk"), ("b", "disk"), ("a", "disk")]


def test_model_held_by_parts_leaves_the_host_to_others_where_there_is_room(world):
    w = one(world, a=20, b={"resident": 80, "swap": 10})
    w.use("a", device=GPU)
    w.residency.free(GPU)
    w.use("b", device=GPU, mode="swap")
    w.use("a", device=GPU)
    assert sources(w) == [("a", "disk"), ("b", "disk"), ("a", "host")]


def test_freed_models_wait_on_the_host(world):
    w = one(world)
    w.use("a", device=GPU)
    assert w.residency.free(GPU) == 60
    assert w.residency.tracked("host") == 60
    w.use("a", device=GPU)
    assert sources(w) == [("a", "disk"), ("a", "host")]
