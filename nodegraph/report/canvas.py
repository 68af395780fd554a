"""Where things stand in the timeline, and the few shapes that it is drawn with; lengths in px."""

from __future__ import annotations

from dataclasses import dataclass

from nodegraph.show.lettering import cut_to, px, xml_text

WIDTH = 1200.0
MARGIN = 24.0
LEFT, RIGHT = 236.0, 990.0
"""Between them time runs; names stand left of it, figures right."""

GUTTER = WIDTH - RIGHT - 10.0 - 10.0
"""The room for figures."""

SIZES = {"title": 15.0, "name": 13.0, "label": 12.0, "dim": 11.5}
"""Font sizes by class of text."""


_BARS, _STAYS, _STEPS, _CROSSES, _ROWS = 900, 250, 2000, 200, 64
_NAME = 40


@dataclass(frozen=True, slots=True)
class Detail:
    """How fine a picture is.

    Attributes:
        bars: how many calls, or calls in a row, it has at most.
        stays: how often it has models on devices at most.
        column: px of time that hold one highest and one last value of memory at most.
        apart: px that two crosses are apart at least; nearer ones are one.
    """

    bars: int
    stays: int
    column: float
    apart: float

    @classmethod
    def of(cls, devices: int, share: float) -> Detail:
        """The detail for a number of devices; `share` is 1 for the finest, less for a smaller picture."""
        span = (RIGHT - LEFT) * devices / share
        apart = max(14.0, span * rows_for(devices) / _CROSSES)
        return cls(int(_BARS * share), int(_STAYS * share), max(1.5, 2 * span / _STEPS), apart)


def rows_for(devices: int) -> int:
    """How many nodes, and how many models, of each of so many devices have a row of their own."""
    return min(12, max(2, _ROWS // max(1, devices)))


@dataclass(frozen=True, slots=True)
class Scale:
    """From seconds since the run started to px, for a run that took `seconds`."""

    seconds: float

    def x(self, time: float) -> float:
        """Where a time stands."""
        return LEFT + (RIGHT - LEFT) * min(1.0, max(0.0, time / self.seconds))

    def time(self, width: float) -> float:
        """The seconds that a width of px stands for."""
        return self.seconds * width / (RIGHT - LEFT)


def text(x: float, y: float, what: str, css: str, *, width: float | None = None, more: str = "") -> str:
    """A text at its baseline; cut to a width, where one is given, and then whole in its title.

    `css` is one of `SIZES`, `more` a further class.
    """
    shown = what if width is None else cut_to(what, width, SIZES[css])
    whole = f"<title>{xml_text(what)}</title>" if shown != what else ""
    css = f"{css} {more}" if more else css
    return f'<text class="{css}" x="{px(x)}" y="{px(y)}">{xml_text(shown)}{whole}</text>'


def bar(x: float, y: float, width: float, height: float, title: str, more: str = "") -> str:
    """A bar that tells more when it is pointed at; `more` are further attributes."""
    place = f'x="{px(x)}" y="{px(y)}" width="{px(max(0.8, width))}" height="{px(height)}"'
    return f"<rect {place}{more}><title>{xml_text(title)}</title></rect>"


def short(name: str) -> str:
    """A name as titles tell it: of a very long one its ends."""
    return name if len(name) <= _NAME else f"{name[: _NAME // 2]}…{name[-_NAME // 2 :]}"


def loaded_mark(x: float, y: float, source: str | None) -> str:
    """A triangle that points up, right of `x`; hollow for what came from host memory."""
    css = "mark hollow" if source == "host" else "mark"
    return f'<path class="{css}" d="M{px(x)} {px(y + 4)}h8l-4-7z"/>'


def evicted_mark(x: float, y: float, to: str | None) -> str:
    """A triangle that points down, left of `x`; hollow for what went to host memory."""
    css = "mark hollow" if to == "host" else "mark"
    return f'<path class="{css}" d="M{px(x)} {px(y - 4)}h-8l4 7z"/>'


def failure_mark(x: float, y: float, title: str) -> str:
    """A cross."""
    path = f"M{px(x - 4)} {px(y - 4)}l8 8m0-8l-8 8"
    label = f"<title>{xml_text(title)}</title>" if title else ""
    return f'<path class="halo" d="{path}"/><path class="cross" d="{path}">{label}</path>'
