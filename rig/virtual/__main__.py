"""`python -m rig.virtual`: one virtual bench as a process. Must not print but its one ready line.

It serves until SIGTERM, SIGHUP or Ctrl-C; with RIG_ENDS_WITH_INPUT=1 in its environment, by which
the rig ties its own child to itself, also until its standard input closes.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from rig.errors import RigError
from rig.virtual.assembly import BENCHES, Setup, built
from rig.virtual.guests import build_of, variants_of
from rig.virtual.guests.variants import from_file
from rig.virtual.loop import Loop


def main(arguments: list[str] | None = None) -> int:
    """Build the bench, say that it is ready, serve it."""
    try:
        setup = _read(arguments)
        if setup is None:
            return 0
        build_of(setup.dut, setup.variant)
        bench = built(setup)
    except RigError as error:
        print(error, file=sys.stderr)  # noqa: T201 (the process's own door)
        return 2
    except (OSError, OverflowError) as error:  # in use, not ours; or beyond the last there is
        print(f"no port to listen on: {error}; choose another --port-base", file=sys.stderr)  # noqa: T201
        return 2
    with _ends_on_signals(bench.loop):
        if os.environ.get("RIG_ENDS_WITH_INPUT") == "1":
            _end_with_stdin(bench.loop)
        print(json.dumps(bench.addresses), flush=True)  # noqa: T201 (the process's own door)
        gc.collect()
        gc.freeze()  # what is there stays, so that no later collection looks at it
        bench.loop.run()
    return 0


def _read(arguments: list[str] | None) -> Setup | None:
    parser = argparse.ArgumentParser(prog="rig.virtual", description="One virtual bench.")
    parser.add_argument("--dut", choices=sorted(BENCHES), required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--time", choices=["stepped", "real"], default="stepped")
    parser.add_argument("--port-base", type=_port, default=0, help="first port; 0: any free ones")
    parser.add_argument("--variant", help="build of the firmware; default: the one released")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument(
        "--digitizers", type=int, choices=range(1, 5), default=1, help="how many, at the same nets"
    )
    parser.add_argument(
        "--list-variants",
        nargs="?",
        const="",
        metavar="FILE.py",
        help="print the defective builds (or those in a file of your own), one JSON a line",
    )
    options = parser.parse_args(arguments)
    if options.list_variants is not None:
        _list_variants(options.dut, options.list_variants)
        return None
    return Setup(
        dut=options.dut,
        seed=options.seed,
        real=options.time == "real",
        port_base=options.port_base,
        variant=options.variant,
        host=options.host,
        digitizers=options.digitizers,
    )


def _port(text: str) -> int:
    """Read a port; argparse names the option where it is none."""
    if not text.isdecimal() or not 0 <= int(text[:9]) <= _MOST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is no port: write 1024 to {_MOST_PORT}")
    return int(text)


_MOST_PORT = 65_535
_REPORTED = ("name", "row", "severity", "title", "shows")


def _list_variants(dut: str, own: str) -> None:
    """Print the variants of a BMS; those of a user's own file by the names that choose them."""
    for each in (from_file(Path(own), dut) if own else variants_of(dut)).values():
        reported = {key: getattr(each, key) for key in _REPORTED}
        if own:
            reported["name"] = f"{own}:{each.name}"
        print(json.dumps(reported))  # noqa: T201 (asked for)


@contextlib.contextmanager
def _ends_on_signals(loop: Loop) -> Iterator[None]:
    """Stop the loop on a signal that ends a program; a socket pair wakes it from its wait."""
    inner, outer = socket.socketpair()
    for end in (inner, outer):
        end.setblocking(False)  # noqa: FBT003
    before = signal.set_wakeup_fd(outer.fileno())
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is None or (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
            continue  # not on this system; or nohup asked that the terminal's end be none of ours
        signal.signal(number, lambda *_: None)  # the wake-up byte is what counts
    loop.watch(inner, loop.stop)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        inner.close()
        outer.close()


def _end_with_stdin(loop: Loop) -> None:
    """Stop the loop when whoever holds our standard input has gone.

    A thread waits for the end, since Windows can't select on a pipe; it wakes the loop by a socket.
    """
    if sys.stdin is None:
        return
    inner, outer = socket.socketpair()
    loop.watch(inner, loop.stop)
    descriptor = sys.stdin.fileno()

    def wait() -> None:
        while os.read(descriptor, 1 << 12):  # not by sys.stdin, whose lock would outlive the end
            pass
        outer.send(b"\0")

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
