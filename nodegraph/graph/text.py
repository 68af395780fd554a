"""Reading a JSON file strictly: size, encoding, depth, duplicate keys and numbers are checked."""

from __future__ import annotations

import codecs
import json
import re
import stat
from collections.abc import Callable, Iterator
from math import isinf
from pathlib import Path
from typing import Any

from nodegraph.graph.document import ABSENT
from nodegraph.graph.place import Finding, Place, SourceText
from nodegraph.graph.positions import Member, members

MAX_BYTES = 16 * 2**20
MAX_DEPTH = 64

_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
_OTHER_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_json(path: Path, name: str, *, rank: int = 0) -> tuple[SourceText, Any, list[Finding]]:
    """Read a JSON file.

    Args:
        name: the file as the user named it.
        rank: the place of the file among those that problems are listed for.

    Returns:
        the text, its value (ABSENT if there is none) and all that is wrong with it. Of a key that
        occurs twice the last value counts.
    """
    nowhere = SourceText(name, path.parent, None, rank, path)
    data, fault = _read_bytes(path, name)
    if fault is not None:
        return nowhere, ABSENT, [Finding(Place(nowhere), *fault)]
    text, fault = _decode(data, name)
    if fault is not None:
        return nowhere, ABSENT, [Finding(Place(nowhere), *fault)]
    source = SourceText(name, path.parent, text, rank, path)
    value, findings = parse_json(source)
    return source, value, findings


def parse_json(source: SourceText) -> tuple[Any, list[Finding]]:
    """Parse the JSON of a text; see `read_json`."""
    text = source.text or ""
    if not text.strip():
        return ABSENT, [Finding(Place(source), "empty-file", "the file is empty", "a graph is a JSON object")]
    suspicious = _HALF_PAIR.search(text) is not None
    value: Any

    def doubt() -> None:
        nonlocal suspicious
        suspicious = True

    try:
        value = json.loads(text, **_strict_hooks(doubt))
    except json.JSONDecodeError as error:
        place = Place(source, offset=error.pos)
        return ABSENT, [Finding(place, "not-json", f"not JSON: {error.msg}", _syntax_hint(error))]
    except RecursionError:
        return ABSENT, list(_odd_members(source))
    except ValueError:
        return ABSENT, list(_odd_members(source))
    if suspicious or _is_too_deep(value):
        findings = list(_odd_members(source))
        return (ABSENT if any(found.code == "too-deep" for found in findings) else value), findings
    return value, []


