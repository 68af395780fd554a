"""Models of the Hugging Face hub, in the cache on this machine. Nothing here uses the network."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from nodegraph.models.errors import ModelError, NotHere
from nodegraph.models.published import Published, download_text, fetch_command

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_REVISION = re.compile(r"[\w][\w.-]*(/[\w][\w.-]*)*")
_COMMIT = re.compile(r"[0-9a-zA-Z]{1,64}")


def hub_cache(environment: Mapping[str, str]) -> Path:
    """The folder of the cache: `$HF_HUB_CACHE`, `$HF_HOME/hub`, or the one below the user's home."""
    if chosen := environment.get("HF_HUB_CACHE"):
        return Path(chosen).expanduser()
    caches = environment.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(environment.get("HF_HOME") or f"{caches}/huggingface").expanduser() / "hub"


def hub_snapshot(
    model: str,
    revision: str = "",
    environment: Mapping[str, str] = os.environ,
    *,
    published: Published | None = None,
) -> tuple[Path, str]:
    """The folder of a model's files in the cache, and the commit that they are of.

    Args:
        model: such as `stabilityai/stable-video-diffusion-img2vid`.
        revision: a branch, tag or commit; "" is the branch `main`.
        environment: says where the cache lies, as `hub_cache` reads it.
        published: what is known of the model.

    Raises:
        ModelError: if the revision is none.
        NotHere: if it is not there; says where it was looked for and what to fetch, and if that is known how
            large it is and under which licence.
    """
    wanted = revision or "main"
    if not _REVISION.fullmatch(wanted):
        raise ModelError(f"model {model}: {revision!r} is no revision; write a branch, tag or commit")
    cached = hub_cache(environment) / f"models--{model.replace('/', '--')}"
    commit = _commit(cached, wanted)
    folder = cached / "snapshots" / commit
    if os.path.isdir(folder):  # noqa: PTH112 (no error for names that no folder can have)
        return folder, commit
    what = f"revision {revision}" if revision else "it"
    fetch = fetch_command(model, revision, published.include if published else ())
    known = f" ({download_text(published.nbytes)}, licence: {published.licence})" if published else ""
    raise NotHere(
        f"model {model}: {what} is not on this machine (looked in {cached}); nodegraph does not use the "
        f"network: give a folder, or fetch it{known}",
        fetch,
    )


def _commit(cached: Path, revision: str) -> str:
    """The commit of a branch or tag; what is neither stands for itself."""
    try:
        commit = (cached / "refs" / revision).read_text("ascii").strip()
    except (OSError, ValueError):
        commit = revision
    return commit if _COMMIT.fullmatch(commit) else "-"
