"""The control port: tells the time and lets it pass. Must not know nets, instruments or the BMS.

JSON lines over TCP; every time is in the rig's own clock:

    {"do": "now"}     -> {"now_ns": n, "handed": {"can": frames, "console": bytes}}
    {"do": "advance", "until_ns": n, "wake": ["can", "console"], "sent": {"can": 1, "console": 9}}
                      -> {"now_ns": n, "woken": false, "handed": {…}}
    {"do": "begin", "seed": n, "sent": {…}}
                      -> {"now_ns": n, "handed": {…}}
    {"do": "lag"}     -> {"worst_ns": n, "late": count, "over_ns": n}
    anything else     -> {"error": "…"}

"handed" counts what has been handed to the clients' sockets since the start, once however many
clients there are. With "wake", an advance stops right after the first instant in which something
was handed over on one of these links. "sent" tells how much the rig has sent in all: nothing is
done before it has arrived. Stepped, an advance runs there at once; in real time it waits. A "begin"
builds everything behind the open sockets anew, at time 0, with the moment of this seed; only
stepped time can do that. Where time must wait for a participant outside (`lockstep.py`) and that is
lost, an advance runs, so that instruments answer, and is told why it failed until the next begin.

"lag" tells how far the bench was behind the wall clock since this was last asked: the longest time
from when something was due to when it was handed over, and how often that was over the bound.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from rig.virtual.clock import LocalClock
from rig.virtual.loop import Advance, Connection, Loop

__all__ = ["ControlPort", "JsonLines", "Reply", "Request", "RequestError", "whole"]

LINKS = ("can", "console")
_LONGEST = 1 << 16  # bytes of one request

Request = dict[str, Any]
Reply = Callable[[object], None]


class RequestError(ValueError):
    """A request that cannot be understood; its text goes back to the client."""


def whole(request: Request, name: str) -> int:
    """Take a whole number out of a request; RequestError where it holds none."""
    value = request.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise RequestError(f"{name!r} must be a whole number, not {value!r}")
    return value


class JsonLines:
    """A port that answers each line of JSON with one line of JSON, in order.

    Parameters
    ----------
    actions : dict
        What each value of "do" calls: an action gets the request and the way to reply.
    """

    def __init__(
        self,
        loop: Loop,
        actions: Mapping[str, Callable[[Request, Reply], None]],
        port: int = 0,
        *,
        name: str = "",
    ) -> None:
        self._actions = actions
        self.port = loop.listen(self._accept, port, name=name)

    def _accept(self, connection: Connection) -> None:
        pending = bytearray()

        def receive(data: bytes) -> None:
            pending.extend(data)
            *lines, rest = bytes(pending).split(b"\n")
            pending[:] = rest
            for line in lines:
                if line.strip():
                    self._answer(line, connection)
            if len(pending) > _LONGEST:
                connection.close()

        connection.on_data = receive

    def _answer(self, line: bytes, connection: Connection) -> None:
        def reply(answer: object) -> None:
            connection.send(json.dumps(answer, separators=(",", ":")).encode() + b"\n")

        try:
            request = json.loads(line)
            if not isinstance(request, dict) or request.get("do") not in self._actions:
                names = ", ".join(self._actions)
                raise RequestError(f'a request is {{"do": …}} with one of: {names}')
            self._actions[request["do"]](request, reply)
        except (RequestError, ValueError, RecursionError, TypeError) as error:
            reply({"error": str(error)})


class ControlPort:
    """Serves the clock that the rig sleeps by.

    Parameters
    ----------
    begin
        Builds the bench anew for a case with this seed.

    Attributes
    ----------
    clock : LocalClock
        The rig's; a bench that was built anew puts its new one here.
    """

    def __init__(
        self,
        loop: Loop,
        clock: LocalClock,
        port: int = 0,
        *,
        begin: Callable[[int], None] | None = None,
    ) -> None:
        self._loop, self.clock, self._build_anew = loop, clock, begin
        actions = {
            "now": self._now,
            "advance": self._advance,
            "begin": self._begin,
            "lag": self._lag,
        }
        self.port = JsonLines(loop, actions, port, name="clock").port

    def _now(self, _request: Request, reply: Reply) -> None:
        reply(self._tell())

    def _lag(self, _request: Request, reply: Reply) -> None:
        reply(asdict(self._loop.take_lag()))

    def _tell(self) -> dict[str, object]:
        return {"now_ns": self.clock.now_ns(), "handed": self._loop.kernel.handed}

    def _advance(self, request: Request, reply: Reply) -> None:
        self._loop.advance(
            Advance(
                until_ns=self.clock.to_kernel_ns(whole(request, "until_ns")),
                done=lambda woken: reply(self._tell_advanced(woken=woken)),
                failed=lambda why: reply({"error": why}),
                wake=_links(request),
                sent=_counts(request),
            )
        )

    def _tell_advanced(self, *, woken: bool) -> dict[str, object]:
        """Tell how far it got, unless time passed without a participant that it is to wait for."""
        lost = self._loop.kernel.lost
        return {"error": lost} if lost else {**self._tell(), "woken": woken}

    def _begin(self, request: Request, reply: Reply) -> None:
        seed, build_anew = whole(request, "seed"), self._build_anew
        if build_anew is None or self._loop.real:
            raise RequestError("only stepped time can begin anew; real time goes on")

        def begin(_woken: bool) -> None:  # noqa: FBT001 (as an advance ends)
            build_anew(seed)
            reply(self._tell())

        self._loop.advance(
            Advance(
                until_ns=self._loop.kernel.now_ns,
                done=begin,
                failed=lambda why: reply({"error": why}),
                sent=_counts(request),
            )
        )


def _links(request: Request) -> tuple[str, ...]:
    wake = request.get("wake", [])
    if not isinstance(wake, list) or not all(link in LINKS for link in wake):
        raise RequestError(f"'wake' must be a list of some of {', '.join(LINKS)}, not {wake!r}")
    return tuple(wake)


def _counts(request: Request) -> dict[str, int]:
    sent = request.get("sent", {})
    if not isinstance(sent, dict) or not set(sent) <= set(LINKS):
        raise RequestError(f"'sent' must be an object with some of {', '.join(LINKS)}: {sent!r}")
    return {link: whole(sent, link) for link in sent}
