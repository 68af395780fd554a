"""Room for calls: models are loaded once, stay while they are held, and leave in the right order."""

from __future__ import annotations

import pytest

from nodegraph.models import ModelError
from nodegraph.models.errors import DeviceLost, DoesNotFit
from tests.models.world import ref

RESIDENT = "resident"


def test_model_is_loaded_on_first_use_and_stays(world):
    w = world({"cpu": 100}, {"a": 40})
    with w.residency.admit("cpu", [(ref("a"), RESIDENT)], 10) as lease:
        assert w.loads == []
        assert w.residency.tracked("cpu") == 50
        with lease.use(ref("a")) as one, lease.use(ref("a")) as two:
            assert one is two
    w.use("a")
    assert w.loads == [("a", "cpu", RESIDENT)]
    assert w.residency.tracked("cpu") == 40


def test_room_that_a_call_did_not_use_is_given_back(world):
    w = world({"cpu": 100}, {"a": 40})
    with w.residency.admit("cpu", [(ref("a"), RESIDENT)], 60):
        pass
    assert w.residency.tracked("cpu") == 0
    assert w.loads == []


def test_model_that_is_given_twice_takes_its_room_once(world):
    w = world({"cpu": 40}, {"a": 40})
    with w.residency.admit("cpu", [(ref("a"), RESIDENT), (ref("a"), RESIDENT)], 0):
        assert w.residency.tracked("cpu") == 40


def test_model_that_is_needed_farthest_in_the_future_leaves(world):
    w = world({"cpu": 100}, {"a": 40, "b": 40, "c": 40, "d": 40})
    w.use("a", "b")
    w.upcoming("c", "a", "b")
    w.use("c")
    assert w.held() == ["a", "c"]
    w.upcoming("d", "a")
    w.use("d")
    assert w.held() == ["a", "d"]


def test_of_models_that_are_not_needed_any_more_the_least_recently_used_leaves(world):
    w = world({"cpu": 100}, {"a": 40, "b": 40, "c": 40})
    w.use("a")
    w.use("b")
    w.use("a")
    w.use("c")
    assert w.held() == ["a", "c"]


def test_no_more_models_leave_than_have_to(world):
    w = world({"cpu": 100}, {"small": 10, "large": 80, "new": 60})
    w.use("small", "large")
    w.upcoming("large", "small")
    w.use("new")
    assert w.held() == ["new", "small"]


def test_nothing_leaves_for_a_call_that_has_to_wait_anyway(world):
    w = world({"cpu": 100}, {"held": 50, "idle": 30, "big": 80})
    w.use("idle")
    with (
        w.residency.admit("cpu", [(ref("held"), RESIDENT)], 0) as lease,
        pytest.raises(DoesNotFit),
        lease.use(ref("big")),
    ):
        pass
    assert w.held() == ["idle"]


def test_working_memory_makes_models_leave_too(world):
    w = world({"cpu": 100}, {"a": 60})
    w.use("a")
    w.use(working=50)
    assert w.held() == []


@pytest.mark.parametrize(("names", "working"), [(["a", "b"], 0), (["a"], 50), ([], 101)])
def test_call_that_can_never_fit_is_refused_with_the_numbers(world, names, working):
    w = world({"cpu": 100}, {"a": 60, "b": 60})
    with pytest.raises(DoesNotFit) as error:
        w.use(*names, working=working)
    need = 60 * len(names) + working
    assert (error.value.need, error.value.budget, error.value.held) == (need, 100, 0)
    assert f"({need} bytes), and the budget is 100 bytes (100 bytes)" in str(error.value)
    assert "give a larger budget" in str(error.value)
    assert w.residency.tracked("cpu") == 0
    w.use("a")


def test_call_that_just_fits_is_admitted(world):
    w = world({"cpu": 100}, {"a": 60})
    w.use("a", working=40)
    assert max(change.tracked for change in w.changes) == 100


