"""The memory of a device over time: tracked bytes against the budget and the forecast peak."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from nodegraph.report.canvas import GUTTER, LEFT, MARGIN, RIGHT, Scale, text
from nodegraph.report.lanes import DeviceLane
from nodegraph.show.lettering import px, xml_text
from nodegraph.show.wording import size_text

HEIGHT = 66.0
_HEADROOM = 1.06
_FAR = 4
"""A budget this many times what is used is not drawn to scale: the curve would lie flat."""

_LINE = 14.0


def memory_panel(device: DeviceLane, scale: Scale, top: float, *, column: float) -> Iterator[str]:
    """The curve of tracked bytes, and a labelled line each for its peak, the budget and the forecast peak.

    Args:
        device: what happened on the device; its budget is known.
        scale: from time to px.
        top: of the panel, which is `HEIGHT` high.
        column: px that hold one highest and one last value at most.
    """
    expected = device.forecast.peak if device.forecast else 0
    used = max(device.peak, expected)
    most = max([device.budget, *(entry.budget for entry in device.memory)])
    is_far = most > _FAR * used > 0
    full = 2.0 * used if is_far else most * _HEADROOM if most >= used else used * _HEADROOM
    base = top + HEIGHT

    def y(nbytes: float) -> float:
        return max(top, base - HEIGHT * nbytes / full)

    yield text(MARGIN + 15, top + 12, "memory", "label")
    yield text(LEFT - 8, base, "0", "dim", more="end")
    yield from _curve(device, scale, base, y, column)
    labels: list[tuple[float, str, str]] = []
    if expected:
        yield f'<path class="forecast" d="M{px(LEFT)} {px(y(expected))}H{px(RIGHT)}"/>'
        labels.append((y(expected), f"forecast {size_text(expected)}", "of-forecast"))
    if device.memory:
        labels.append((y(device.peak), f"peak {size_text(device.peak)}", "of-tracked"))
    yield _budget(device, scale, y, column)
    labels.append((top if is_far else y(device.budget), _budget_text(device.budget, is_far), "of-budget"))
    labels.sort()
    for place, (_, label, css) in zip(_apart([y for y, _, _ in labels], top + 4, base), labels, strict=True):
        yield text(RIGHT + 10, place + 4, label, "dim", width=GUTTER, more=css)


def steps(samples: Sequence[tuple[float, int]], width: float) -> list[tuple[float, int]]:
    """A stepped curve with few steps: of each stretch of time the highest value and the last.

    Args:
        samples: seconds and bytes from then on, by time.
        width: of a stretch, in seconds.
    """
    result: list[tuple[float, int]] = []
    index = 0
    while index < len(samples):
        begun, highest = samples[index]
        last = highest
        while index < len(samples) and samples[index][0] < begun + width:
            last = samples[index][1]
            highest = max(highest, last)
            index += 1
        for at, value in ((begun, highest), (begun + width, last)):
            if not result or result[-1][1] != value:
                result.append((at, value))
    return result


def _curve(
    device: DeviceLane, scale: Scale, base: float, y: Callable[[float], float], column: float
) -> Iterator[str]:
    if not device.memory:
        return
    few = steps([(entry.time, entry.tracked) for entry in device.memory], scale.time(column))
    path = "".join(f"H{px(scale.x(at))}V{px(y(value))}" for at, value in few)
    title = f"tracked bytes on {device.name}, at most {size_text(device.peak)}"
    yield (
        f'<path class="tracked" d="M{px(scale.x(few[0][0]))} {px(base)}{path}H{px(RIGHT)}V{px(base)}z">'
        f"<title>{xml_text(title)}</title></path>"
    )


def _budget(device: DeviceLane, scale: Scale, y: Callable[[float], float], column: float) -> str:
    samples = [(entry.time, entry.budget) for entry in device.memory]
    few = steps(samples, scale.time(column)) or [(0.0, device.budget)]
    path = "".join(f"H{px(scale.x(at))}V{px(y(value))}" for at, value in few[1:])
    return (
        f'<path class="budget" d="M{px(LEFT)} {px(y(few[0][1]))}{path}H{px(RIGHT)}">'
        f"<title>{xml_text(f'budget of {device.name}: {size_text(device.budget)}')}</title></path>"
    )


def _budget_text(budget: int, is_far: bool) -> str:
    return f"budget {size_text(budget)} (off scale)" if is_far else f"budget {size_text(budget)}"


def _apart(wanted: Sequence[float], top: float, bottom: float) -> list[float]:
    """Places for lines of text from top to bottom, moved as little as keeps them apart.

    Args:
        wanted: in rising order.
        top: of the first, at least.
        bottom: of the last, at most.
    """
    places: list[float] = []
    for place in wanted:
        places.append(max(place, places[-1] + _LINE if places else top))
    for index in range(len(places) - 1, -1, -1):
        below = places[index + 1] - _LINE if index + 1 < len(places) else bottom
        places[index] = min(places[index], below)
    return places
