"""The font that is drawn on pictures."""

from __future__ import annotations

from pathlib import Path


def font_path() -> str | None:
    """The file of DejaVu Sans Bold in matplotlib, which supervision depends on; None if it is not there.

    It has Latin, Greek and Cyrillic, and is the same on every machine; Pillow's own font has only ASCII.
    """
    from importlib.util import find_spec

    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        return None
    font = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"
    return str(font) if font.is_file() else None
