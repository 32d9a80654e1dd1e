"""Families about power-up: healthy, and with a cause already there."""

from __future__ import annotations

from collections.abc import Iterator

from rig.dut.profile import Profile
from rig.plan.case import ConsoleSays, Dither, Expectation, Hold, Mark, Power, Recovers, Stays
from rig.plan.families.choosing import can_be_there_at_start, delay_of, each_stimulus
from rig.plan.families.draft import AFTER_S, DITHER_S, Draft, Options, draft_of, whose
from rig.plan.stimulus import opened, paths
from rig.quantity import format


def power_up(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """Start it: open until it is ready, then closed in time."""
    start = profile.start
    if profile.supply is None:
        return
    ready_s, closed_s = start.ready_within_s, start.closed_within_s
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
            Dither(span_s=DITHER_S, mark="before"),
            Power(on=True, mark="on"),
            Hold(duration_s=ready_s + closed_s + AFTER_S),
        ],
        expectations=[
            *said,
            *(Stays(output=o, is_open=True, begin="before", end="on") for o in start.closes),
            *(
                Recovers(output=o, since=Mark(mark="on"), low_s=0.0, high_s=ready_s + closed_s)
                for o in start.closes
            ),
        ],
        severity="critical",
        traces_to=start.traces_to,
        begins="off",
    )


def start_with_fault(profile: Profile, options: Options) -> Iterator[Draft]:
    """Start it with a cause present: the output that it opens never closes."""
    if profile.supply is None:
        return
    start = profile.start
    wait_s = start.ready_within_s + start.closed_within_s
    for stimulus, protection in each_stimulus(profile, options, only=can_be_there_at_start):
        affected = opened(profile, stimulus.values) | set(protection.opens)
        free = [o for o in paths(profile) if o not in affected]
        on = Mark(mark="on")
        yield draft_of(
            f"started with {whose(stimulus.protection, stimulus.target)} its output never closes",
            stimulus,
            protection,
            steps=[
                Power(on=False),
                Hold(duration_s=0.5, mark="off"),
                *stimulus.apply,
                Power(on=True, mark="on"),
                Hold(duration_s=wait_s + 2.0 * delay_of(protection).high, mark="waited"),
            ],
            expectations=[
                *(
                    Stays(output=o, is_open=True, begin="off", end="waited")
                    for o in paths(profile)
                    if o in affected
                ),
                *(Recovers(output=o, since=on, low_s=0.0, high_s=wait_s) for o in free),
            ],
            begins="off",
        )