def _read_bytes(path: Path, name: str) -> tuple[bytes, tuple[str, str, str] | None]:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            return b"", ("not-a-file", f"{name} is {kind}", "give the path of a JSON file")
        if status.st_size > MAX_BYTES:
            return b"", _too_large(name, status.st_size)
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return b"", ("file-not-found", f"there is no file {name}", _file_hint(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return b"", ("unreadable-file", f"{name} cannot be read: {reason}", "")
    return data, _too_large(name, len(data)) if len(data) > MAX_BYTES else None


def _too_large(name: str, size: int) -> tuple[str, str, str]:
    return (
        "file-too-large",
        f"{name} has {size / 2**20:.1f} MiB; at most {MAX_BYTES // 2**20} MiB are read",
        "a graph holds nodes and params; keep data in files of its own and give their paths",
    )


def _file_hint(path: Path) -> str:
    from nodegraph.graph.nearest import nearest

    try:
        beside = [entry.name for entry in path.parent.iterdir() if entry.suffix == ".json"]
    except OSError:
        return f"there is no folder {path.parent}" if not path.parent.exists() else ""
    near = nearest(path.name, sorted(beside))
    return f"did you mean {near!r}?" if near else ""


def _decode(data: bytes, name: str) -> tuple[str, tuple[str, str, str] | None]:
    hint = "save it as UTF-8 without byte order mark"
    if data.startswith(codecs.BOM_UTF8):
        return "", ("byte-order-mark", f"{name} begins with a byte order mark", hint)
    if data.startswith(_OTHER_ENCODINGS):
        return "", ("byte-order-mark", f"{name} begins with the byte order mark of UTF-16 or UTF-32", hint)
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"{name} is not UTF-8 text: byte 0x{data[error.start]:02x} in line {line}"
        return "", ("not-utf8", message, hint)


def _strict_hooks(doubt: Callable[[], None]) -> dict[str, Any]:
    def pairs(entries: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(entries)
        if len(found) != len(entries):
            doubt()
        return found

    def constant(name: str) -> float:
        doubt()
        return float(name)

    def number(text: str) -> float:
        value = float(text)
        if isinf(value):
            doubt()
        return value

    return {"object_pairs_hook": pairs, "parse_constant": constant, "parse_float": number}


def _is_too_deep(value: Any) -> bool:
    level: list[Any] = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        if not level:
            return False
        level = [child for parent in level for child in _children(parent) if isinstance(child, dict | list)]
    return bool(level)


def _children(parent: Any) -> Any:
    return parent.values() if isinstance(parent, dict) else parent  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]


def _odd_members(source: SourceText) -> Iterator[Finding]:
    """What `json.loads` lets through or cannot place."""
    for member in members(source.text or ""):
        if member.depth >= MAX_DEPTH and member.token in "{[":
            place = Place(source, offset=member.span.value)
            message = f"the JSON is nested more than {MAX_DEPTH} levels deep"
            yield Finding(place, "too-deep", message, "a graph needs fewer than ten levels")
            return
        if member.repeated:
            place = Place(source, member.pointer, on_key=True, offset=member.span.key)
            message = f"the key {json.dumps(member.key)} occurs twice in one object"
            yield Finding(place, "duplicate-key", message, "rename or remove one of the two")
        yield from _odd_scalar(source, member)


def _odd_scalar(source: SourceText, member: Member) -> Iterator[Finding]:
    token, place = member.token, Place(source, member.pointer, offset=member.span.value)
    if member.key is not None and _is_half_pair(member.key):
        key_place = Place(source, member.pointer, on_key=True, offset=member.span.key)
        yield Finding(
            key_place, "broken-unicode", "the key holds half of a surrogate pair", "write the character"
        )
    if token.startswith('"'):
        if _HALF_PAIR.search(token) and _is_half_pair(json.loads(token)):
            yield Finding(
                place, "broken-unicode", "the string holds half of a surrogate pair", "write the character"
            )
    elif token in ("NaN", "Infinity", "-Infinity"):
        yield Finding(
            place, "not-finite", f"{token} is not a number JSON has", "write a finite number, or null"
        )
    elif token[0] in "-0123456789":
        shown = token if len(token) <= 24 else f"{token[:20]}..."
        if any(sign in token for sign in ".eE"):
            if isinf(float(token)):
                yield Finding(
                    place, "not-finite", f"{shown} is too large for a float", "the largest is about 1.8e308"
                )
        elif len(token) > 4000:
            message = f"the number {shown} has {len(token)} digits"
            yield Finding(place, "number-too-long", message, "an int has 64 bits: at most 19 digits")


def _is_half_pair(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _syntax_hint(error: json.JSONDecodeError) -> str:
    rest = error.doc[error.pos : error.pos + 200].lstrip()
    before = error.doc[max(0, error.pos - 200) : error.pos].rstrip()
    if not rest:
        return "the text ends too early: a bracket, brace or quote is not closed"
    if rest[0] == "'":
        return "keys and strings stand in double quotes"
    if rest.startswith(("//", "/*", "#")):
        return 'JSON has no comments: use "note"'
    if rest[0] in "}]" and before.endswith(","):
        return f"remove the comma before {rest[0]!r}"
    if rest.startswith(("True", "False", "None")):
        return "JSON writes true, false and null"
    if error.msg.startswith("Illegal trailing comma"):
        return "remove the comma"
    if error.msg.startswith("Extra data"):
        return "the graph ends before this"
    if error.msg.startswith("Expecting property name"):
        return "a key is a string in double quotes"
    if error.msg.startswith("Invalid control"):
        return 'a string stands in one line; write a line break as "\\n"'
    return ""
