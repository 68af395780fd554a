"""From what a user calls a model to a `ModelRef`: found on this machine, complete, and fingerprinted."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from blake3 import blake3

from nodegraph.models import sources
from nodegraph.models.errors import ModelError
from nodegraph.models.hub import HUB_ID, hub_snapshot
from nodegraph.models.kinds import model_kind
from nodegraph.models.layout import model_files, read_weights
from nodegraph.models.published import Published, find_published
from nodegraph.models.weights import DTYPES
from nodegraph.types.builtin import ModelRef

_FINGERPRINT = "nodegraph/model/1"


def find_model(
    kind: str,
    source: str | Path,
    *,
    revision: str = "",
    dtype: str = "float32",
    variant: str = "",
    config: str = "",
    digest_of: Callable[[Path], bytes],
) -> ModelRef:
    """The ref of a model on this machine; nothing is loaded, and the network is not used.

    From then on `locate` finds it in this process. A node that calls this has to run every time
    (`@node(..., pure=False)`): what was found is known to this process alone.

    Args:
        kind: as declared by a pack with `@model`.
        source: a folder, a weight file, or a hub id whose files are in the local cache.
        revision: of a hub id: a branch, tag or commit.
        dtype: the weights' dtype at run time, one of `nodegraph.models.weights.DTYPES`.
        variant: of the weight files, such as `"fp16"`.
        config: how the model is built where its files do not say; what its kind makes of it.
        digest_of: BLAKE3 of a file's content, 32 bytes.

    Raises:
        ModelError: if the kind or dtype is unknown, the model is not on this machine, or files of it are
            missing, truncated or damaged, or of another kind of model; says which and what to do.
    """
    declared = model_kind(kind)
    if dtype not in DTYPES:
        raise ModelError(f"model {source}: dtype {dtype!r} is not known; there are {', '.join(DTYPES)}")
    path, commit = _on_this_machine(source, revision, declared.published)
    read_weights(path, variant)
    if declared.check is not None:
        declared.check(path, config)
    files = model_files(path, variant)
    try:
        stats = {name: sources.file_stat(file) for name, file in files.items()}
        fingerprint = _fingerprint(files, digest_of)
    except OSError as error:
        raise ModelError(f"{error.filename or path}: cannot be read: {error.strerror or error}") from None
    sources.register(fingerprint, sources.Source(str(source), commit, path, stats))
    return ModelRef(kind, str(source), commit, dtype, variant, fingerprint, config)


def _on_this_machine(source: str | Path, revision: str, published: Sequence[Published]) -> tuple[Path, str]:
    """Where a model lies, and its commit if it comes from the hub."""
    if not str(source):
        raise ModelError("no model is named; give a folder, a weight file or a hub id")
    path = Path(os.path.abspath(os.path.expanduser(source)))  # noqa: PTH100, PTH111 (links are not followed)
    if os.path.exists(path):  # noqa: PTH110 (no error for names that no file can have)
        if revision:
            raise ModelError(f"{path}: a folder has no revision {revision!r}; leave the revision out")
        return path, ""
    if isinstance(source, Path) or not HUB_ID.fullmatch(source):
        raise ModelError(f"{path}: there is no such model folder or weight file; correct the path")
    return hub_snapshot(source, revision, published=find_published(published, source))


def _fingerprint(files: Mapping[str, Path], digest_of: Callable[[Path], bytes]) -> str:
    """BLAKE3 over the sorted names and the contents of a model's files."""
    hasher = blake3(derive_key_context=_FINGERPRINT)
    for name, path in sorted(files.items()):
        encoded = os.fsencode(name)
        hasher.update(len(encoded).to_bytes(8, "little") + encoded + digest_of(path))
    return hasher.hexdigest()
