"""Runs of the rig as processes of their own, without the second that each needs to import it.

`ran` is `subprocess.run` of "python …". On Linux a process stands by that has imported what a run
imports and touched nothing else; it has one thread, and forks for each run. The run has argv,
folder, environment, standard streams, process group, signals and exit code as if it had been
started. What Python reads of its environment or its options before all else can't be had that way:
what is asked for with such gets a plain start, as does all that is not run by `ran`.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, NoReturn

ROOT = Path(__file__).parents[1]
_MODULES = {"pytest", "rig.cli"}  # that can be started warm
# What they import when a case runs. Plugins are not here: pytest rewrites those as it imports them.
_NEEDED = (
    *("pytest", "doctest", "fixtures.plugin", "fixtures.rejudge", "rig.shrink", "reports.explain"),
    *("reports.differences", "allure", "allure_commons.reporter", "allure_commons.logger"),
    *("pyvisa", "pyvisa_py", "can.interfaces.socketcand", "serial.urlhandler.protocol_rfc2217"),
    *("pyarrow.parquet", "pyarrow.dataset", "pyarrow.compute", "numpy.ma", "encodings.idna"),
)
_AT_START = ("PYTHON", "LC_", "LANG", "COV")  # variables that act before the first module does
_NO_THREADS = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
_MOST_BYTES = 1 << 20
_TIMEOUT_S = 240.0


def ran(*arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments to its end, `more` in its environment."""
    environment = _environment(more)
    if not _can_be_warm(arguments, environment):
        return plainly_ran(*arguments, cwd=cwd, **more)
    return _standing_by().run(arguments, cwd, environment)


def plainly_ran(*arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Do the same by a start of its own."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=_environment(more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=_TIMEOUT_S,
        preexec_fn=_interruptible if os.name == "posix" else None,
    )


def _environment(more: dict[str, str]) -> dict[str, str]:
    # These tests may run on a worker of xdist themselves.
    return {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_XDIST")} | more


def _interruptible() -> None:
    """Undo what a shell does to whatever it starts in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _can_be_warm(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    # Elsewhere there is no fork, or none that the system's own libraries outlive.
    if sys.platform != "linux" or arguments[0] != "-m" or arguments[1] not in _MODULES:
        return False
    early = {k for k in {*os.environ, *environment} if k.startswith(_AT_START)}
    measured = any(k.startswith("COV") for k in early)
    return not measured and all(os.environ.get(k) == environment.get(k) for k in early)


# ---- who asks ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _StandingBy:
    """The process that forks, seen from the test."""

    process: subprocess.Popen[bytes]
    wire: socket.socket

    def run(
        self, arguments: Sequence[str], cwd: Path, environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        asked = json.dumps([arguments, str(cwd), environment]).encode("utf-8", "surrogateescape")
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        try:
            socket.send_fds(self.wire, [asked], [out_end, err_end])
        finally:
            os.close(out_end)
            os.close(err_end)
        with open(out, "rb", 0) as said, open(err, "rb", 0) as moaned:  # noqa: PTH123 -- no paths
            number = int(self.wire.recv(_MOST_BYTES))
            try:
                heard = _heard([said, moaned])
            except TimeoutError:
                os.kill(number, signal.SIGKILL)
                self.wire.recv(_MOST_BYTES)
                raise subprocess.TimeoutExpired(list(arguments), _TIMEOUT_S) from None
        code = int(self.wire.recv(_MOST_BYTES))
        return subprocess.CompletedProcess([sys.executable, *arguments], code, *heard)

    def close(self) -> None:
        self.wire.close()
        self.process.wait()


@cache
def _standing_by() -> _StandingBy:
    wire, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm", str(theirs.fileno())],
            cwd=ROOT,
            env={**os.environ, **_NO_THREADS},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    standing_by = _StandingBy(process, wire)
    atexit.register(standing_by.close)
    return standing_by


def _heard(streams: Sequence[IO[bytes]]) -> list[str]:
    """Read all streams to their ends, as nobody may have to wait for us in between."""
    chunks: dict[IO[bytes], list[bytes]] = {stream: [] for stream in streams}
    until = time.perf_counter() + _TIMEOUT_S
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream, selectors.EVENT_READ, chunks[stream])
        while selector.get_map():
            ready = selector.select(until - time.perf_counter())
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                chunk = os.read(key.fd, _MOST_BYTES)
                key.data.append(chunk)
                if not chunk:
                    selector.unregister(key.fileobj)
    texts = (b"".join(parts).decode("utf-8", "replace") for parts in chunks.values())
    return [text.replace("\r\n", "\n") for text in texts]


# ---- who stands by -------------------------------------------------------------------------------
def _serve(wire: socket.socket) -> tuple[str, list[str]]:
    """Fork for whoever asks; return in the child alone, with the module to run and its argv."""
    while True:
        asked, descriptors, _, _ = socket.recv_fds(wire, _MOST_BYTES, 2)
        if not asked:
            os._exit(0)
        (_, module, *rest), cwd, environment = json.loads(asked)
        if (child := os.fork()) == 0:
            wire.close()
            _become(descriptors, cwd, environment)
            return module, rest
        for descriptor in descriptors:
            os.close(descriptor)
        wire.send(str(child).encode())
        _, status = os.waitpid(child, 0)
        wire.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(descriptors: Sequence[int], cwd: str, environment: Mapping[str, str]) -> None:
    """Take over what a process is started with; its standard input is the null device already."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, descriptor in enumerate(descriptors, 1):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(cwd)
    sys.path[0] = os.getcwd()  # noqa: PTH109 -- as `python -m` does
    os.environ.clear()
    os.environ.update(environment)


def _main() -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the tests' business
    with warnings.catch_warnings():  # pytest, too, imports plugins so
        for name in _NEEDED:
            import_module(name)
    gc.collect()
    gc.freeze()
    module, rest = _serve(socket.socket(fileno=int(sys.argv[1])))
    sys.argv[1:] = rest
    sys.orig_argv[1:] = ["-m", module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    _main()
