"""Families that go over the wrap of the BMS's timers, which an image for tests brings near.

What compares time stamps fails after 49.7 days, and not a moment earlier (docs/known-defects.md
D96, D97).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rig.case import Begins
from rig.dut.profile import Profile, Protection
from rig.expectations import Expectation
from rig.expectations.balances import Balances
from rig.expectations.console_never_says import ConsoleNeverSays
from rig.plan.families.balancing import begins_after_rest, bleed_outputs
from rig.plan.families.choosing import chosen, delay_of
from rig.plan.families.draft import AFTER_S, Draft, Options
from rig.plan.families.expecting import all_stay, says, stays_silent, trips, until_said_s
from rig.plan.families.reports import timing
from rig.plan.families.requesting import asked_to_close, lasts_s
from rig.plan.stimulus import REMOVED, Stimulus, home, stimuli
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.read import Read
from rig.steps.set import Set
from rig.steps.start_periodic import StartPeriodic

_BY_HARDWARE_S = 0.01  # a delay so short is no timer's, and a record so long too coarse for it
_AFTER_S = 6.0  # watched beyond the wrap


def timer_wrap(profile: Profile, options: Options) -> Iterator[Draft]:
    """Go over the wrap at rest, with trips and recoveries pending, and about to balance."""
    if profile.timers is None:
        return
    yield _at_rest(profile)
    for name, protection in _one_of_each_kind(profile, options):
        yield _pending(profile, name, protection)
    if profile.balancing is not None:
        yield _rest_before_balancing(profile)


def _one_of_each_kind(profile: Profile, options: Options) -> Iterator[tuple[str, Protection]]:
    """The slowest protection of each thing that is watched: its kind of timer serves the others."""
    slowest: dict[str, tuple[str, Protection]] = {}
    for name, p in chosen(profile, Options(), lambda p: bool(p.opens or p.says)):
        if p.watches == "console command" or delay_of(p).high < _BY_HARDWARE_S:
            continue
        known = slowest.get(p.watches)
        if known is None or delay_of(known[1]).high < delay_of(p).high:
            slowest[p.watches] = name, p
    wanted = {name for name, _ in chosen(profile, options, lambda _: True)}
    yield from (found for found in slowest.values() if found[0] in wanted)


def _wrap_s(profile: Profile) -> float:
    return profile.timers.wrap_after_s if profile.timers else 0.0


def _started(profile: Profile, until_s: float, asked: Sequence[Step] = ()) -> list[Step]:
    """Start it, ask what is to be asked once it is ready, wait until so long before the wrap."""
    before: list[Step] = [Hold(duration_s=profile.start.ready_within_s), *asked] if asked else []
    left_s = _wrap_s(profile) - until_s - lasts_s(before)
    return [Power(on=True, mark="on"), *before, Hold(duration_s=left_s, mark="near")]


def _at_rest(profile: Profile) -> Draft:
    """All messages in time, the host heard throughout, nothing opens and nothing is said."""
    traffic = [
        StartPeriodic(message=message, period_s=received.period_s)
        for message, received in (profile.can.receives if profile.can else {}).items()
    ]
    # Begun while it runs, so that frames are heard before the wrap whatever comes after it.
    begin, end = None, "over"
    expected: list[Expectation] = [
        *(timing(name, promise, begin, end) for name, promise in profile.messages.items()),
        *all_stay(profile, {}, begin, end),
        *(e for p in profile.protections.values() for e in stays_silent(p, begin, end)),
    ]
    if profile.console is not None:
        expected.append(ConsoleNeverSays(pattern=profile.console.ready, begin=begin, end=end))
    return _draft(
        profile,
        "nothing stops, opens or is said when the timers wrap",
        "at rest",
        [*traffic, Hold(duration_s=_wrap_s(profile) + _AFTER_S, mark="over")],
        expected,
        begins="ready",
    )


def _pending(profile: Profile, name: str, protection: Protection) -> Draft:
    """A trip is pending at the wrap: it comes in time."""
    stimulus = stimuli(profile, name)[-1]
    lead_s = 0.5 * delay_of(protection).high + _lead_s(profile, stimulus)
    latest_s = until_said_s(protection, delay_of(protection))
    asked = asked_to_close(profile) if protection.unit == "A" else []
    return _draft(
        profile,
        f"{protection.short} acts in time over the wrap of the timers",
        protection.short,
        [*_started(profile, lead_s, asked), *stimulus.apply, Hold(duration_s=latest_s)],
        [*trips(stimulus, protection), *says(stimulus, protection)],
        protection.severity,
    )


def _lead_s(profile: Profile, stimulus: Stimulus) -> float:
    """Time that the stimulus itself takes before its delay begins: frames that are sent first."""
    protection = profile.protections[stimulus.protection]
    if protection.watches != "host message" or profile.can is None or protection.message is None:
        return 0.0
    return 5 * profile.can.receives[protection.message].period_s


def _rest_before_balancing(profile: Profile) -> Draft:
    """Come to rest just before the wrap: balancing begins in its time, neither before nor never."""
    rules = profile.balancing
    assert rules is not None  # noqa: S101 -- the family asked
    values = dict.fromkeys(profile.cell_names, rules.above_v + 0.01)
    values[profile.cell_names[0]] = rules.above_v + (rules.spread_v or 0.0) + 0.03
    flowing = -max(2.0, 3.0 * (rules.rest_below_a or 0.0))
    asked = asked_to_close(profile)
    return _draft(
        profile,
        "balancing begins in time though the timers wrap while it rests",
        "rest",
        [
            Power(on=True, mark="on"),
            Set(values={"current": 0.0}),
            Hold(duration_s=3.0),
            *asked,
            Set(values={"current": flowing}, mark="flowing"),
            Hold(duration_s=_wrap_s(profile) - 3.0 - lasts_s(asked) - 0.5 * rules.at_rest_s),
            Set(values=values),
            Set(values={"current": home(profile, "current")}, mark=REMOVED),
            Hold(duration_s=rules.at_rest_s + rules.begins_within_s + AFTER_S),
            Read(quantities=bleed_outputs(profile), mark="bled"),
        ],
        [*begins_after_rest(rules, 1, "flowing", REMOVED), Balances(cells=(1,), at="bled")],
    )


def _draft(  # noqa: PLR0913, PLR0917 -- the parts of a case
    profile: Profile,
    title: str,
    what: str,
    steps: list[Step],
    expectations: list[Expectation],
    severity: str = "critical",
    begins: Begins = "off",
) -> Draft:
    return Draft(
        title=title,
        protection=None,
        parameters={"pending": what},
        steps=steps,
        expectations=expectations,
        severity=severity,
        traces_to=profile.timers.traces_to if profile.timers else (),
        claims=("timers/wrap",),
        begins=begins,
    )
