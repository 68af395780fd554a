"""Which gathered calls a device makes next, and when it goes over to another stage."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from nodegraph.place.schedule import StagePlacement
from nodegraph.run.turns import Turn, Turns


def on(*devices: str, order: int = 0, batch: int = 1) -> StagePlacement:
    return StagePlacement(devices, dict.fromkeys(devices, "resident"), dict.fromkeys(devices, batch), order)


def turns(*stages: StagePlacement, lanes: dict[str, int] | None = None) -> Turns:
    made = Turns(lanes or {"gpu": 1})
    made.follow(dict(enumerate(stages)))
    return made


def waiting(*counts: int) -> dict[int, list[int]]:
    return {step: [0] * count for step, count in enumerate(counts)}


class Coming:
    def __init__(self, steps: Collection[int] = ()) -> None:
        self.steps = steps

    def __call__(self, step: int) -> bool:
        return step in self.steps


NOTHING = Coming()


def test_a_full_batch_is_made_at_once_and_the_device_is_busy_until_it_is_released() -> None:
    made = turns(on("gpu", batch=2))
    assert made.is_due(waiting(3))
    assert made.full(waiting(3)) == Turn(0, "gpu", 2)
    assert made.full(waiting(1)) is None
    assert not made.is_due(waiting(4))
    made.release("gpu")
    assert made.is_due(waiting(4))


def test_a_part_of_a_batch_waits_as_long_as_more_may_come() -> None:
    made = turns(on("gpu", batch=4))
    assert made.full(waiting(3)) is None
    assert made.any(waiting(3), Coming([0])) is None
    assert made.any(waiting(3), NOTHING) == Turn(0, "gpu", 3)


def test_of_stages_that_share_a_device_the_later_one_is_first() -> None:
    made = turns(on("gpu"), on("gpu"))
    assert made.full(waiting(5, 1)) == Turn(1, "gpu", 1)


def test_a_device_stays_with_its_stage_while_something_may_come_for_it() -> None:
    made = turns(on("gpu", order=0), on("gpu", order=1))
    assert made.full(waiting(0, 3)) is None
    assert made.any(waiting(0, 3), Coming([0, 1])) is None


def test_a_device_goes_on_where_nothing_may_come_for_its_stage_and_stays_there() -> None:
    made = turns(on("gpu", order=0), on("gpu", order=1))
    assert made.any(waiting(0, 3), NOTHING) == Turn(1, "gpu", 1)
    made.release("gpu")
    assert made.full(waiting(4, 2)) == Turn(1, "gpu", 1)
    made.release("gpu")
    assert made.full(waiting(4, 0)) is None
    assert made.any(waiting(4, 0), NOTHING) == Turn(0, "gpu", 1)


def test_the_next_of_several_stages_is_the_one_after_the_last_in_order() -> None:
    made = turns(on("gpu", order=0), on("gpu", order=1), on("gpu", order=2))
    assert made.any(waiting(0, 1, 1), NOTHING) == Turn(1, "gpu", 1)
    made.release("gpu")
    assert made.any(waiting(1, 0, 1), NOTHING) == Turn(2, "gpu", 1)
    made.release("gpu")
    assert made.any(waiting(1, 0, 0), NOTHING) == Turn(0, "gpu", 1)


def test_devices_that_share_a_stage_take_calls_side_by_side() -> None:
    made = turns(on("a", "b"), lanes={"a": 1, "b": 2})
    taken = [made.full(waiting(9)) for _ in range(4)]
    assert [turn and turn.device for turn in taken] == ["a", "b", "b", None]


def test_calls_that_are_moved_are_made_on_the_other_device_in_its_way() -> None:
    made = turns(on("a", batch=4), on("b"), lanes={"a": 1, "b": 1})
    made.move(0, "a", "b", "offload", 2)
    assert made.full(waiting(4)) == Turn(0, "b", 2)
    assert made.placement(0).mode["b"] == "offload"
    assert made.full(waiting(4)) is None


def test_a_lost_device_makes_no_calls() -> None:
    made = turns(on("a", "b"), on("a"), lanes={"a": 1, "b": 1})
    made.lose("a")
    assert made.any(waiting(1, 1), NOTHING) == Turn(0, "b", 1)
    made.release("b")
    assert made.any(waiting(0, 1), NOTHING) is None


@pytest.mark.parametrize("orders", [(0, 0), (0, 1), (1, 0)])
def test_whatever_waits_is_made_in_the_end(orders: tuple[int, int]) -> None:
    made = turns(on("gpu", order=orders[0], batch=4), on("gpu", order=orders[1], batch=3))
    left = [10, 10]
    while sum(left):
        turn = made.full(waiting(*left)) or made.any(waiting(*left), NOTHING)
        assert turn is not None
        left[turn.step] -= turn.size
        made.release(turn.device)
    assert left == [0, 0]
