"""Kernel locks that die with their holder: open-file-description locks on byte ranges (Linux).

They belong to the open file, not to the process: two descriptors exclude each other even within one
process, and closing one never drops the lock of another.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

# struct flock on 64-bit Linux: l_type, l_whence, (padding) l_start, l_len, l_pid; the pid must be 0.
_FLOCK = struct.Struct("hhqqi4x")
_LOCK = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0)
_LOCK_HEAD, _LOCK_TAIL = _LOCK[:8], _LOCK[16:]
_UNLOCK = _FLOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, 0, 1, 0)
_UNLOCK_HEAD, _UNLOCK_TAIL = _UNLOCK[:8], _UNLOCK[16:]
# A link is not followed: it could lead anywhere, or nowhere.
_OPEN = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_HELD = {errno.EAGAIN, errno.EACCES}
_UNUSABLE = {errno.EACCES, errno.EPERM, errno.EISDIR, errno.ELOOP, errno.ENXIO}

_ATTEMPTS = 8


def open_lock_file(path: Path) -> int:
    """A descriptor for a file that only carries locks, made where there is none that can be used.

    Raises:
        OSError: if none can be made.
    """
    try:
        return os.open(path, _OPEN, 0o666)
    except OSError as error:
        if error.errno not in _UNUSABLE or not os.path.lexists(path):
            raise
    path.rename(path.with_name(f"{path.name}-{os.urandom(3).hex()}.damaged"))
    return os.open(path, _OPEN, 0o666)


def try_lock(descriptor: int, offset: int) -> bool:
    """Lock the byte at `offset` exclusively; False if another open file holds it."""
    return try_lock_at(descriptor, offset.to_bytes(8, "little"))


def try_lock_at(descriptor: int, place: bytes) -> bool:
    """Lock the byte at a place exclusively; False if another open file holds it.

    A place is an offset in the 8 bytes that the kernel takes, the sign bit clear: a claim is made for each
    call, and packing numbers would double its cost.
    """
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _LOCK_HEAD + place + _LOCK_TAIL)
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise
    return True


def unlock_at(descriptor: int, place: bytes) -> None:
    """Free the byte at a place."""
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _UNLOCK_HEAD + place + _UNLOCK_TAIL)


def is_locked(path: Path) -> bool:
    """Whether some open file holds the first byte of the file at `path`; False if there is none.

    One that belongs to somebody else, so that it cannot be told, counts as held.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except PermissionError:
        return True
    except (FileNotFoundError, IsADirectoryError):
        return False
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _LOCK)
        return _FLOCK.unpack(answer)[0] != fcntl.F_UNLCK
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(path: Path) -> Generator[None]:
    """Hold the lock file at `path`, waiting for whoever has it.

    Raises:
        OSError: if there can be none, or the kernel grants no lock on it.
    """
    descriptor = _locked(path)
    try:
        yield
    finally:
        os.close(descriptor)


def _locked(path: Path) -> int:
    """A descriptor that holds the lock of the file that stands at `path` then."""
    descriptor = _waited_for(path)
    # While this one waited, somebody else may have found the file unusable and put a new one there. Not for
    # ever: some network file systems give a file a new number each time.
    for _ in range(_ATTEMPTS):
        if _stands_at(descriptor, path):
            break
        os.close(descriptor)
        descriptor = _waited_for(path)
    return descriptor


def _waited_for(path: Path) -> int:
    descriptor = open_lock_file(path)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW, _LOCK)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _stands_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False
