"""Families about power-up: healthy, and with a cause already there."""

from __future__ import annotations

from collections.abc import Iterator

from rig.can_address import MessageAddress
from rig.dut.contactors import Contactors
from rig.dut.profile import Profile, Protection
from rig.expectations import Expectation
from rig.expectations.console_says import ConsoleSays
from rig.expectations.message_comes import MessageComes
from rig.expectations.stays import Stays
from rig.instants import Mark
from rig.plan.families.choosing import (
    can_be_there_at_start,
    delay_of,
    each_stimulus,
    look_s,
    one_stimulus_each,
    recovery_time_of,
)
from rig.plan.families.draft import AFTER_S, Draft, Options, draft_of, phase_s, whose
from rig.plan.families.expecting import closes, recovers, unsays, until_said_s
from rig.plan.families.recovery import TRIPPED, holds_on, release_of
from rig.plan.families.requesting import SPOKEN, not_yet, saying
from rig.plan.stimulus import Stimulus, opened, paths
from rig.quantity import format
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.random_phase import RandomPhase
from rig.steps.send import Send

_DUE = "due"
_WATCHED_S = 0.5


def power_up(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """Start it: open until it is ready, then closed in time, and heard on its bus."""
    start = profile.start
    ready_s, closed_s = start.ready_within_s, start.closed_within_s
    own = profile.closes_at_start
    asked_for = profile.contactors.both if profile.contactors else ()  # and nobody asks
    said: list[Expectation] = []
    if profile.console is not None:
        ready = profile.console.ready
        said = [ConsoleSays(pattern=ready, since=Mark(mark="on"), high_s=start.ready_within_s)]
    yield Draft(
        title=f"after power-up it is ready within {format(ready_s, 's')} and closes its outputs",
        protection=None,
        parameters={},
        steps=[
            Power(on=False, mark="off"),
            Hold(duration_s=0.5),
            RandomPhase(span_s=phase_s(profile), mark="before"),
            Power(on=True, mark="on"),
            Hold(duration_s=ready_s + closed_s + AFTER_S),
        ],
        expectations=[
            *said,
            *(Stays(output=o, is_open=True, begin="before", end="on") for o in own),
            *closes(own, "on", ready_s + closed_s, claim="start/closes"),
            *(Stays(output=o, is_open=True, begin="before") for o in asked_for),
        ],
        severity="critical",
        traces_to=start.traces_to,
        begins="off",
    )
    if profile.contactors is not None:
        yield _asked_to_close(profile, profile.contactors)
    yield from _messages_come(profile)


def _asked_to_close(profile: Profile, contactors: Contactors) -> Draft:
    """Ask for it once it is ready: else a BMS that heeds no request would never get a verdict."""
    start, closed_s = profile.start, profile.start.closed_within_s
    on_request = [o for o in start.closes if o not in profile.closes_at_start]
    return Draft(
        title=f"asked to after power-up it closes within {format(closed_s, 's')}",
        protection=None,
        parameters={"then": "asked"},
        steps=[
            Power(on=True),
            Hold(duration_s=start.ready_within_s),
            *not_yet(profile, contactors),
            RandomPhase(span_s=phase_s(profile), mark="before"),
            saying(profile, contactors, contactors.request.close, "asked"),
            Hold(duration_s=closed_s + AFTER_S),
        ],
        expectations=list(closes(on_request, "asked", closed_s, claim="start/closes")),
        severity="critical",
        traces_to=start.traces_to,
        begins="off",
    )


def _messages_come(profile: Profile) -> Iterator[Draft]:
    """Speak to it once it is ready: every periodic message of its own comes in time.

    Its partner's frames are acknowledged, so a BMS that says nothing is not taken for a dead bus.
    """
    can, start = profile.can, profile.start
    if can is None or can.speaks_within_s is None or not can.receives:
        return
    partner, promise = next(iter(can.receives.items()))
    yield Draft(
        title=f"within {format(can.speaks_within_s, 's')} of power-up every message has come",
        protection=None,
        parameters={"then": "messages"},
        steps=[
            Power(on=False),
            Hold(duration_s=0.5),
            RandomPhase(span_s=phase_s(profile)),
            Power(on=True, mark="on"),
            Hold(duration_s=start.ready_within_s),
            Send(message=partner, count=SPOKEN, period_s=promise.period_s),
            Hold(duration_s=can.speaks_within_s),
        ],
        expectations=[
            MessageComes(
                message=MessageAddress(name), since=Mark(mark="on"), high_s=can.speaks_within_s
            )
            for name in profile.messages
        ],
        severity="critical",
        traces_to=can.traces_to,
        begins="off",
    )


def start_with_fault(profile: Profile, options: Options) -> Iterator[Draft]:
    """Start it with a cause present: what it opens closes only once the cause is gone."""
    start = profile.start
    wait_s = start.up_within_s
    for stimulus, protection in each_stimulus(profile, options, only=can_be_there_at_start):
        affected = opened(profile, stimulus.values) | set(protection.opens)
        free = [o for o in paths(profile) if o not in affected]
        yield draft_of(
            f"started with {whose(stimulus.protection, stimulus.target)} its output stays open"
            " until the cause is gone",
            stimulus,
            protection,
            steps=[
                Power(on=False),
                Hold(duration_s=0.5, mark="off"),
                *stimulus.apply,
                Power(on=True, mark="on"),
                Hold(duration_s=wait_s + 2.0 * delay_of(protection).high, mark=TRIPPED),
                *_gone(stimulus, protection),
            ],
            expectations=[
                *(
                    Stays(output=o, is_open=True, begin="off", end=TRIPPED)
                    for o in paths(profile)
                    if o in affected
                ),
                *closes(free, "on", wait_s),
                *_lets_go(profile, stimulus, protection, TRIPPED),
            ],
            begins="off",
        )


def fault_while_starting(profile: Profile, options: Options) -> Iterator[Draft]:
    """Let a cause come at a random moment of a start: its output ends open, and lets go."""
    start = profile.start
    wait_s = start.up_within_s
    for stimulus, protection in one_stimulus_each(profile, options, can_be_there_at_start):
        affected = opened(profile, stimulus.values) | set(protection.opens)
        yield draft_of(
            f"{whose(protection.short, stimulus.target)} comes at a random moment of a start",
            stimulus,
            protection,
            steps=[
                Power(on=True, mark="on"),
                RandomPhase(span_s=wait_s),
                *stimulus.apply,
                Hold(duration_s=wait_s + delay_of(protection).high, mark=_DUE),
                Hold(duration_s=look_s(profile, _WATCHED_S, profile.messages), mark=TRIPPED),
                *_gone(stimulus, protection),
            ],
            expectations=[
                *holds_on(protection, _DUE, TRIPPED),
                *closes((o for o in paths(profile) if o not in affected), "on", wait_s),
                *_lets_go(profile, stimulus, protection, TRIPPED),
            ],
            begins="off",
        )


def _gone(stimulus: Stimulus, protection: Protection) -> list[Step]:
    if protection.recovers is None:
        return []
    wait_s = until_said_s(protection, recovery_time_of(protection))
    return [*stimulus.remove, Hold(duration_s=wait_s)]


def _lets_go(
    profile: Profile, stimulus: Stimulus, protection: Protection, tripped: str
) -> Iterator[Expectation]:
    """What it opened closes once the cause is gone, as after any trip."""
    if protection.recovers is None:
        return
    release = release_of(profile, stimulus, protection, tripped=tripped)
    yield from recovers(protection, release.since, release.time)
    yield from unsays(protection, release.said_since, release.said_time)
