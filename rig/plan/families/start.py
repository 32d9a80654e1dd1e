"""Families about power-up: healthy, and with a cause already there."""

from __future__ import annotations

from collections.abc import Iterator

from rig.can_address import MessageAddress
from rig.dut.profile import Profile, Start
from rig.expectations.message_comes import MessageComes
from rig.plan.families.applicable import can_be_there_at_start, look_s
from rig.plan.families.contactor_requests import SPOKEN, no_request, periodic_request
from rig.plan.families.draft import Draft, Options, Part, at_place, family, family_of, random_phase
from rig.plan.families.expecting import closes, says_ready, stay
from rig.plan.families.provoked import TRIPPED, Provoked, each, one_each
from rig.plan.families.timing import AFTER_S, OFF_S, STILL_S
from rig.plan.stimulus import paths
from rig.quantity import format
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.random_phase import RandomPhase
from rig.steps.send import Send
from rig.time_reference import Mark

_DUE = "due"


@family_of("power up", lambda profile: profile.start, severity="critical")
def power_up(profile: Profile, options: Options, start: Start) -> Iterator[Draft]:  # noqa: ARG001
    """Start it: open until it is ready, then closed in time, and heard on its bus."""
    own = profile.closes_at_start
    ready_s, closed_s = start.ready_within_s, start.closed_within_s
    asked_for = profile.contactors.both if profile.contactors else ()  # and nobody asks
    yield Draft(
        title=f"after power-up it is ready within {format(ready_s, 's')} and closes its outputs",
        steps=[
            Power(on=False, mark="off"),
            Hold(duration_s=OFF_S),
            random_phase(profile, "before"),
            Power(on=True, mark="on"),
            Hold(duration_s=ready_s + closed_s + AFTER_S),
        ],
        expectations=[
            *says_ready(profile, "on", ready_s),
            *stay(own, "before", "on", is_open=True),
            *closes(own, "on", ready_s + closed_s, claim="start/closes"),
            *stay(asked_for, "before", is_open=True),
        ],
        precondition="off",
    )
    yield from _asked_to_close(profile)
    yield from _messages_come(profile)


def _asked_to_close(profile: Profile) -> Iterator[Draft]:
    """Ask for it once it is ready: else a BMS that heeds no request would never get a verdict."""
    contactors, closed_s = profile.contactors, profile.start.closed_within_s
    if contactors is None:
        return
    on_request = [o for o in profile.start.closes if o not in profile.closes_at_start]
    yield Draft(
        title=f"asked to after power-up it closes within {format(closed_s, 's')}",
        parameters={"then": "asked"},
        steps=[
            Power(on=True),
            Hold(duration_s=profile.start.ready_within_s),
            *no_request(profile, contactors),
            random_phase(profile, "before"),
            periodic_request(profile, contactors, contactors.request.close, "asked"),
            Hold(duration_s=closed_s + AFTER_S),
        ],
        expectations=list(closes(on_request, "asked", closed_s, claim="start/closes")),
        precondition="off",
    )


def _messages_come(profile: Profile) -> Iterator[Draft]:
    """Speak to it once it is ready: every periodic message of its own comes in time.

    Its host's frames are acknowledged, so a BMS that says nothing is not taken for a dead bus.
    """
    can = profile.can
    if can is None or can.speaks_within_s is None or not can.receives:
        return
    within_s = can.speaks_within_s
    partner, claim = next(iter(can.receives.items()))
    yield Draft(
        title=f"within {format(within_s, 's')} of power-up every message has come",
        parameters={"then": "messages"},
        steps=[
            Power(on=False),
            Hold(duration_s=OFF_S),
            random_phase(profile),
            Power(on=True, mark="on"),
            Hold(duration_s=profile.start.ready_within_s),
            Send(message=partner, count=SPOKEN, period_s=claim.period_s),
            Hold(duration_s=within_s),
        ],
        expectations=[
            MessageComes(message=MessageAddress(name), since=Mark(mark="on"), high_s=within_s)
            for name in profile.messages
        ],
        traces_to=can.traces_to,
        precondition="off",
    )


@family("start with fault")
def start_with_fault(profile: Profile, options: Options) -> Iterator[Draft]:
    """Start it with a cause present: what it opens closes only once the cause is gone."""
    wait_s = profile.start.up_within_s
    for it in each(profile, options, only=can_be_there_at_start):
        gone, affected = _gone(it), it.affected
        yield it.draft(
            f"started with {at_place(it.name, it.target)} its output stays open until the cause is"
            " gone",
            [
                Power(on=False),
                Hold(duration_s=OFF_S, mark="off"),
                *it.stimulus.apply,
                Power(on=True, mark="on"),
                Hold(duration_s=wait_s + 2.0 * it.delay.high, mark=TRIPPED),
                *gone.steps,
            ],
            [
                *stay((o for o in paths(profile) if o in affected), "off", TRIPPED, is_open=True),
                *closes((o for o in paths(profile) if o not in affected), "on", wait_s),
                *gone.expectations,
            ],
            precondition="off",
        )


@family("fault while starting")
def fault_while_starting(profile: Profile, options: Options) -> Iterator[Draft]:
    """Let a cause come at a random moment of a start: its output ends open, and lets go."""
    wait_s = profile.start.up_within_s
    for it in one_each(profile, options, can_be_there_at_start):
        gone, affected = _gone(it), it.affected
        yield it.draft(
            f"{it.at_place} comes at a random moment of a start",
            [
                Power(on=True, mark="on"),
                RandomPhase(span_s=wait_s),
                *it.stimulus.apply,
                Hold(duration_s=wait_s + it.delay.high, mark=_DUE),
                Hold(duration_s=look_s(profile, STILL_S, profile.messages), mark=TRIPPED),
                *gone.steps,
            ],
            [
                *it.holds_on(_DUE, TRIPPED),
                *closes((o for o in paths(profile) if o not in affected), "on", wait_s),
                *gone.expectations,
            ],
            precondition="off",
        )


def _gone(it: Provoked) -> Part:
    """Take the cause away, where it recovers: what it opened closes, as after any trip."""
    if it.protection.recovers is None:
        return Part()
    wait = Hold(duration_s=it.until_reported_s(it.recovery))
    return Part([*it.stimulus.remove, wait], list(it.lets_go()))
