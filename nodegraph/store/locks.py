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
_OPEN = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
_HELD = {errno.EAGAIN, errno.EACCES}


def open_lock_file(path: Path) -> int:
    """A descriptor for a file that only carries locks, made where there is none that can be used."""
    try:
        return os.open(path, _OPEN, 0o666)
    except (PermissionError, IsADirectoryError):
        path.rename(path.with_name(f"{path.name}-{os.urandom(3).hex()}.damaged"))
        return os.open(path, _OPEN, 0o666)


def try_lock(descriptor: int, offset: int) -> bool:
    """Lock the byte at `offset` exclusively; False if another open file holds it."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, offset, 1, 0))
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise
    return True


def unlock(descriptor: int, offset: int) -> None:
    """Free the byte at `offset`."""
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, offset, 1, 0))


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
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0)
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, asked)
        return _FLOCK.unpack(answer)[0] != fcntl.F_UNLCK
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(path: Path) -> Generator[None]:
    """Hold the lock file at `path`, waiting for whoever has it."""
    descriptor = open_lock_file(path)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0))
        yield
    finally:
        os.close(descriptor)
