"""The contactor ladder of `esp32-16s`: open, precharging, closed, fault.

Precharges the link through a resistor, closes the main contactor once the link has come up, and
gives up after some tries. Closes only upon a new request of the host; what opened in a fault does
not close again by itself. Must not judge a cell, nor know CAN: it is given what was requested and
whether there is a fault.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rig.virtual.carrier.pins import Pins

MAIN, PRECHARGE = "main contactor", "precharge contactor"
LINK_LSB_V = 100.0 / ((1 << 32) - 1)  # of the converter, with its dividers
OPEN, PRECHARGING, CLOSED, FAULT = range(4)
STATE_NAMES = ("open", "precharging", "closed", "fault")
NO_REQUEST, CLOSE_REQUEST, OPEN_REQUEST = range(3)

Note = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactorFigures:
    """How the ladder is compiled; ticks are runs of the main task."""

    ratio: float = 0.95  # of the battery's voltage, at which the link counts as charged
    try_ticks: int = 200  # a try lasts no longer
    tries: int = 3  # ... and there are no more (foxBMS: 3 tries, 3 s apart)
    pause_ticks: int = 300
    overlap_ticks: int = 10  # both closed, as a contactor's armature must travel


class Contactor:
    """One contactor's coil."""

    def __init__(self, pins: Pins, net: str, note: Note) -> None:
        self._pins, self.net, self._note = pins, net, note
        self.on = False

    def close(self) -> None:
        """Switch the coil on."""
        self._drive(on=True)

    def open(self) -> None:
        """Switch the coil off."""
        self._drive(on=False)

    def _drive(self, *, on: bool) -> None:
        if self.on != on:
            self.on = on
            self._pins.drive(self.net, on)
            self._note("closed" if on else "opened", output=self.net)


class LinkSense:
    """The converter on either side of the contactors."""

    def __init__(self, pins: Pins) -> None:
        self._adc = pins.adc

    def link_v(self) -> float:
        """Voltage behind the contactors."""
        return self._adc("link") * LINK_LSB_V

    def battery_v(self) -> float:
        """Voltage before the contactors."""
        return self._adc("battery") * LINK_LSB_V


class Request:
    """What the host asks for. Only what it asks anew counts: something else came before it."""

    def __init__(self) -> None:
        self._may_be_new = False  # a request that was there before us is not new
        self.wants_closed = False

    def hear(self, request: int) -> None:
        """Take the request of one message."""
        if request != CLOSE_REQUEST:
            self._may_be_new = True
            self.wants_closed = self.wants_closed and request != OPEN_REQUEST
        elif self._may_be_new:
            self._may_be_new, self.wants_closed = False, True

    def forget(self) -> None:
        """Have the host ask anew."""
        self._may_be_new = self.wants_closed = False


class ContactorControl:
    """The ladder; `tick` is called by each run of the main task.

    Attributes
    ----------
    main, precharge : Contactor
        The two coils.
    request : Request
        What the host asks for.
    state, ticks : int
        The step of the ladder, and runs of the main task since it was entered or a try began.
    tries : int
        Of precharging, since the request.
    precharge_failed : bool
        All tries came to nothing; latched.
    """

    requests: type[Request] = Request

    def __init__(self, pins: Pins, figures: ContactorFigures, sense: LinkSense, note: Note) -> None:
        self._figures, self._sense = figures, sense
        self.main = Contactor(pins, MAIN, note)
        self.precharge = Contactor(pins, PRECHARGE, note)
        self.request = self.requests()
        self.state = OPEN
        self.tries = self.ticks = 0
        self.precharge_failed = False  # latched

    def tick(self, *, faulty: bool) -> str:
        """Do one step and return what is to be logged of it, "" for nothing."""
        before = self.state
        self.ticks += 1
        if faulty or self.precharge_failed:
            self.enter_fault()
        elif self.state == FAULT:
            self._leave_fault()
        elif not self.request.wants_closed:
            self.open_all()
        elif self.state == OPEN:
            self._begin()
        elif self.state == PRECHARGING:
            self._charge_link()
        else:
            self._end_overlap()
        return STATE_NAMES[self.state] if self.state != before else ""

    def link_v(self) -> float:
        """Voltage behind the contactors, as measured."""
        return self._sense.link_v()

    def clear(self) -> None:
        """Forget that precharging failed."""
        self.precharge_failed = False

    # Decisions

    def is_charged(self) -> bool:
        """Whether the link is near enough to the battery's voltage, from either side."""
        battery_v = self._sense.battery_v()
        off_v = abs(battery_v - self._sense.link_v())
        return off_v <= (1.0 - self._figures.ratio) * battery_v

    def may_try_again(self) -> bool:
        """Whether a try that came to nothing is followed by another."""
        return self.tries < self._figures.tries

    # Steps

    def open_all(self) -> None:
        """Open both contactors and wait for a request."""
        self.main.open()
        self.precharge.open()
        self.go(OPEN)

    def enter_fault(self) -> None:
        """Open both contactors and have the host ask anew."""
        self.open_all()
        self.request.forget()
        self.go(FAULT)

    def _leave_fault(self) -> None:
        self.go(OPEN)

    def _begin(self) -> None:
        self.tries = 1
        self.precharge.close()
        self.go(PRECHARGING)

    def _charge_link(self) -> None:
        if not self.precharge.on:
            if self.ticks >= self._figures.pause_ticks:
                self.tries += 1
                self.precharge.close()
                self.ticks = 0
        elif self.is_charged():
            self.main.close()
            self.go(CLOSED)
        elif self.ticks >= self._figures.try_ticks:
            self.give_up_try()

    def give_up_try(self) -> None:
        """End a try of precharging that came to nothing; the last one is a fault."""
        self.precharge.open()
        self.ticks = 0
        if not self.may_try_again():
            self.precharge_failed = True
            self.enter_fault()

    def _end_overlap(self) -> None:
        if self.ticks >= self._figures.overlap_ticks:
            self.precharge.open()

    def go(self, state: int) -> None:
        """Enter a state of the ladder; its ticks count from there."""
        if self.state != state:
            self.state, self.ticks = state, 0
