"""Ground truth, for tests and benchmarks only. Must not be opened by the rig, nor change anything.

JSON lines over TCP; times are in the rig's clock, and "exact" in the kernel's:

    {"do": "crossings", "net": "charge gate", "level": 6.0, "rising": false, "since_ns": n}
                                   -> {"times_ns": […], "exact": […]}
    {"do": "value", "net": "cell 1", "at_ns": n}   -> {"value": v}   (without "at_ns": now)
    {"do": "events"}               -> [{"t_ns": n, "exact": n, "name": "trip", "detail": {…}}, …]
    {"do": "clocks"}               -> {"rig": {"offset_ns": n, "drift_ppm": x}, …}
    {"do": "nets"}                 -> {"cell 1": "V", …}
"""

from __future__ import annotations

from collections import deque

from rig.virtual.carrier.board import Board
from rig.virtual.clock import LocalClock
from rig.virtual.control import JsonLines, Reply, Request, RequestError, whole
from rig.virtual.kernel import Kernel
from rig.virtual.loop import Loop
from rig.virtual.signal import Signal

__all__ = ["Truth", "TruthPort"]

_KEPT = 100_000  # events; the oldest are dropped


class Truth:
    """What really happened, as the guests tell it."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.events: deque[tuple[int, str, dict[str, object]]] = deque(maxlen=_KEPT)

    def note(self, name: str, /, **detail: object) -> None:
        """Keep that something happened now."""
        self.events.append((self._kernel.now_ns, name, detail))


class TruthPort:
    """Serves the nets' past, the guests' notes and the clocks' errors."""

    def __init__(
        self, loop: Loop, truth: Truth, board: Board, clocks: dict[str, LocalClock], port: int = 0
    ) -> None:
        self.plug(truth, board, clocks)
        actions = {
            "crossings": self._crossings,
            "value": self._value,
            "events": self._events,
            "clocks": self._tell_clocks,
            "nets": self._nets,
        }
        self.port = JsonLines(loop, actions, port, name="truth").port

    def plug(self, truth: Truth, board: Board, clocks: dict[str, LocalClock]) -> None:
        """Tell of this bench from now on."""
        self._truth, self._board, self._clocks = truth, board, clocks
        self._rig = clocks["rig"]

    def _net(self, request: Request) -> Signal:
        net = self._board.nets.get(request.get("net", ""))
        if net is None:
            raise RequestError(f"'net' must be one of: {', '.join(self._board.nets)}")
        return net

    def _crossings(self, request: Request, reply: Reply) -> None:
        since_ns = (
            self._rig.to_kernel_ns(whole(request, "since_ns")) if "since_ns" in request else 0
        )
        level, rising = request.get("level"), request.get("rising")
        if not isinstance(level, int | float) or not isinstance(rising, bool):
            raise RequestError("a crossing has a 'level', a number, and is 'rising', true or false")
        exact = self._net(request).crossings(level, rising=rising, since_ns=since_ns)
        reply({"times_ns": [self._rig.to_local_ns(time_ns) for time_ns in exact], "exact": exact})

    def _value(self, request: Request, reply: Reply) -> None:
        net = self._net(request)
        if "at_ns" in request:
            reply({"value": net.value_at(self._rig.to_kernel_ns(whole(request, "at_ns")))})
        else:
            reply({"value": net.value()})

    def _events(self, _request: Request, reply: Reply) -> None:
        reply(
            [
                {"t_ns": self._rig.to_local_ns(t), "exact": t, "name": name, "detail": detail}
                for t, name, detail in self._truth.events
            ]
        )

    def _tell_clocks(self, _request: Request, reply: Reply) -> None:
        reply(
            {
                name: {"offset_ns": clock.offset_ns, "drift_ppm": clock.drift_ppm}
                for name, clock in self._clocks.items()
            }
        )

    def _nets(self, _request: Request, reply: Reply) -> None:
        reply({name: net.unit for name, net in self._board.nets.items()})
