"""File names of exported samples, made of item keys."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable

_NOT_PORTABLE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\\ud800-\udfff\ufffe\uffff]')
_MEDIA_SUFFIX = re.compile(
    r"(?<=[^/])\.(jpe?g|jpe|jfif|png|webp|bmp|tiff?|gif|avif|mp4|avi|mov|mkv|webm)(?=/|$)", re.IGNORECASE
)
_NAME_BYTES = 200
"""Below the 255 bytes that file systems allow, so that suffixes still fit."""


def file_stems(keys: Iterable[str], adapt: Callable[[str], str] = str) -> dict[str, str]:
    """For each item key the path, without suffix, that its files get.

    Loaders key a picture by its file name, so the suffix of a picture or clip in a key is left off:
    `cat.jpg/0003` becomes `cat/0003`. Where that would make two items one, they keep it.

    Args:
        keys: the item keys.
        adapt: what a format needs beyond a portable name.
    """
    keys = list(keys)
    short = {key: adapt(file_stem(_MEDIA_SUFFIX.sub("", key))) for key in keys}
    taken = Counter(short.values())
    return {key: stem if taken[stem] == 1 else adapt(file_stem(key)) for key, stem in short.items()}


def file_stem(key: str) -> str:
    """A relative POSIX path that every common file system accepts and that leads into its folder.

    Slashes stay folders and letters of any script stay as they are. Characters that some file system refuses
    become `_`, and so do a part's leading dot and its last dot or space; an overlong part is cut and ends in
    a hash of the whole.
    """
    parts = [_part(part) for part in key.split("/") if part not in ("", ".")]
    return "/".join(parts) or "_"


def source_of(key: str) -> str:
    """The source picture or clip an item was made of: `folder/cat.jpg` of `folder/cat.jpg/0003`.

    It ends at the first part with the suffix of a picture or clip; without one it is the first part.
    """
    found = _MEDIA_SUFFIX.search(key)
    return key[: found.end()] if found else key.split("/", 1)[0]


def _part(part: str) -> str:
    name = re.sub(r"^\.|[. ]$", "_", _NOT_PORTABLE.sub("_", part))
    encoded = name.encode()
    if len(encoded) <= _NAME_BYTES:
        return name
    digest = hashlib.blake2b(part.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return encoded[:_NAME_BYTES].decode(errors="ignore") + "~" + digest
