"""Values and adopted files as this process sees them: written once, checked before they are served."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from stat import S_ISREG

from nodegraph.store.blobs import INLINE_BYTES, load_blob, pack_inline, parse_inline, stored_form, write_blob
from nodegraph.store.contents import Content, ContentFolder, Kind, hash_file
from nodegraph.store.errors import store_error
from nodegraph.store.journal import Journal
from nodegraph.store.pending import forget_contents
from nodegraph.store.rows import short_id
from nodegraph.store.settling import Settling
from nodegraph.types.wire import Digest, Wire
from nodegraph.types.wire import digest as digest_of

_READ_ONLY = 0o444
_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)
"""What the process has too little of is no fault of a file."""
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Shelf:
    """One content-addressed folder with its entries in the index."""

    def __init__(
        self,
        kind: Kind,
        root: Path,
        journal: Journal,
        *,
        damaged: Path,
        new_path: Callable[[], Path],
        warn: Callable[[str], None],
    ) -> None:
        self._kind = kind
        self._folder = ContentFolder(root)
        self._journal = journal
        self._settling = Settling(self._folder, journal)
        self._damaged = damaged
        self._new_path = new_path
        self._warn = warn

    def close(self) -> None:
        """Have everything on the disk that was written."""
        self._settling.close()

    def examine(self, digest: bytes) -> str | None:
        """Hash a file; None if it is sound, else what is wrong with it, after it was set aside."""
        try:
            hashed, found = self._hash(digest)
        except (FileNotFoundError, NotADirectoryError):
            self._missing(digest)
            return "missing"
        except OSError as error:
            reason = f"not readable ({error.strerror})"
        else:
            if hashed == digest:
                self._checked(digest, found)
                return None
            reason = "damaged"
        self._set_aside(digest, reason)
        return reason

    def _hash(self, digest: bytes) -> tuple[bytes | None, os.stat_result]:
        """The hash that the file of a digest really has, None if it is no such file; and its stat."""
        raise NotImplementedError

    def _checked(self, digest: bytes, found: os.stat_result) -> None:
        """Record the stat of a file that was found sound."""
        content = Content.of(digest, self._kind, found)
        if not self._journal.index.read_only and self._known(digest) != content:
            self._settling.add(content)

    def _known(self, digest: bytes) -> Content | None:
        return self._settling.content(digest) or self._journal.content(digest, self._kind)

    def _is_sound(self, digest: bytes) -> bool:
        """Whether the file is there, untouched since it was last checked."""
        content = self._known(digest)
        if content is None:
            return False
        try:
            return content.unchanged(os.lstat(self._folder.place_of(digest)))
        except OSError:
            return False

    def _is_there(self, digest: bytes) -> bool:
        try:
            found = os.lstat(self._folder.place_of(digest))
        except OSError:
            return False
        content = self._known(digest)
        return S_ISREG(found.st_mode) and (content is None or content.size == found.st_size)

    def _enter(self, source: Path, digest: bytes) -> None:
        """Move a complete file to its place and record it."""
        place = self._folder.place(source, digest)
        try:
            # Only now: renaming changes the ctime.
            stat = place.lstat()
        except FileNotFoundError:
            # Another process made room meanwhile: as if it had been evicted a moment later.
            return
        self._settling.add(Content.of(digest, self._kind, stat))

    def _missing(self, digest: bytes) -> None:
        """Account for a file that is not there: evicted, or lost."""
        self._settling.forget(digest)
        content = self._journal.content(digest, self._kind)
        # What another process is just evicting has no entry any more as soon as one can be removed here.
        if content is not None and not self._journal.index.read_only and self._forget(content):
            self._warn(f"{self._folder.path(digest)} is missing; it is made again when it is needed")

    def _set_aside(self, digest: bytes, reason: str) -> None:
        """Take a damaged file out of the way, where that is possible."""
        path = self._folder.path(digest)
        if self._journal.index.read_only:
            self._warn(f"{path} is {reason}; it is not used")
            return
        aside = self._damaged / f"{path.name}-{os.urandom(3).hex()}"
        try:
            self._damaged.mkdir(exist_ok=True)
            path.rename(aside)
        except OSError as error:
            raise store_error(path, error) from error
        self._forget(Content(digest, self._kind, 0))
        self._warn(f"{path} is {reason}; it was set aside as {aside}, and is made again when it is needed")

    def _forget(self, content: Content) -> bool:
        """Leave a file out; whether the index had an entry of it."""
        self._settling.forget(content.digest)
        # What waits must not enter the file again after it was taken out.
        self._journal.flush()
        return self._journal.index.write(lambda connection: forget_contents(connection, [content]))


class Values(Shelf):
    """Values by the digest of their wire form: small ones in the index, large ones in files."""

    def put(self, digest: Digest, wire: Wire) -> None:
        """Keep a value; nothing happens if it is kept already.

        Raises:
            StoreError: if it cannot be written; nothing half written stays.
        """
        if wire.nbytes <= INLINE_BYTES:
            self._journal.record_small(digest, pack_inline(wire))
            return
        if self._is_sound(digest):
            self._journal.use((digest,))
            return
        stored = stored_form(wire)
        if stored.nbytes <= INLINE_BYTES:
            self._journal.record_small(digest, pack_inline(stored))
            return
        path = self._new_path()
        try:
            write_blob(path, stored)
            self._enter(path, digest)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise store_error(path.parent, error) from error

    def get(self, digest: Digest) -> Wire | None:
        """A value; None if its bytes are not here, or turned out to be damaged."""
        body = self._journal.small(digest)
        if body is None:
            return self._load(digest)
        wire = parse_inline(digest, body)
        if wire is None:
            self._journal.drop("small", [short_id(digest)])
            return None
        self._journal.use((digest,))
        return wire

    def has(self, digest: Digest) -> bool:
        """Whether the bytes of a value are here; they are not read."""
        if self._journal.small(digest) is None and not self._is_there(digest):
            return False
        self._journal.use((digest,))
        return True

    def _load(self, digest: Digest) -> Wire | None:
        content = self._known(digest)
        try:
            wire, found = self._read(digest)
        except (FileNotFoundError, NotADirectoryError):
            self._missing(digest)
            return None
        except OSError as error:
            if error.errno in _OUT_OF_DESCRIPTORS:
                raise store_error(self._folder.path(digest), error) from error
            self._set_aside(digest, f"not readable ({error.strerror})")
            return None
        unchanged = content is not None and content.unchanged(found)
        if wire is None or not (unchanged or digest_of(wire) == digest):
            self._set_aside(digest, "damaged")
            return None
        if unchanged:
            self._journal.use((digest,))
        else:
            self._checked(digest, found)
        return wire

    def _read(self, digest: bytes) -> tuple[Wire | None, os.stat_result]:
        """What stands in the file of a digest, and the stat of what was read."""
        descriptor = os.open(self._folder.place_of(digest), _OPEN)
        try:
            found = os.fstat(descriptor)
            wire = load_blob(descriptor, found.st_size) if S_ISREG(found.st_mode) else None
        finally:
            os.close(descriptor)
        return wire, found

    def _hash(self, digest: bytes) -> tuple[bytes | None, os.stat_result]:
        wire, found = self._read(digest)
        return None if wire is None else digest_of(wire), found


class Files(Shelf):
    """Files that nodes made, by the BLAKE3 of their content."""

    def adopt(self, path: Path) -> tuple[str, int]:
        """Move a regular file in, read-only; return the hex of its content's BLAKE3, and its size.

        A file with other names elsewhere is copied, so that those stay writable and cannot change what
        is kept.

        Raises:
            StoreError: if it cannot be moved, or is not a regular file.
        """
        try:
            own = self._own_copy(path)
            digest, found = hash_file(own)
            if self._is_sound(digest):
                self._journal.use((digest,))
                own.unlink()
            else:
                own.chmod(_READ_ONLY)
                self._enter(own, digest)
            path.unlink(missing_ok=True)
        except OSError as error:
            raise store_error(path, error) from error
        return digest.hex(), found.st_size

    def path(self, hexdigest: str) -> Path | None:
        """Where an adopted file lies; None if it is not here, or turned out to be damaged."""
        digest = bytes.fromhex(hexdigest)
        if self._is_sound(digest):
            self._journal.use((digest,))
        elif self.examine(digest) is not None:
            return None
        return self._folder.path(digest)

    def _hash(self, digest: bytes) -> tuple[bytes | None, os.stat_result]:
        path = self._folder.path(digest)
        found = path.lstat()
        return hash_file(path) if S_ISREG(found.st_mode) else (None, found)

    def _own_copy(self, path: Path) -> Path:
        """Move or copy a file into the store's temporary folder, where nobody else writes."""
        found = path.lstat()
        if not S_ISREG(found.st_mode):
            raise OSError(f"{path} is not a regular file")
        own = self._new_path()
        if found.st_nlink == 1 and found.st_dev == own.parent.stat().st_dev:
            path.rename(own)
        else:
            shutil.copyfile(path, own)
        return own