def test_change_of_mode_loads_the_model_anew(world):
    w = world({"cpu": 100}, {"a": {"resident": 90, "swap": 30}})
    w.use("a")
    w.use("a", mode="swap", working=50)
    assert w.loads == [("a", "cpu", "resident"), ("a", "cpu", "swap")]
    assert w.residency.tracked("cpu") == 30
    w.use("a")
    assert w.residency.tracked("cpu") == 90


def test_mode_that_is_not_offered_and_unknown_device_are_errors(world):
    w = world({"cpu": 100}, {"a": 10})
    with pytest.raises(ModelError, match="it cannot be held 'offload', only resident"):
        w.use("a", mode="offload")
    with pytest.raises(ModelError, match="device 'cuda:7' has no budget; there are cpu"):
        w.use("a", device="cuda:7")


def test_model_that_a_call_did_not_name_gets_room_where_there_is_some(world):
    w = world({"cpu": 100}, {"a": 40, "b": {"resident": 70, "swap": 50}, "idle": 55})
    w.use("idle")
    with w.residency.admit("cpu", [(ref("a"), RESIDENT)], 0) as lease:
        with lease.use(ref("b")) as loaded:
            assert loaded.mode == "swap"
        assert w.residency.tracked("cpu") == 90
    assert w.held() == ["b"]


def test_model_that_a_call_did_not_name_is_refused_without_waiting_where_there_is_none(world):
    w = world({"cpu": 100}, {"a": 40, "b": 70})
    with w.residency.admit("cpu", [(ref("a"), RESIDENT)], 20) as lease:
        with pytest.raises(DoesNotFit) as error, lease.use(ref("b")):
            pass
        assert (error.value.need, error.value.budget) == (130, 100)
        with lease.use(ref("a")):
            pass


def test_load_that_raises_leaves_nothing_and_can_be_tried_again(world):
    w = world({"cpu": 100}, {"a": 40})

    def fail(name, device):
        raise OSError("disk on fire")

    w.loading = fail
    with w.residency.admit("cpu", [(ref("a"), RESIDENT)], 10) as lease:
        with pytest.raises(OSError, match="disk on fire"), lease.use(ref("a")):
            pass
        w.loading = lambda name, device: None
        with lease.use(ref("a")):
            assert w.held() == ["a"]
    w.residency.free("cpu")
    w.loading = fail
    with pytest.raises(OSError, match="disk on fire"):
        w.use("a", working=10)
    assert w.residency.tracked("cpu") == 0


def test_call_that_raises_gives_its_room_back(world):
    w = world({"cpu": 100}, {"a": 40})
    with (
        pytest.raises(ZeroDivisionError),
        w.residency.admit("cpu", [(ref("a"), RESIDENT)], 60) as lease,
        lease.use(ref("a")),
    ):
        raise ZeroDivisionError
    assert w.residency.tracked("cpu") == 40


def test_freed_are_all_models_that_no_call_holds(world):
    w = world({"cpu": 100}, {"a": 40, "b": 30})
    w.use("a", "b")
    with w.residency.admit("cpu", [(ref("a"), RESIDENT)], 0) as lease, lease.use(ref("a")):
        assert w.residency.free("cpu") == 30
        assert w.held() == ["a"]
        assert w.residency.free("cpu") == 0


@pytest.mark.parametrize("has_cycles", [False, True])
def test_evicted_model_is_alive_no_more(world, has_cycles):
    w = world({"cpu": 100}, {"a": 60, "b": 60})
    w.has_cycles = has_cycles
    w.use("a")
    w.use("b")
    assert [reference() is None for reference in w.alive] == [True, False]


