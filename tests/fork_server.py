"""A process that has everything imported and no thread, and forks the processes under test.

What they can do is the functions of the module `commands` in the folder that is the only argument; its
`use_all` runs what imports something.

Reads one JSON request a line and answers each with one JSON line. Ends, with all it has forked, when its
input does.

`start`: fork a process; the answer has its `pid`. `wait`: reap one; `status` and its CPU time `cpu_ns`.
`open`: let those that were started with `gated` go.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import threading
import traceback
from typing import Any


class Gate:
    """Processes that wait until they are let go, all at once."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()

    def enter(self) -> None:
        """Wait; in a forked process."""
        os.close(self._write)
        os.read(self._read, 1)

    def open(self) -> None:
        """Let all go that wait or will come."""
        os.close(self._write)
        os.close(self._read)


def serve() -> None:
    """Answer requests until there are no more."""
    gate = Gate()
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        answer: dict[str, Any] = {}
        if request["do"] == "start":
            answer = {"pid": fork(request, gate)}
        elif request["do"] == "wait":
            _, status, usage = os.wait4(request["pid"], 0)
            cpu = int((usage.ru_utime + usage.ru_stime) * 1e9)
            answer = {"status": os.waitstatus_to_exitcode(status), "cpu_ns": cpu}
        else:
            gate.open()
            gate = Gate()
        print(json.dumps(answer), flush=True)
    os.killpg(0, signal.SIGKILL)


def fork(request: dict[str, Any], gate: Gate) -> int:
    """Fork a process that does what a request asks."""
    pid = os.fork()
    if pid:
        return pid
    status = 70
    try:
        enter(request)
        if request["gated"]:
            gate.enter()
        status = perform(request)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def enter(request: dict[str, Any]) -> None:
    """Take on the folder, the environment, the output files, the limits and the user of a request."""
    os.chdir(request["folder"])
    os.environ.update(request["environment"])
    for descriptor, suffix in ((0, None), (1, "out"), (2, "err")):
        path = os.devnull if suffix is None else f"{request['output']}.{suffix}"
        opened = os.open(
            path, os.O_RDONLY if suffix is None else os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666
        )
        os.dup2(opened, descriptor)
        os.close(opened)
    if request["file_limit"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_limit"], resource.RLIM_INFINITY))
    if request["user"]:
        os.setgroups([])
        os.setgid(request["user"])
        os.setuid(request["user"])


def perform(request: dict[str, Any]) -> int:
    """Run a command as its own process would, to the end of all threads and exit functions."""
    sys.path[0] = ""
    status: int = getattr(importlib.import_module("commands"), request["command"])(*request["arguments"])
    threading._shutdown()
    atexit._run_exitfuncs()
    return status


def warm_up() -> None:
    """Import all that the commands import, as seen in a process that ran them."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                os.chdir(folder)
                os.dup2(os.open(os.devnull, os.O_RDWR), 1)
                importlib.import_module("commands").use_all()
                # What they opened is closed before its folder goes.
                gc.collect()
                threading._shutdown()
                atexit._run_exitfuncs()
            os.write(write, "\n".join(sys.modules).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as names:
        wanted = names.read().splitlines()
    os.waitpid(pid, 0)
    if not wanted:
        raise RuntimeError("the commands do not run here")
    for name in wanted:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    # What is never collected is never written to, so forked processes go on sharing it.
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    sys.path[0] = sys.argv[1]
    warm_up()
    print(json.dumps({"threads": threading.active_count()}), flush=True)
    serve()
