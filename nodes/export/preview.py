"""A page to look through a dataset: clips playing, pictures with their boxes, contact sheets."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, TypeVar

from nodegraph import Artifact, Collected, Context, Param, Stream, node
from nodes.export.folder import ExportError, ExportFolder
from nodes.export.names import file_stems
from nodes.export.page import Medium, Source, Totals, render_page
from nodes.export.samples import union_of_names
from nodes.export.sheets import Grid, Tile, compose_sheet
from nodes.types import Boxes, File

T = TypeVar("T")

_ROWS = 5
"""Rows of a full contact sheet."""


@dataclass(frozen=True)
class _Group:
    """What belongs to one source: the key of its clip, if it has one, and those of its pictures."""

    key: str
    has_clip: bool
    pictures: tuple[str, ...]


@node("export.preview", version=2)
def export_preview(
    images: Collected[File] | None = None,
    boxes: Collected[Boxes] | None = None,
    clips: Collected[File] | None = None,
    *,
    title: Annotated[str, Param(max_length=200, help="heading of the page")] = "Preview",
    limit: Annotated[int, Param(ge=1, help="at most so many pictures, spread over the stream")] = 240,
    columns: Annotated[int, Param(ge=1, le=20, help="pictures in a row of a contact sheet")] = 6,
    cell: Annotated[int, Param(ge=32, le=1024, unit="px", help="width of a picture on a sheet")] = 240,
    ctx: Context,
) -> Artifact:
    """Lay out pictures, clips or both as `index.html`, with contact sheets under `sheets/`.

    The pictures come drawn and encoded, usually as thumbnails, from `image.annotate` and `image.encode`; this
    node only arranges them. A picture `photo/0003` stands beside the clip `photo`. The page needs no network,
    holds no script and works from disk. Boxes, where linked, are counted per class over the whole stream;
    regions to ignore are not.

    Raises:
        ExportError: if neither pictures nor clips are linked, a file is not a picture, or two items would get
            the same file name.
    """
    if images is None and clips is None:
        raise ExportError("there is nothing to show: link 'images', 'clips' or both")
    images = Stream.of([]) if images is None else images
    clips = Stream.of([]) if clips is None else clips
    folder = ExportFolder(ctx.new_folder())
    groups = _spread(_groups(images.keys(), clips.keys()), limit)
    shown = [key for group in groups for key in group.pictures]
    counts = {item.key: int((~item.value.ignore).sum()) for item in boxes} if boxes is not None else {}
    pictures = _write_media(folder, "pictures", images, {key: _caption(key, counts) for key in shown})
    players = {group.key: group.key for group in groups if group.has_clip}
    playing = _write_media(folder, "clips", clips, players)
    sheets = _write_sheets(folder, images, shown, Grid(columns, (cell, cell * 3 // 4)), ctx)
    sources = [
        Source(group.key, playing.get(group.key), tuple(pictures[key] for key in group.pictures))
        for group in groups
    ]
    totals = Totals(len(images), len(clips), _per_class(boxes) if boxes is not None else None)
    page = render_page(title, totals, sources, sheets)
    folder.write("index.html", page, dict.fromkeys((*shown, *players)))
    return folder.artifact()


def _groups(images: Sequence[str], clips: Sequence[str]) -> list[_Group]:
    """Pictures by the clip their key begins with, else by their key's folder; clips without any come last."""
    with_clip = set(clips)
    members: dict[str, list[str]] = {}
    for key in images:
        members.setdefault(_group_key(key, with_clip), []).append(key)
    for key in clips:
        members.setdefault(key, [])
    return [_Group(key, key in with_clip, tuple(pictures)) for key, pictures in members.items()]


def _group_key(key: str, clips: Container[str]) -> str:
    folder = key
    while folder:
        if folder in clips:
            return folder
        folder = folder.rpartition("/")[0]
    return key.rpartition("/")[0]


def _spread(groups: Sequence[_Group], limit: int) -> list[_Group]:
    """At most `limit` pictures, of groups spread evenly over all; a clip without pictures counts as one."""
    total = sum(max(1, len(group.pictures)) for group in groups)
    if total <= limit:
        return list(groups)
    kept = max(1, limit * len(groups) // total)
    return [
        replace(group, pictures=_evenly(group.pictures, limit // kept)) for group in _evenly(groups, kept)
    ]


def _evenly(entries: Sequence[T], count: int) -> tuple[T, ...]:
    if len(entries) <= count:
        return tuple(entries)
    return tuple(entries[index * len(entries) // count] for index in range(count))


def _caption(key: str, counts: Mapping[str, int]) -> str:
    name = key.rpartition("/")[2]
    if key not in counts:
        return name
    return f"{name} · {counts[key]} {'box' if counts[key] == 1 else 'boxes'}"


def _write_media(
    folder: ExportFolder, place: str, files: Collected[File], captions: Mapping[str, str]
) -> dict[str, Medium]:
    """Write the files of the captioned items under `place`."""
    stems = file_stems(files.keys())
    media: dict[str, Medium] = {}
    for key, caption in captions.items():
        file = files[key].value
        path = f"{place}/{stems[key]}{file.suffix}"
        folder.write(path, file.data, [key])
        media[key] = Medium(path, caption, file.width, file.height)
    return media


def _write_sheets(
    folder: ExportFolder, images: Collected[File], keys: Sequence[str], grid: Grid, ctx: Context
) -> list[Medium]:
    """Write the contact sheets, each of `_ROWS` rows at most, holding the pictures of one at a time."""
    sheets: list[Medium] = []
    per_sheet = grid.columns * _ROWS
    for start in range(0, len(keys), per_sheet):
        on_sheet = keys[start : start + per_sheet]
        path = f"sheets/{len(sheets) + 1:03d}.jpg"
        folder.write(path, compose_sheet([Tile(key, images[key].value) for key in on_sheet], grid), on_sheet)
        sheets.append(Medium(path, path, *grid.size(len(on_sheet))))
        ctx.progress(start + len(on_sheet), len(keys))
    return sheets


def _per_class(boxes: Collected[Boxes]) -> dict[str, int]:
    counts = dict.fromkeys(union_of_names(item.value for item in boxes), 0)
    for item in boxes:
        names = item.value.categories.names
        for class_id in item.value.class_ids[~item.value.ignore].tolist():
            counts[names[class_id]] += 1
    return counts
