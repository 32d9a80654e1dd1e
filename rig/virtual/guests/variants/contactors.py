"""The contactor ladder got wrong (docs/known-defects.md, chapter 7)."""

from __future__ import annotations

from typing import Any

from rig.virtual.guests.reference.contactors import (
    CLOSE_REQUEST,
    FAULT,
    MAIN,
    ContactorControl,
    Request,
)
from rig.virtual.guests.reference.image import Build
from rig.virtual.guests.variants import variant

_DUT = ("esp32-16s",)


class _Remembers(ContactorControl):
    """What the host asked for is kept over a fault."""

    def enter_fault(self) -> None:
        self.open_all()
        self.go(FAULT)


@variant(
    *("recloses-when-a-fault-is-gone", "D72", "S1", "the request is kept over the shutdown"),
    duts=_DUT,
    shows=r"contactor_faults.*contactor (closed|was closed)",
)
def recloses_when_a_fault_is_gone(build: Build) -> Build:
    """Build it."""
    return build.patch(contactors=_Remembers)


class _LooksAtTheEdge(_Remembers):
    """The fault's beginning shuts down; the next turn finds none and is idle again."""

    _was_faulty = False

    def tick(self, *, faulty: bool) -> str:
        begins, self._was_faulty = faulty and not self._was_faulty, faulty
        return super().tick(faulty=begins)


@variant(
    *("precharges-into-a-fault", "D72", "S1", "shutdown is left at once, and idle begins anew"),
    duts=_DUT,
    shows=r"contactor_faults.*contactor (closed|was closed)",
)
def precharges_into_a_fault(build: Build) -> Build:
    """Build it."""
    return build.patch(contactors=_LooksAtTheEdge)


class _NoLimit(ContactorControl):
    """Tries are counted, and the count is not looked at."""

    def may_try_again(self) -> bool:
        return True


@variant(
    *("precharges-for-ever", "D73", "S1", "the limit of tries is not applied"),
    duts=_DUT,
    shows=r"precharge_fails.*precharge contactor|PrechargeFailed",
)
def precharges_for_ever(build: Build) -> Build:
    """Build it."""
    return build.patch(contactors=_NoLimit)


class _NoLatch(ContactorControl):
    """The failed state goes back to off."""

    def give_up_try(self) -> None:
        super().give_up_try()
        self.precharge_failed = False


@variant(
    *("failed-precharge-forgotten", "D73", "S1", "the failed state goes back to off"),
    duts=_DUT,
    shows=r"precharge_fails.*contactor (closed|was closed)|PrechargeFailed",
)
def failed_precharge_forgotten(build: Build) -> Build:
    """Build it."""
    return build.patch(contactors=_NoLatch)


class _AnyRequest(Request):
    """The newest request counts, new or not."""

    def hear(self, request: int) -> None:
        self.wants_closed = request == CLOSE_REQUEST


class _OldRequestCounts(ContactorControl):
    requests = _AnyRequest


@variant(
    *("old-request-survives", "D74", "S1", "a request from before the power cycle closes"),
    duts=_DUT,
    shows=r"(contactor_requests|start|power).*contactor (closed|was closed)",
)
def old_request_survives(build: Build) -> Build:
    """Build it."""
    return build.patch(contactors=_OldRequestCounts)


class _StartsAsking(ContactorControl):
    """What the host wants starts with "closed"."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.request.wants_closed = True


@variant(
    *("closes-unasked", "D74", "S1", "the start counts as a request"),
    duts=_DUT,
    shows=r"contactor (closed|was closed)",
)
def closes_unasked(build: Build) -> Build:
    """Build it."""
    return build.patch(contactors=_StartsAsking)


class _FirstUnitOnly(ContactorControl):
    """The fault's branch handles the first contactor."""

    def enter_fault(self) -> None:
        for contactor in (self.main, self.precharge)[:1]:
            contactor.open()
        self.request.forget()
        self.go(FAULT)


@variant(
    *("second-contactor-stays-closed", "D75", "S1", "the fault's branch opens the first alone"),
    duts=_DUT,
    shows=r"precharge contactor (opened|did not open|was closed)",
)
def second_contactor_stays_closed(build: Build) -> Build:
    """Build it."""
    return build.patch(contactors=_FirstUnitOnly)


class _SharedPin(ContactorControl):
    """Both instances end up with one pin: it is static, and the last one writes it."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        for contactor in (self.precharge, self.main):
            contactor.net = MAIN


@variant(
    *("one-pin-for-both", "D41", "S1", "a pin constant shared by instances"),
    duts=_DUT,
    shows=r"contactor (closed|opened|did not|was)",
)
def one_pin_for_both(build: Build) -> Build:
    """Build it."""
    return build.patch(contactors=_SharedPin)


class _TimeAlone(ContactorControl):
    """Precharging ends by time, as if it always came to something."""

    def is_charged(self) -> bool:
        return self.ticks >= 10


@variant(
    *("closes-upon-an-empty-link", "1.2.precharge", "S1", "a precharge of 100 ms, come what may"),
    duts=_DUT,
    shows=r"main contactor (closed|did not close|was closed)",
)
def closes_upon_an_empty_link(build: Build) -> Build:
    """Build it."""
    return build.patch(contactors=_TimeAlone)


@variant(
    *("closed-without-a-host", "1.2.host", "S1", "a lost host opens the charge path alone"),
    duts=_DUT,
    shows=r"(CTO|HostAlive).*main contactor (did not open|was closed)",
)
def closed_without_a_host(build: Build) -> Build:
    """Build it."""
    return build.with_rule("CTO", opens_contactors=False)
