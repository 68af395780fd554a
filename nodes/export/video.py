"""Writing clips as a video classification dataset."""

from __future__ import annotations

import csv
from io import BytesIO, StringIO
from typing import Annotated, NamedTuple

from nodegraph import Artifact, Collected, Context, Param, node
from nodes.export.folder import ExportError, ExportFolder
from nodes.export.names import file_stems
from nodes.types import File

Label = int | str


class _Row(NamedTuple):
    """One line of the manifest; the field names are its header."""

    video_path: str
    label: Label
    key: str
    frames: int
    fps: float
    width: int
    height: int


@node("export.video", version=2)
def export_video(
    clips: Collected[File],
    labels: Collected[Label] | None = None,
    *,
    folder: Annotated[
        str,
        Param(pattern="^[A-Za-z0-9_-]+$", max_length=64, help="folder of the clips, and the manifest's name"),
    ] = "videos",
    ctx: Context,
) -> Artifact:
    """Write clips to one folder, `videos/`, and beside it a CSV manifest, `videos.csv`.

    The manifest's columns are `video_path` (relative to the folder of clips), `label` (empty where none is
    linked), `key`, `frames`, `fps`, `width` and `height`. Readers of the usual two-column manifest go by
    the first two names.

    Raises:
        ExportError: if a clip has no label, a file is not a video, or two items would
            get the same file name.
    """
    out = ExportFolder(ctx.new_folder())
    stems = file_stems(clips.keys())
    rows: list[_Row] = []
    for item in clips:
        clip = item.value
        name = stems[item.key] + clip.suffix
        frames, fps = _timing(clip, item.key)
        rows.append(_Row(name, _label_of(item.key, labels), item.key, frames, fps, clip.width, clip.height))
        out.write(f"{folder}/{name}", clip.data, [item.key])
        ctx.progress(len(rows), len(clips))
    out.write(f"{folder}.csv", _manifest(rows), clips.keys())
    return out.artifact()


def _label_of(key: str, labels: Collected[Label] | None) -> Label:
    if labels is None:
        return ""
    try:
        return labels[key].value
    except KeyError:
        raise ExportError(f"clip {key!r} has no label: link labels of the same items as the clips") from None


def _timing(clip: File, key: str) -> tuple[int, float]:
    """Number of frames and frames per second, read from the container's header."""
    import av
    from av.error import FFmpegError

    try:
        with av.open(BytesIO(clip.data)) as container:
            stream = container.streams.video[0]
            return stream.frames, round(float(stream.average_rate or 0), 6)
    except (FFmpegError, IndexError):
        raise ExportError(
            f"item {key!r} ({clip.suffix}) is not a video: link the files of video.encode"
        ) from None


def _manifest(rows: list[_Row]) -> str:
    sink = StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(_Row._fields)
    writer.writerows(rows)
    return sink.getvalue()
