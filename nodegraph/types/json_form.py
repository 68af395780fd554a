"""The JSON form of Python values such as models: what the memo knows of them, so nothing may be missing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Extra = Literal["forbid"] | None
"""Whether a model may have no fields but its own; None: as the model says."""


class LossyForm(ValueError):
    """A value whose JSON form stands for another value; `args[0]` says what gets lost."""


def dump_json(adapter: TypeAdapter[Any], value: Any) -> Any:
    """The JSON form of a value: models by the names of their fields, without what they compute; sets sorted.

    Raises:
        PydanticSerializationError: if the value has no JSON form.
    """
    form = adapter.dump_python(value, mode="json", round_trip=True, by_alias=False, warnings="error")
    return _with_sorted_sets(value, form)


def read_json(adapter: TypeAdapter[Any], form: Any, *, extra: Extra = "forbid") -> Any:
    """The value of a JSON form, strictly: fields go by their aliases or names.

    Raises:
        ValidationError: if it is none of the type.
    """
    text = json.dumps(form)
    return adapter.validate_json(text, strict=True, extra=extra, by_alias=True, by_name=True)


def through_json(adapter: TypeAdapter[Any], value: Any, *, extra: Extra = "forbid") -> Any:
    """The value that the JSON form of a value stands for: an equal one.

    Raises:
        LossyForm: if there is no JSON form, or it stands for another value or for none.
    """
    from pydantic import ValidationError
    from pydantic_core import PydanticSerializationError

    kind = type(value).__name__
    try:
        form = dump_json(adapter, value)
        again = read_json(adapter, form, extra=extra)
    except PydanticSerializationError:
        raise LossyForm(f"a value of type {kind} has no JSON form, which the memo would go by") from None
    except ValidationError as error:
        raise LossyForm(_lossy(kind, [entry["loc"] for entry in error.errors()])) from None
    if changes := _changes(value, again):
        raise LossyForm(_lossy(kind, changes))
    return again


def model_form(model: Any) -> Any:
    """The JSON form of a pydantic model.

    Raises:
        LossyForm: if there is none, or it stands for another model.
    """
    from pydantic import TypeAdapter

    adapter = TypeAdapter[Any](cast("type[Any]", type(model)))
    return dump_json(adapter, through_json(adapter, model, extra=None))


def _with_sorted_sets(value: Any, form: Any) -> Any:
    """The JSON form of a value with the entries of its sets sorted.

    A set has them in the order of their hashes, which differs between processes.
    """
    kind = cast("Any", type(value))
    if getattr(kind, "__pydantic_root_model__", False):
        return _with_sorted_sets(value.root, form)
    if isinstance(form, dict):
        members = cast("dict[str, Any]", form)
        if not isinstance(value, Mapping):
            return {
                name: _with_sorted_sets(getattr(value, name, None), entry) for name, entry in members.items()
            }
        held = cast("Mapping[Any, Any]", value)
        if len(held) == len(members):
            pairs = zip(members.items(), held.values(), strict=True)
            return {name: _with_sorted_sets(part, entry) for (name, entry), part in pairs}
    if isinstance(form, list) and isinstance(value, Set | Sequence):
        entries, parts = cast("list[Any]", form), cast("Set[Any] | Sequence[Any]", value)
        if len(parts) == len(entries):
            found = [_with_sorted_sets(part, entry) for part, entry in zip(parts, entries, strict=True)]
            return sorted(found, key=json.dumps) if isinstance(value, Set) else found
    return cast("Any", form)


def _changes(value: Any, again: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of what differs between two values; other than in Python, NaN equals NaN."""
    if value == again or (isinstance(value, float) and value != value and again != again):
        return []
    before, after = _parts(value), _parts(again)
    if type(value) is not type(again) or not before | after:
        return [place]
    found = [(*place, name) for name in before | after if name not in before or name not in after]
    for name in before.keys() & after.keys():
        found += _changes(before[name], after[name], (*place, name))
    return found


def _parts(value: Any) -> dict[Any, Any]:
    """What a value holds, by name or place; of a model that includes what it keeps to itself."""
    if isinstance(value, dict):
        return cast("dict[Any, Any]", value)
    if isinstance(value, list | tuple):
        return dict(enumerate(cast("Sequence[Any]", value)))
    kind = cast("Any", type(value))
    if not hasattr(kind, "model_json_schema"):
        return {}
    own: dict[Any, Any] = {name: getattr(value, name) for name in kind.model_fields}
    for more in (value.__pydantic_extra__, value.__pydantic_private__):
        own.update(more or {})
    return own


def _lossy(kind: str, places: Iterable[tuple[Any, ...]]) -> str:
    fields = sorted({".".join(map(str, place)) for place in places if place})
    lost = ", ".join(map(repr, fields)) or "a part of it"
    return (
        f"the JSON form of {kind}, which the memo goes by, leaves out or alters {lost}: a model has to read "
        "back what it dumps, so no exclude, and no serializer or validator that changes what went through it"
    )
