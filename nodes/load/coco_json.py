"""The COCO detection format: reading and checking its JSON.

Format: cocodataset.org, "Data format", object detection. A `bbox` is `[x, y, width, height]` in pixels,
0-based, from the top left.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nodes.load.annotated import AnnotationError, bad, boxes_of, is_coordinate, is_text
from nodes.load.folder import item_key
from nodes.types import Boxes, Categories


@dataclass(frozen=True)
class CocoPicture:
    """One entry of `images`, with its annotations.

    Attributes:
        place: where it stands, such as `images[3]`.
        file_name: the picture's name as written.
        key: its item key: `file_name`, or `place` if that leads out of the folder and so cannot be a key.
        entry: the entry itself.
        objects: its annotations, each with its index in `annotations`.
    """

    place: str
    file_name: str
    key: str
    entry: dict[str, Any]
    objects: list[tuple[int, dict[str, Any]]]


@dataclass(frozen=True)
class CocoFile:
    """A COCO file whose structure was checked; what concerns one picture alone was not yet."""

    path: Path
    categories: Categories
    class_of: dict[int, int]
    pictures: list[CocoPicture]


def read_coco_file(path: Path) -> CocoFile:
    """Read a COCO file and check all that does not concern one picture alone.

    Classes are in the order of their ids, which may have gaps.

    Raises:
        FileNotFoundError: if there is no such file.
        AnnotationError: if it is not JSON or not of COCO's structure; ids or file names occur twice; or an
            annotation belongs to no picture. Says where.
    """
    document = _parse(path)
    pictures: dict[object, CocoPicture] = {}
    by_key: dict[object, CocoPicture] = {}
    for index, entry in enumerate(_entries(document, "images", path)):
        picture = _picture(entry, f"images[{index}]", path)
        _set_once(by_key, picture.key, picture, f"{path}: {picture.place}.file_name")
        _set_once(pictures, _id(entry, picture.place, path), picture, f"{path}: {picture.place}.id")
    categories = _categories(document, path)
    for index, entry in enumerate(_entries(document, "annotations", path)):
        _pictured(entry, pictures, f"annotations[{index}]", path).objects.append((index, entry))
    class_of = {category_id: index for index, category_id in enumerate(categories.ids)}
    return CocoFile(path, categories, class_of, list(pictures.values()))


def only_classes(coco: CocoFile, names: Collection[str]) -> CocoFile:
    """The file as if it had these classes alone, and only the pictures that show an object of them.

    Raises:
        AnnotationError: if the file has no class of such a name.
    """
    unknown = [name for name in names if name not in coco.categories.names]
    if unknown:
        known = ", ".join(coco.categories.names)
        raise AnnotationError(f"classes: {coco.path} has no class {unknown[0]!r}; it has: {known}")
    pairs = zip(coco.categories.names, coco.categories.ids, strict=True)
    chosen = [(name, category_id) for name, category_id in pairs if name in names]
    categories = Categories(tuple(name for name, _ in chosen), tuple(id for _, id in chosen))
    others = set(coco.class_of) - set(categories.ids)
    pictures = [replace(picture, objects=_without(picture, others)) for picture in coco.pictures]
    showing = [picture for picture in pictures if any(_counts(entry) for _, entry in picture.objects)]
    class_of = {category_id: index for index, category_id in enumerate(categories.ids)}
    return CocoFile(coco.path, categories, class_of, showing)


def boxes_of_picture(coco: CocoFile, picture: CocoPicture) -> Boxes:
    """The boxes of one picture, not yet cut at its edge; crowds are regions to ignore.

    Raises:
        AnnotationError: for an unknown category, a negative or not finite box; says where.
    """
    xyxy: list[tuple[float, float, float, float]] = []
    class_ids: list[int] = []
    crowds: list[bool] = []
    for index, entry in picture.objects:
        place = f"{coco.path}: annotations[{index}]"
        crowds.append(_is_crowd(entry, place))
        category = entry.get("category_id")
        if type(category) is not int or category not in coco.class_of:
            raise bad(f"{place}.category_id", "the id of one of the categories", category)
        xyxy.append(_corners(entry["bbox"], place))
        class_ids.append(coco.class_of[category])
    return boxes_of(xyxy, class_ids, coco.categories, ignore=crowds)


def stated_size(coco: CocoFile, picture: CocoPicture) -> tuple[int, int] | None:
    """The picture's width and height as the file states them, or None if it does not.

    Raises:
        AnnotationError: if they are not positive whole numbers.
    """
    sides: list[int] = []
    for name in ("width", "height"):
        side = picture.entry.get(name)
        if side is None:
            return None
        if not is_coordinate(side) or side < 1 or side != int(side):
            raise bad(f"{coco.path}: {picture.place}.{name}", "a positive whole number", side)
        sides.append(int(side))
    return sides[0], sides[1]


def _parse(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes(), object_hook=_without_outline)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path}: no such file; 'annotations' names the COCO file in 'root'"
        ) from None
    except (IsADirectoryError, PermissionError) as error:
        raise type(error)(f"{path}: cannot be read: {error.strerror}") from None
    except RecursionError:
        raise AnnotationError(f"{path}: not COCO JSON: nested too deeply") from None
    except ValueError as error:
        raise AnnotationError(f"{path}: not JSON: {error}") from None
    if not isinstance(document, dict):
        raise bad(f"{path}: a COCO file", "an object with 'images', 'annotations' and 'categories'", document)
    return document


def _without_outline(entry: dict[str, Any]) -> dict[str, Any]:
    """Let go of segmentations while parsing: they are most of a large file, and unused here."""
    entry.pop("segmentation", None)
    return entry


def _entries(document: dict[str, Any], name: str, path: Path) -> list[dict[str, Any]]:
    entries = document.get(name)
    if not isinstance(entries, list):
        raise bad(f"{path}: {name}", "a list", entries)
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise bad(f"{path}: {name}[{index}]", "an object", entry)
    return entries


def _categories(document: dict[str, Any], path: Path) -> Categories:
    names: dict[object, str] = {}
    for index, entry in enumerate(_entries(document, "categories", path)):
        place = f"{path}: categories[{index}]"
        category_id, name = entry.get("id"), entry.get("name")
        if type(category_id) is not int or not -(2**63) <= category_id < 2**63:
            raise bad(f"{place}.id", "a whole number", category_id)
        if not is_text(name) or not name:
            raise bad(f"{place}.name", "a non-empty text", name)
        if name in names.values():
            raise AnnotationError(f"{place}.name {name!r} occurs twice")
        _set_once(names, category_id, name, f"{place}.id")
    ids = sorted(names)  # type: ignore[type-var]
    return Categories(tuple(names[category_id] for category_id in ids), tuple(ids))


def _picture(entry: dict[str, Any], place: str, path: Path) -> CocoPicture:
    file_name = entry.get("file_name")
    if type(file_name) is not str or not file_name:
        raise bad(f"{path}: {place}.file_name", "a file's name", file_name)
    key = item_key(file_name.replace("\\", "/"), otherwise=place)
    return CocoPicture(place, file_name, key, entry, [])


def _id(entry: dict[str, Any], place: str, path: Path) -> int | str:
    picture_id = entry.get("id")
    if type(picture_id) is int or type(picture_id) is str:
        return picture_id
    raise bad(f"{path}: {place}.id", "a whole number or a text", picture_id)


def _set_once(entries: dict[object, Any], key: object, entry: object, place: str) -> None:
    if key in entries:
        raise AnnotationError(f"{place} {key!r} occurs twice")
    entries[key] = entry


def _pictured(
    entry: dict[str, Any], pictures: dict[object, CocoPicture], place: str, path: Path
) -> CocoPicture:
    """The picture an annotation belongs to; checks the annotation's structure."""
    image_id = entry.get("image_id")
    if type(image_id) not in (int, str) or image_id not in pictures:
        raise bad(f"{path}: {place}.image_id", "the id of one of the images", image_id)
    bbox = entry.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4 or any(type(side) not in (int, float) for side in bbox):
        raise bad(f"{path}: {place}.bbox", "[x, y, width, height] (four numbers)", bbox)
    return pictures[image_id]


def _without(picture: CocoPicture, category_ids: Collection[int]) -> list[tuple[int, dict[str, Any]]]:
    return [
        (index, entry)
        for index, entry in picture.objects
        if type(entry.get("category_id")) is not int or entry["category_id"] not in category_ids
    ]


def _counts(entry: dict[str, Any]) -> bool:
    """Whether an annotation is an object; a malformed one counts, so that its picture can fail for it."""
    return entry.get("iscrowd", 0) != 1


def _is_crowd(entry: dict[str, Any], place: str) -> bool:
    crowd = entry.get("iscrowd", 0)
    if crowd not in (0, 1):
        raise bad(f"{place}.iscrowd", "0 or 1", crowd)
    return bool(crowd)


def _corners(bbox: list[float], place: str) -> tuple[float, float, float, float]:
    x, y, width, height = bbox
    if not all(map(is_coordinate, bbox)):
        raise bad(f"{place}.bbox", "of finite numbers", bbox)
    if width < 0 or height < 0:
        raise bad(f"{place}.bbox", "[x, y, width, height] with width and height not negative", bbox)
    return x, y, x + width, y + height
