"""The JSON form of a literal: what a memo key holds of it, so nothing that a function sees may be missing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pydantic import TypeAdapter


class LossyForm(ValueError):
    """A value whose JSON form stands for another value; `args[0]` says what gets lost."""


def dump_json(adapter: TypeAdapter[Any], value: Any) -> Any:
    """The JSON form of a value: models by the names of their fields, without what they compute.

    Raises:
        PydanticSerializationError: if the value has no JSON form.
    """
    return adapter.dump_python(value, mode="json", round_trip=True, by_alias=False, warnings="error")


def read_json(adapter: TypeAdapter[Any], form: Any) -> Any:
    """The value of a JSON form, strictly: fields go by their aliases or names, and there are no others.

    Raises:
        ValidationError: if it is none of the type.
    """
    text = json.dumps(form)
    return adapter.validate_json(text, strict=True, extra="forbid", by_alias=True, by_name=True)


def through_json(adapter: TypeAdapter[Any], value: Any) -> Any:
    """The value that the JSON form of a value stands for: an equal one.

    Raises:
        LossyForm: if there is no JSON form, or it stands for another value or for none.
    """
    from pydantic import ValidationError
    from pydantic_core import PydanticSerializationError

    kind = type(value).__name__
    try:
        form = dump_json(adapter, value)
        again = read_json(adapter, form)
    except PydanticSerializationError:
        raise LossyForm(f"a value of type {kind} has no JSON form, which the memo would go by") from None
    except ValidationError as error:
        places = {".".join(map(str, entry["loc"])) for entry in error.errors()} - {""}
        raise LossyForm(_lossy(kind, sorted(places))) from None
    if again != value:
        raise LossyForm(_lossy(kind, _changed_fields(value, again)))
    return again


def _changed_fields(value: Any, again: Any) -> list[str]:
    before, after = (cast("dict[str, Any]", getattr(each, "__dict__", {})) for each in (value, again))
    return [name for name, entry in before.items() if name not in after or after[name] != entry]


def _lossy(kind: str, fields: list[str]) -> str:
    lost = ", ".join(map(repr, fields)) or "a part of it"
    return (
        f"the JSON form of {kind}, which the memo goes by, leaves out or alters {lost}: a model has to read "
        "back what it dumps, so no exclude, and no serializer or validator that changes what went through it"
    )