def test_lost_device_is_empty_and_refuses_calls_while_others_go_on(world):
    w = world({"cuda:0": 100, "cpu": 100}, {"a": 40})
    with w.residency.admit("cuda:0", [(ref("a"), RESIDENT)], 10) as lease:
        with lease.use(ref("a")):
            w.residency.lose("cuda:0")
        assert w.residency.tracked("cuda:0") == 0
        with pytest.raises(DeviceLost), lease.use(ref("a")):
            pass
    with pytest.raises(DeviceLost, match="device cuda:0 was lost"):
        w.use("a", device="cuda:0")
    w.use("a")
    assert w.warnings == ["device cuda:0 was lost"]


def test_nothing_is_loaded_after_the_end_of_a_call_or_of_all(world):
    w = world({"cpu": 100}, {"a": 40, "b": 40})
    with w.residency.admit("cpu", [(ref("a"), RESIDENT)], 0) as lease:
        pass
    for name in ("a", "b"):
        with pytest.raises(RuntimeError, match="after its call had ended"), lease.use(ref(name)):
            pass
    w.residency.close()
    with pytest.raises(RuntimeError, match="after the run had ended"):
        w.use("a")


def test_what_happens_is_told_in_order(world):
    w = world({"cpu": 100}, {"a": 60, "b": 60})
    w.use("a", working=5)
    w.use("b")
    assert [(c.what, c.model and c.model.fingerprint, c.tracked) for c in w.changes] == [
        ("admitted", None, 65),
        ("loaded", "a", 65),
        ("released", None, 60),
        ("evicted", "a", 0),
        ("admitted", None, 60),
        ("loaded", "b", 60),
        ("released", None, 60),
    ]
    loaded = w.changes[1]
    assert (loaded.source, loaded.mode, loaded.nbytes, loaded.seconds > 0) == ("disk", "resident", 60, True)


def test_model_of_another_size_is_tracked_at_what_it_takes(world):
    w = world({"cpu": 100}, {"a": 40, "idle": 50})
    w.actual["a"] = 70
    w.use("idle")
    w.use("a")
    assert w.residency.tracked("cpu") == 70
    assert w.held() == ["a"]
    assert w.warnings == [
        "model test.world a takes 70 bytes (70 bytes) on cpu where 40 bytes (40 bytes) were expected"
    ]
    w.residency.free("cpu")
    with w.residency.admit("cpu", [(ref("a"), RESIDENT)], 0):
        assert w.residency.tracked("cpu") == 70


def test_model_that_is_smaller_than_said_makes_room(world):
    w = world({"cpu": 100}, {"a": 90, "b": 60})
    w.actual["a"] = 40
    w.use("a")
    w.use("b")
    assert w.held() == ["a", "b"]


def test_difference_within_one_percent_is_no_difference(world):
    w = world({"cpu": 1000}, {"a": 500})
    w.actual["a"] = 505
    w.use("a")
    assert w.residency.tracked("cpu") == 500
    assert w.warnings == []


def test_model_that_takes_more_than_the_budget_is_unloaded_and_refused(world):
    w = world({"cpu": 100}, {"a": 40})
    w.actual["a"] = 95
    with pytest.raises(DoesNotFit) as error:
        w.use("a", working=10)
    assert (error.value.need, error.value.budget, error.value.held) == (105, 100, 0)
    assert w.residency.tracked("cpu") == 0
    error.value.__traceback__ = None
    assert "no room: it was unloaded" in w.warnings[0]
    with pytest.raises(DoesNotFit):
        w.use("a", working=10)
    assert len(w.loads) == 1


def test_model_that_takes_what_others_hold_is_refused_for_now(world):
    w = world({"cpu": 100}, {"a": 40, "held": 50})
    w.actual["a"] = 70
    with w.residency.admit("cpu", [(ref("held"), RESIDENT)], 0):
        with pytest.raises(DoesNotFit) as error:
            w.use("a")
        assert (error.value.need, error.value.budget, error.value.held) == (70, 100, 50)
        error.value.__traceback__ = None
    w.use("a")
    assert w.held() == ["a"]
