"""What truly happened in a case, as the virtual bench's truth port tells it; the rig never asks.

Not run by itself: `ground_truth.py` holds what the rig judged against it.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rig.case import Case
from rig.dut.can_messages import Messages
from rig.dut.profile import Profile
from rig.expectations.console_says import ConsoleSays
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.stays import Stays
from rig.expectations.trips import Trips
from rig.steps import Step
from rig.steps.fault import Fault
from rig.steps.type_line import Type
from rig.time_reference import Crossing, Mark, TimeReference

OPEN_OHM, SHORT_OHM = 600_000.0, 200.0  # where the firmware takes a sensor for open, or shorted

Timed = Trips | SignalBecomes | ConsoleSays


class TrueEvents:
    """The virtual bench's truth port."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")
        self._seen = 0

    def ask(self, **request: Any) -> Any:
        """Ask one thing."""
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(self._answers.readline())

    def new_events(self) -> list[dict[str, Any]]:
        """What happened since this was last asked."""
        events = self.ask(do="events")
        new, self._seen = events[self._seen :], len(events)
        return list(new)

    def crossing(self, net: str, level: float, *, rising: bool, since: Mapping[str, int]) -> int:
        """Kernel time of the first crossing from an event on."""
        answer = self.ask(
            do="crossings", net=net, level=level, rising=rising, since_ns=since["t_ns"]
        )
        if not answer["exact"]:
            raise LookupError(f"{net} never crossed {level:g}")
        return int(answer["exact"][0])

    def close(self) -> None:
        """Close the connection."""
        self._answers.close()
        self._socket.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What truly happened in one case, in exact kernel time [ns]."""

    truth: TrueEvents
    profile: Profile
    case: Case
    events: Sequence[Mapping[str, Any]]  # from the case's home on
    begin: Mapping[str, Any]  # the event with which the BMS was at home: both paths closed

    @staticmethod
    def of(truth: TrueEvents, profile: Profile, case: Case) -> Happened:
        """Gather what happened since the truth was last asked."""
        events = truth.new_events()
        closed: dict[str, int] = {}
        for i, event in enumerate(events):
            if event["name"] == "closed":
                closed.setdefault(event["detail"]["output"], i)
        last = max(closed.values())
        return Happened(
            truth=truth, profile=profile, case=case, events=events[last:], begin=events[last]
        )

    def first(self, name: str, fits: Callable[[Mapping[str, Any]], bool]) -> int:
        """Kernel time of the first event of a kind."""
        found = (e["exact"] for e in self.events if e["name"] == name and fits(e["detail"]))
        if (at := next(found, None)) is None:
            raise LookupError(f"no such {name}")
        return int(at)

    def cause(self, since: TimeReference) -> int:
        """When the stimulus truly reached the BMS."""
        if isinstance(since, Crossing):
            return self._crossed(since)
        step = _step_marked(self.case, since)
        if isinstance(step, Fault):
            return self._faulted(step)
        if isinstance(step, Type):
            return self.first("typed", lambda d: d["text"] == step.line)
        return self._last_host_frame()

    def effect(self, wanted: Timed) -> int:
        """When the BMS truly reacted."""
        if isinstance(wanted, Trips):
            net = wanted.output.replace("path", "gate")
            level = self.case.outputs[wanted.output].closed_above
            return self.truth.crossing(net, level, rising=False, since=self.begin)
        if isinstance(wanted, ConsoleSays):
            pattern = re.compile(wanted.pattern)
            return self.first("line", lambda d: pattern.search(d["text"]) is not None)
        return self.first("frame", lambda d: self._says(d, wanted))

    def stayed(self, wanted: Stays) -> bool:
        """Whether an output truly never left its state."""
        try:
            self.truth.crossing(
                wanted.output.replace("path", "gate"),
                self.case.outputs[wanted.output].closed_above,
                rising=wanted.is_open,
                since=self.begin,
            )
        except LookupError:
            return True
        return False

    def _says(self, detail: Mapping[str, Any], wanted: SignalBecomes) -> bool:
        messages = messages_of(self.profile)
        if detail["can_id"] != messages.can_id(wanted.signal.message):
            return False
        values = messages.decode_one(wanted.signal.message, bytes.fromhex(detail["data"]))
        return values[wanted.signal.name] == wanted.value

    def _crossed(self, since: Crossing) -> int:
        kind, _, number = since.quantity.partition(" ")
        if kind != "temperature":
            return self.truth.crossing(
                since.quantity, since.level, rising=since.rising, since=self.begin
            )
        curve = self.profile.temperatures
        assert curve is not None  # noqa: S101 -- there is a temperature
        return self.truth.crossing(
            f"ntc {number}", curve.ohm_at(since.level), rising=not since.rising, since=self.begin
        )

    def _faulted(self, step: Fault) -> int:
        kind, _, number = step.target.partition(" ")
        if kind == "cell":
            return self.first("wire", lambda d: d["cell"] == step.target and d["is_open"])
        if kind != "temperature":
            return self.first(
                "link", lambda d: (d["link"], d["state"]) == (step.target, step.fault)
            )
        is_open = step.fault == "open"
        level = OPEN_OHM if is_open else SHORT_OHM
        return self.truth.crossing(f"ntc {number}", level, rising=is_open, since=self.begin)

    def _last_host_frame(self) -> int:
        can_id = messages_of(self.profile).can_id("HostAlive")
        ends = [
            e["exact"]
            for e in self.events
            if e["name"] == "frame" and e["detail"]["can_id"] == can_id
        ]
        return int(ends[-1])


_LOADED: list[Messages] = []


def messages_of(profile: Profile) -> Messages:
    """Give the messages of the reference BMS, read once."""
    if not _LOADED:
        assert profile.dbc_path is not None  # noqa: S101 -- the reference BMS has a DBC
        _LOADED.append(Messages(profile.dbc_path))
    return _LOADED[0]


def _step_marked(case: Case, mark: Mark) -> Step:
    return next(step for step in case.steps if step.mark == mark.mark)
