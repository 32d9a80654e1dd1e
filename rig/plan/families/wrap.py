"""Families that go over the wrap of the BMS's timers, which an image for tests brings near.

What compares time stamps fails after 49.7 days, and not a moment earlier (docs/known-defects.md
D96, D97).
"""

from __future__ import annotations

from collections.abc import Iterator

from rig.dut.profile import Balancing, Profile
from rig.dut.resets import Timers
from rig.expectations.balances import Balances
from rig.plan.families.applicable import chosen, delay_of
from rig.plan.families.bleeding import begins_after_rest, bleed_outputs
from rig.plan.families.contactor_requests import close_request, lasts_s
from rig.plan.families.contexts import near_wrap
from rig.plan.families.draft import Draft, Options, family_of
from rig.plan.families.expecting import all_stay, never_ready
from rig.plan.families.provoked import Provoked, at_each
from rig.plan.families.reports import timing
from rig.plan.families.timing import AFTER_S, BY_HARDWARE_S, SETTLED_BEFORE_S, WRAP_WATCHED_S
from rig.plan.stimulus import REMOVED
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.read import Read
from rig.steps.set import Set
from rig.steps.start_periodic import StartPeriodic

_WRAP = ("timers/wrap",)


@family_of("timer wrap", lambda profile: profile.timers, severity="critical")
def timer_wrap(profile: Profile, options: Options, timers: Timers) -> Iterator[Draft]:
    """Go over the wrap at rest, with trips and recoveries pending, and about to balance."""
    yield _at_rest(profile, timers)
    for it in _one_of_each_kind(profile, options):
        yield Draft(
            title=f"{it.short} acts in time over the wrap of the timers",
            parameters={"pending": it.short},
            steps=[*near_wrap(it, timers).steps, *it.tripped()],
            expectations=[*it.trips(), *it.flags_set()],
            severity=it.protection.severity,
            claims=_WRAP,
            precondition="off",
        )
    if profile.balancing is not None:
        yield _rest_before_balancing(profile, timers, profile.balancing)


def _one_of_each_kind(profile: Profile, options: Options) -> Iterator[Provoked]:
    """The slowest protection of each thing that is watched: its kind of timer serves the others."""
    slowest: dict[str, str] = {}
    for name, p in chosen(profile, Options(), lambda p: bool(p.opens or p.flags)):
        if p.watches == "console command" or delay_of(p).high < BY_HARDWARE_S:
            continue
        known = slowest.get(p.watches)
        if known is None or delay_of(profile.protections[known]).high < delay_of(p).high:
            slowest[p.watches] = name
    wanted = {name for name, _ in chosen(profile, options, lambda _: True)}
    yield from (at_each(profile, name)[-1] for name in slowest.values() if name in wanted)


def _at_rest(profile: Profile, timers: Timers) -> Draft:
    """All messages in time, the host heard throughout, nothing opens and nothing is said."""
    periodic = [
        StartPeriodic(message=message, period_s=received.period_s)
        for message, received in (profile.can.receives if profile.can else {}).items()
    ]
    silent = (at_each(profile, name)[0].stays_silent(None, "over") for name in profile.protections)
    # Begun while it runs, so that frames are heard before the wrap whatever comes after it.
    return Draft(
        title="nothing stops, opens or is said when the timers wrap",
        parameters={"pending": "at rest"},
        steps=[*periodic, Hold(duration_s=timers.wrap_after_s + WRAP_WATCHED_S, mark="over")],
        expectations=[
            *(timing(name, claim, None, "over") for name, claim in profile.messages.items()),
            *all_stay(profile, {}, None, "over"),
            *(e for each in silent for e in each),
            *never_ready(profile, None, "over"),
        ],
        claims=_WRAP,
    )


def _rest_before_balancing(profile: Profile, timers: Timers, rules: Balancing) -> Draft:
    """Come to rest just before the wrap: balancing begins in its time, neither before nor never."""
    values = dict.fromkeys(profile.cell_names, rules.above_v + 0.01)
    values[profile.cell_names[0]] = rules.above_v + (rules.spread_v or 0.0) + 0.03
    flowing = -max(2.0, 3.0 * (rules.rest_below_a or 0.0))
    asked = close_request(profile)
    before_s = timers.wrap_after_s - SETTLED_BEFORE_S - lasts_s(asked) - 0.5 * rules.at_rest_s
    return Draft(
        title="balancing begins in time though the timers wrap while it rests",
        parameters={"pending": "rest"},
        steps=[
            Power(on=True, mark="on"),
            Set(values={"current": 0.0}),
            Hold(duration_s=SETTLED_BEFORE_S),
            *asked,
            Set(values={"current": flowing}, mark="flowing"),
            Hold(duration_s=before_s),
            Set(values=values),
            Set(values={"current": profile.nominal_of("current")}, mark=REMOVED),
            Hold(duration_s=rules.at_rest_s + rules.begins_within_s + AFTER_S),
            Read(quantities=bleed_outputs(profile), mark="bled"),
        ],
        expectations=[
            *begins_after_rest(rules, 1, "flowing", REMOVED),
            Balances(cells=(1,), at="bled"),
        ],
        claims=_WRAP,
        precondition="off",
    )
