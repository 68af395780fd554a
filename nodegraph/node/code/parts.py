"""The parts of a fingerprint as they are collected: a digest for each, under its qualified name."""

from __future__ import annotations

from blake3 import blake3

from nodegraph.node.code.origins import is_package, module_file, origin_of

_PART_TAG = b"nodegraph/code-part/2\0"


class Parts:
    """Digests by qualified name; what is added twice under one name counts as a set."""

    def __init__(self) -> None:
        self._digests: dict[str, set[bytes]] = {}

    def add(self, name: str, text: str) -> None:
        """Add a part that is equal where its text is."""
        digest = blake3(_PART_TAG + text.encode("utf-8", "surrogatepass")).digest()
        self._digests.setdefault(name, set()).add(digest)

    def add_foreign(self, module: str) -> None:
        """Add what a module that is not own code counts by: its distribution's version, or nothing."""
        top = module.partition(".")[0]
        origin = origin_of(top)
        if origin.kind == "distribution":
            self.add(f"{top} (distribution)", origin.label)
        elif origin.kind == "missing":
            self.add(f"{top} (not installed)", top)

    def add_file(self, module: str) -> None:
        """Add a module by the bytes of its file, for want of readable source."""
        path = module_file(module)
        if path is not None:
            self.add(module, blake3(path.read_bytes()).hexdigest())
        elif not is_package(module):
            self.add(f"{module} (not installed)", module)

    def digests(self) -> dict[str, bytes]:
        """32 bytes for each part, by name in alphabetical order."""
        return {name: _combined(digests) for name, digests in sorted(self._digests.items())}


def _combined(digests: set[bytes]) -> bytes:
    return next(iter(digests)) if len(digests) == 1 else blake3(b"".join(sorted(digests))).digest()
