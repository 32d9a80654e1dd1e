"""Families about the CAN bus itself: broken or shorted for a while, at rest and during a violation.

The BMS goes on protecting, does not reset, and is heard again in its time. That the bus was whole
again is shown by the rig's own frames: a partner is there from the repair on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rig.can_address import MessageAddress
from rig.dut.profile import Profile, Protection
from rig.expectations import Expectation
from rig.expectations.console_never_says import ConsoleNeverSays
from rig.expectations.console_says import ConsoleSays
from rig.expectations.message_comes import MessageComes
from rig.expectations.stays import Stays
from rig.expectations.trips import Trips
from rig.instants import Mark
from rig.plan.families.choosing import chosen, delay_of
from rig.plan.families.draft import AFTER_S, Draft, Options, phase_s
from rig.plan.families.expecting import closes, trips
from rig.plan.families.partner import Watched, watched_messages
from rig.plan.families.reports import timing
from rig.plan.stimulus import Stimulus, stimuli
from rig.quantities import CELL
from rig.quantity import format
from rig.steps import Step
from rig.steps.fault import Fault
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.random_phase import RandomPhase

CAN_BUS = "can bus"  # the link's name in every profile that has one
_BROKEN, _MENDED, _SETTLED = "broken", "mended", "settled"
_BRIEF_S, _LONG_S = 1.0, 10.0
_WATCHED_S = 2.0  # after the bus has settled: periods, counters and checksums are as ever
_BOUNCES = 6
_BOUNCE_S = 0.05


def bus_fault(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """Break and short the bus: brief, long with a violation meanwhile, bouncing, at the start."""
    link = profile.links.get(CAN_BUS)
    if link is None or profile.can is None or profile.can.back_within_s is None:
        return
    partners = list(watched_messages(profile, Options()))  # the bus is everybody's
    missed_meanwhile = any(p.is_at_home for p in partners)
    for kind in link.faults:
        yield _brief(profile, partners, kind)
        yield _long(profile, partners, kind)
        if not missed_meanwhile:  # how many of its frames get through is anybody's guess
            yield _bouncing(profile, partners, kind)
        if profile.supply is not None and profile.console is not None:
            yield _at_start(profile, partners, kind)


# ---- the cases ----------------------------------------------------------------------------------
def _brief(profile: Profile, partners: Sequence[Watched], kind: str) -> Draft:
    """No partner is missed, so nothing may happen but silence."""
    # Before and after it, a node in bus-off and the partner's period take their time too.
    at_home = [0.25 * p.delay.low for p in partners if p.is_at_home]
    brief_s = min([_BRIEF_S, *at_home])
    return _draft(
        profile,
        f"the bus {_said(kind)} for {format(brief_s, 's')}: silence, and nothing else",
        (kind, "brief"),
        [
            RandomPhase(span_s=phase_s(profile)),
            _fault(kind, _BROKEN),
            Hold(duration_s=brief_s),
            *_mend(profile, partners, kind),
        ],
        [*_all_closed(profile), *_heard_again(profile), *_never_starts(profile)],
    )


def _long(profile: Profile, partners: Sequence[Watched], kind: str) -> Draft:
    """A partner is missed, as promised, and another protection acts as if nothing were."""
    violation = _violation(profile, partners)
    steps: list[Step] = [Hold(duration_s=_LONG_S)]
    acts: list[Expectation] = []
    opened = {output for p in partners for output in _opened_without(profile, p)}
    if violation is not None:
        stimulus, protection = violation
        late_s = delay_of(protection).high + AFTER_S
        steps = [
            Hold(duration_s=0.3 * _LONG_S),
            *stimulus.apply,
            Hold(duration_s=late_s),
            *stimulus.remove,
            Hold(duration_s=0.7 * _LONG_S - late_s),
        ]
        acts = list(trips(stimulus, protection))
        opened |= set(protection.opens)
    return _draft(
        profile,
        f"the bus {_said(kind)} for {format(_LONG_S, 's')}: it goes on protecting",
        (kind, "long"),
        [
            *(p.traffic() for p in partners),
            Hold(duration_s=1.0),
            RandomPhase(span_s=phase_s(profile)),
            _fault(kind, _BROKEN),
            *steps,
            *_mend(profile, partners, kind),
        ],
        [
            *acts,
            *(e for p in partners for e in _missed(profile, p)),
            *(e for e in _all_closed(profile) if e.output not in opened),
            *_heard_again(profile),
            *_never_starts(profile),
        ],
    )


def _bouncing(profile: Profile, partners: Sequence[Watched], kind: str) -> Draft:
    bounces: list[Step] = []
    for _ in range(_BOUNCES):
        bounces += [
            _fault(kind),
            Hold(duration_s=_BOUNCE_S),
            _repair(kind),
            RandomPhase(span_s=0.1),
        ]
    return _draft(
        profile,
        f"the bus {_said(kind)} {_BOUNCES + 1} times in a row",
        (kind, "bouncing"),
        [
            RandomPhase(span_s=phase_s(profile)),
            *bounces,
            _fault(kind, _BROKEN),
            Hold(duration_s=_BOUNCE_S),
            *_mend(profile, partners, kind),
        ],
        [*_all_closed(profile), *_heard_again(profile), *_never_starts(profile)],
    )


def _at_start(profile: Profile, partners: Sequence[Watched], kind: str) -> Draft:
    """Started with a bus that is down it gets ready all the same."""
    start, on = profile.start, Mark(mark="on")
    wait_s = start.up_within_s
    ready = profile.console.ready if profile.console else ""
    return _draft(
        profile,
        f"started with the bus {_said(kind)}, it gets ready all the same",
        (kind, "at start"),
        [
            Power(on=False),
            _fault(kind, _BROKEN),
            Hold(duration_s=0.5),
            RandomPhase(span_s=phase_s(profile)),
            Power(on=True, mark="on"),
            Hold(duration_s=wait_s + 1.0, mark="waited"),
            *_mend(profile, partners, kind),
        ],
        [
            ConsoleSays(pattern=ready, since=on, high_s=start.ready_within_s),
            *closes(profile.closes_at_start, "on", wait_s),
            *_heard_again(profile),
            ConsoleNeverSays(pattern=ready, begin="waited"),
        ],
    )


# ---- their parts --------------------------------------------------------------------------------
def _said(kind: str) -> str:
    return "broken" if kind == "open" else "shorted"


def _fault(kind: str, mark: str | None = None) -> Fault:
    return Fault(fault="open" if kind == "open" else "short", target=CAN_BUS, mark=mark)


def _repair(kind: str, mark: str | None = None) -> Fault:
    return Fault(
        fault="open" if kind == "open" else "short", target=CAN_BUS, present=False, mark=mark
    )


def _mend(profile: Profile, partners: Sequence[Watched], kind: str) -> list[Step]:
    """Mend it, with a partner from then on, and watch it for some time."""
    return [
        _repair(kind, _MENDED),
        *(p.traffic() for p in partners),
        Hold(duration_s=_back_s(profile) + 0.5, mark=_SETTLED),
        Hold(duration_s=_WATCHED_S),
    ]


def _back_s(profile: Profile) -> float:
    return (profile.can.back_within_s if profile.can else None) or 0.0


def _heard_again(profile: Profile) -> Iterator[Expectation]:
    """Each periodic message is back in time, and then as it ever was."""
    for name, promise in profile.messages.items():
        period = promise.period
        yield MessageComes(
            message=MessageAddress(name),
            since=Mark(mark=_MENDED),
            high_s=_back_s(profile) + period.value + period.tolerance,
        )
        if promise.crc is not None:
            yield timing(name, promise, _SETTLED)


def _never_starts(profile: Profile) -> Iterator[Expectation]:
    if profile.console is not None:
        yield ConsoleNeverSays(pattern=profile.console.ready)


def _all_closed(profile: Profile) -> Iterator[Stays]:
    yield from (Stays(output=output, is_open=False) for output in profile.start.closes)


def _opened_without(profile: Profile, partner: Watched) -> tuple[str, ...]:
    """Outputs that open when it is missed; contactors do so for good."""
    contactors = profile.contactors
    drops = contactors is not None and partner.name in contactors.opened_by
    return (*partner.protection.opens, *((contactors.main,) if contactors and drops else ()))


def _missed(profile: Profile, partner: Watched) -> Iterator[Expectation]:
    """Its last frame came up to a period before the bus broke."""
    delay = partner.delay
    for output in _opened_without(profile, partner):
        yield Trips(
            output=output,
            since=Mark(mark=_BROKEN),
            low_s=delay.low - 1.5 * partner.period_s,
            high_s=delay.high + AFTER_S,
        )
    # No sooner than that is no demand: frames that waited in the adapter come at once.
    back_s = _back_s(profile) + partner.back.high + partner.period_s
    yield from closes(partner.protection.opens, _MENDED, back_s)


def _violation(profile: Profile, partners: Sequence[Watched]) -> tuple[Stimulus, Protection] | None:
    """Find a protection that acts upon another output than a missing partner does.

    Where outputs close by request a fault opens them all, so there is none.
    """
    if any(p.is_at_home for p in partners):
        return None
    taken = {output for p in partners for output in p.protection.opens}
    for name, protection in chosen(profile, Options(), lambda p: p.kind is CELL):
        if protection.opens and not taken & set(protection.opens):
            return stimuli(profile, name)[0], protection
    return None


def _draft(
    profile: Profile,
    title: str,
    how: tuple[str, str],
    steps: Sequence[Step],
    expectations: Sequence[Expectation],
) -> Draft:
    kind, when = how
    return Draft(
        title=title,
        protection=None,
        parameters={"fault": kind, "when": when},
        steps=steps,
        expectations=expectations,
        severity="critical",
        traces_to=profile.can.traces_to if profile.can else (),
    )
