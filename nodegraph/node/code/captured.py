"""Living values that code depends on without naming how they were made: those a closure captured."""

from __future__ import annotations

import dataclasses
import enum
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, cast

from nodegraph.node.code.sources import plain_function
from nodegraph.types.values import DeclarationError
from nodegraph.types.wire import NotStorable, digest, encode

Code = FunctionType | type | ModuleType

_DEPTH = 32
_REGISTRY_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Captured:
    """A captured value.

    Attributes:
        text: equal for equal values, in every process.
        code: functions, classes and modules in it, which count by their source.
    """

    text: str
    code: tuple[Code, ...]


def describe(value: object, who: str) -> Captured:
    """Describe a captured value: data by content, code by reference.

    Args:
        value: any object.
        who: who uses it and under which name, for the message.

    Raises:
        DeclarationError: if it is neither data nor code; asks for `version=`.
    """
    code: list[Code] = []
    return Captured(_text(value, code, who, _DEPTH), tuple(code))


def code_in(value: object, depth: int = _REGISTRY_DEPTH) -> Iterator[Code]:
    """The functions and classes that a container such as a registry holds at this moment."""
    if isinstance(value, (FunctionType, type)):
        yield value
    elif (wrapped := plain_function(getattr(value, "__func__", value))) is not None:
        yield wrapped
    elif depth and isinstance(value, dict):
        for entry in list(cast("dict[object, object]", value).values()):
            yield from code_in(entry, depth - 1)
    elif depth and isinstance(value, (list, tuple, set, frozenset)):
        for entry in list(cast("list[object]", value)):
            yield from code_in(entry, depth - 1)


def _text(value: object, code: list[Code], who: str, depth: int) -> str:
    if depth == 0:
        raise DeclarationError(f"{who} is nested too deeply or holds itself; {_REMEDY}")
    if value is None or type(value) in (bool, int, float, complex, str, bytes):
        return f"{type(value).__name__} {value!r}"
    if isinstance(value, enum.Enum):
        code.append(type(value))
        return f"enum {type(value).__qualname__} {value.name}"
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        return _container_text(cast("list[object]", value), code, who, depth)
    if (held := _code_text(value, code, who, depth)) is not None:
        return held
    try:
        content = digest(encode(value)).hex()
    except NotStorable:
        pass
    else:
        code.append(cast("type[Any]", type(value)))
        return f"value {content}"
    if dataclasses.is_dataclass(value):
        code.append(cast("type[Any]", type(value)))
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return f"{type(value).__qualname__} {_text(fields, code, who, depth - 1)}"
    raise DeclarationError(f"{who} is of type {type(value).__qualname__}, which has no digest; {_REMEDY}")


_REMEDY = "pass it as an input, or declare the node with @node(..., version=1)"


def _container_text(value: Any, code: list[Code], who: str, depth: int) -> str:
    kind = cast("type[Any]", type(value))
    if issubclass(kind, dict):
        pairs = [
            (_text(key, code, who, depth - 1), _text(held, code, who, depth - 1))
            for key, held in value.items()
        ]
        entries = [f"{key}: {held}" for key, held in pairs]
    else:
        entries = [_text(entry, code, who, depth - 1) for entry in value]
    if issubclass(kind, (set, frozenset)):
        entries.sort()
    if kind not in (list, tuple, set, frozenset, dict):
        code.append(value.__class__)
    return f"{kind.__qualname__} [{', '.join(entries)}]"


def _code_text(value: object, code: list[Code], who: str, depth: int) -> str | None:
    """The text of a function, class, module or partial; None for other values."""
    if isinstance(value, (FunctionType, type)):
        code.append(value)
        return f"code {value.__qualname__}"
    if isinstance(value, ModuleType):
        code.append(value)
        return f"module {value.__name__}"
    if isinstance(value, BuiltinFunctionType):
        return f"builtin {value.__module__}.{value.__qualname__}"
    if isinstance(value, MethodType):
        return f"method {value.__name__} of {_text(value.__self__, code, who, depth - 1)}"
    if isinstance(value, functools.partial):
        given = cast("functools.partial[Any]", value)
        return f"partial {_text((given.func, given.args, given.keywords), code, who, depth - 1)}"
    if isinstance(value, re.Pattern):
        pattern = cast("re.Pattern[Any]", value)
        return f"pattern {pattern.pattern!r} {pattern.flags}"
    if (wrapped := plain_function(value)) is not None:
        return f"wrapped {_text(wrapped, code, who, depth - 1)}"
    return None
