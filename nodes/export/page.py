"""The preview's HTML page: one file without scripts or outside resources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

from nodes.image.annotate import CLASS_COLOURS


@dataclass(frozen=True)
class Medium:
    """A picture or clip on the page.

    Attributes:
        path: relative to the page.
        caption: what is written under a picture, or read aloud for a clip.
        width, height: in pixels.
    """

    path: str
    caption: str
    width: int
    height: int


@dataclass(frozen=True)
class Source:
    """What was made of one source item: a clip, pictures, or both."""

    key: str
    clip: Medium | None
    pictures: tuple[Medium, ...]


@dataclass(frozen=True)
class Totals:
    """What the dataset holds, whether shown or not.

    Attributes:
        pictures, clips: how many.
        boxes: how many per class name, in the order of the class ids; None if boxes are not known.
    """

    pictures: int
    clips: int
    boxes: Mapping[str, int] | None


def render_page(title: str, totals: Totals, sources: Sequence[Source], sheets: Sequence[Medium]) -> str:
    """The page as HTML text."""
    css = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    with_pictures = [source for source in sources if source.pictures]
    lone_clips = [source.clip for source in sources if source.clip and not source.pictures]
    body = "\n".join(
        (
            _header(title, totals, sources),
            *map(_source, with_pictures),
            _lone_clips(lone_clips),
            _sheets(sheets),
        )
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>\n{css}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _header(title: str, totals: Totals, sources: Sequence[Source]) -> str:
    shown = sum(len(source.pictures) for source in sources)
    figures = [_figure(totals.pictures, "picture")] if totals.pictures or not totals.clips else []
    if totals.clips:
        figures.append(_figure(totals.clips, "clip"))
    if totals.boxes is not None:
        figures += [_figure(sum(totals.boxes.values()), "box"), _figure(len(totals.boxes), "class")]
    note = f'<p class="note">{shown:,} of {totals.pictures:,} pictures are shown.</p>\n'
    return (
        f'<header>\n<h1>{escape(title)}</h1>\n<p class="figures">{"".join(figures)}</p>\n'
        f"{note if shown < totals.pictures else ''}{_legend(totals.boxes or {})}</header>"
    )


def _figure(count: int, noun: str) -> str:
    plural = noun if count == 1 else noun + ("es" if noun.endswith(("s", "x")) else "s")
    return f"<span><b>{count:,}</b> {plural}</span>"


def _legend(boxes: Mapping[str, int]) -> str:
    if not boxes:
        return ""
    entries = "".join(
        f'<li><i style="background:{CLASS_COLOURS[index % len(CLASS_COLOURS)]}"></i>{escape(name)} '
        f"<b>{count:,}</b></li>"
        for index, (name, count) in enumerate(boxes.items())
    )
    return f'<ul class="legend">{entries}</ul>\n'


def _source(source: Source) -> str:
    kind = "both" if source.clip else "one"
    clip = _clip(source.clip, source.pictures[0].path) if source.clip else ""
    heading = f"<h2>{escape(source.key) or 'Pictures'}</h2>"
    return (
        f'<section class="{kind}">\n{heading}\n<div class="row">\n'
        f"{clip}{_pictures(source.pictures)}</div>\n</section>"
    )


def _lone_clips(clips: Sequence[Medium]) -> str:
    if not clips:
        return ""
    figures = "".join(_clip(clip) for clip in clips)
    return f'<section class="one">\n<h2>Clips</h2>\n<div class="clips">\n{figures}</div>\n</section>'


def _clip(clip: Medium, poster: str = "") -> str:
    shown_first = f' poster="{_url(poster)}"' if poster else ""
    caption = "" if poster else f"<figcaption>{escape(clip.caption)}</figcaption>"
    return (
        f'<figure><video src="{_url(clip.path)}"{shown_first} width="{clip.width}" height="{clip.height}" '
        f'muted loop autoplay controls playsinline preload="metadata" aria-label="{escape(clip.caption)}">'
        f"</video>{caption}</figure>\n"
    )


def _pictures(pictures: Sequence[Medium]) -> str:
    if not pictures:
        return ""
    figures = "\n".join(map(_picture, pictures))
    return f'<div class="pictures" style="--columns:{_columns(len(pictures))}">\n{figures}\n</div>\n'


def _columns(count: int) -> int:
    """Four to six columns, whichever leaves the fewest places of the last row open."""
    return min((6, 5, 4), key=lambda columns: -count % columns)


def _picture(picture: Medium) -> str:
    url = _url(picture.path)
    return (
        f'<figure><a href="{url}"><img src="{url}" width="{picture.width}" height="{picture.height}" '
        f'loading="lazy" alt="{escape(picture.caption)}"></a>'
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
    )


def _sheets(sheets: Sequence[Medium]) -> str:
    if not sheets:
        return ""
    return f'<section class="one">\n<h2>Contact sheets</h2>\n{_pictures(sheets)}</section>'


def _url(path: str) -> str:
    return escape(quote(path))
