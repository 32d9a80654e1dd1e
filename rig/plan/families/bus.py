"""Families about the CAN bus itself: broken or shorted for a while, at rest and during a violation.

The BMS goes on protecting, does not reset, and is heard again in its time. That the bus was whole
again is shown by the rig's own frames, sent from the repair on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rig.can_address import MessageAddress
from rig.dut.profile import Can, Profile
from rig.expectations import Expectation
from rig.expectations.message_comes import MessageComes
from rig.expectations.stays import Stays
from rig.expectations.trips import Trips
from rig.plan.families.applicable import chosen
from rig.plan.families.draft import Draft, Options, Part, family_of, random_phase
from rig.plan.families.expecting import closes, never_ready, says_ready, stay
from rig.plan.families.provoked import Provoked, at_each
from rig.plan.families.reports import timing
from rig.plan.families.rest_bus import Watched, watched_messages
from rig.plan.families.timing import (
    AFTER_S,
    BUS_BOUNCE_S,
    BUS_BRIEF_S,
    BUS_LONG_S,
    BUS_WATCHED_S,
    OFF_S,
)
from rig.quantities import CELL
from rig.quantity import format
from rig.steps import Step
from rig.steps.fault import Fault
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.random_phase import RandomPhase
from rig.time_reference import Mark

CAN_BUS = "can bus"  # the link's name in every profile that has one
_BROKEN, _MENDED, _SETTLED = "broken", "mended", "settled"
_BOUNCES = 6


@family_of("bus fault", lambda profile: profile.can, severity="critical")
def bus_fault(profile: Profile, options: Options, can: Can) -> Iterator[Draft]:  # noqa: ARG001
    """Break and short the bus: brief, long with a violation meanwhile, bouncing, at the start."""
    link = profile.links.get(CAN_BUS)
    if link is None or can.back_within_s is None:
        return
    partners = list(watched_messages(profile, Options()))  # the bus is everybody's
    missed_meanwhile = any(p.is_at_home for p in partners)
    for kind in link.faults:
        bus = _Bus(profile, partners, kind, can.back_within_s)
        yield bus.brief()
        yield bus.long()
        if not missed_meanwhile:  # how many of its frames get through is anybody's guess
            yield bus.bouncing()
        if profile.supply is not None and profile.console is not None:
            yield bus.at_start()


@dataclass(frozen=True, slots=True)
class _Bus:
    """A bus that is broken, or shorted, and those that are missed on it."""

    profile: Profile
    partners: list[Watched]
    kind: Literal["open", "short"]
    back_s: float  # after it is whole

    # ---- the cases ------------------------------------------------------------------------------
    def brief(self) -> Draft:
        """No message is missed, so nothing may happen but silence."""
        # Before and after it, a node in bus-off and the host's period take their time too.
        at_nominal = [0.25 * p.delay.low for p in self.partners if p.is_at_home]
        brief_s = min([BUS_BRIEF_S, *at_nominal])
        steps = [random_phase(self.profile), self.broken(_BROKEN), Hold(duration_s=brief_s)]
        return self.draft(
            f"the bus {self.said} for {format(brief_s, 's')}: silence, and nothing else",
            "brief",
            Part([*steps, *self.mended()], self.nothing_else(set())),
        )

    def long(self) -> Draft:
        """A message is missed, as claimed, and another protection acts as if nothing were."""
        its, opened = _violation(self.profile, self.partners), set[str]()
        part = Part([Hold(duration_s=BUS_LONG_S)])
        if its is not None:
            late_s, opened = its.delay.high + AFTER_S, set(its.opens)
            part = Part(
                [
                    Hold(duration_s=0.3 * BUS_LONG_S),
                    *its.stimulus.apply,
                    Hold(duration_s=late_s),
                    *its.stimulus.remove,
                    Hold(duration_s=0.7 * BUS_LONG_S - late_s),
                ],
                list(its.trips()),
            )
        opened |= {output for p in self.partners for output in _opened_without(p)}
        return self.draft(
            f"the bus {self.said} for {format(BUS_LONG_S, 's')}: it goes on protecting",
            "long",
            Part(
                [
                    *(p.periodic() for p in self.partners),
                    Hold(duration_s=1.0),
                    random_phase(self.profile),
                    self.broken(_BROKEN),
                    *part.steps,
                    *self.mended(),
                ],
                [
                    *part.expectations,
                    *(e for p in self.partners for e in self.missed(p)),
                    *self.nothing_else(opened),
                ],
            ),
        )

    def bouncing(self) -> Draft:
        """Contacts that bounce."""
        hold, wait = Hold(duration_s=BUS_BOUNCE_S), RandomPhase(span_s=0.1)
        bounces = [self.broken(), hold, self.whole(), wait] * _BOUNCES
        steps = [random_phase(self.profile), *bounces, self.broken(_BROKEN), hold]
        return self.draft(
            f"the bus {self.said} {_BOUNCES + 1} times in a row",
            "bouncing",
            Part([*steps, *self.mended()], self.nothing_else(set())),
        )

    def at_start(self) -> Draft:
        """Started with a bus that is down it gets ready all the same."""
        start = self.profile.start
        return self.draft(
            f"started with the bus {self.said}, it gets ready all the same",
            "at start",
            Part(
                [
                    Power(on=False),
                    self.broken(_BROKEN),
                    Hold(duration_s=OFF_S),
                    random_phase(self.profile),
                    Power(on=True, mark="on"),
                    Hold(duration_s=start.up_within_s + 1.0, mark="waited"),
                    *self.mended(),
                ],
                [
                    *says_ready(self.profile, "on", start.ready_within_s),
                    *closes(self.profile.closes_at_start, "on", start.up_within_s),
                    *self.heard_again(),
                    *never_ready(self.profile, "waited"),
                ],
            ),
        )

    # ---- their parts ----------------------------------------------------------------------------
    @property
    def said(self) -> str:
        return "broken" if self.kind == "open" else "shorted"

    def broken(self, mark: str | None = None, *, present: bool = True) -> Fault:
        return Fault(fault=self.kind, target=CAN_BUS, present=present, mark=mark)

    def whole(self, mark: str | None = None) -> Fault:
        return self.broken(mark, present=False)

    def mended(self) -> list[Step]:
        """Mend it, with a host from then on, and watch it for some time."""
        return [
            self.whole(_MENDED),
            *(p.periodic() for p in self.partners),
            Hold(duration_s=self.back_s + 0.5, mark=_SETTLED),
            Hold(duration_s=BUS_WATCHED_S),
        ]

    def nothing_else(self, opened: set[str]) -> list[Expectation]:
        """The other outputs stay, it is heard again, and does not start."""
        closed: list[Stays] = [*stay(self.profile.start.closes, is_open=False)]
        kept = (stays for stays in closed if stays.output not in opened)
        return [*kept, *self.heard_again(), *never_ready(self.profile)]

    def heard_again(self) -> Iterator[Expectation]:
        """Each periodic message is back in time, and then as it ever was."""
        for name, claim in self.profile.messages.items():
            yield MessageComes(
                message=MessageAddress(name),
                since=Mark(mark=_MENDED),
                high_s=self.back_s + claim.period.value + claim.period.tolerance,
            )
            if claim.crc is not None:
                yield timing(name, claim, _SETTLED)

    def missed(self, partner: Watched) -> Iterator[Expectation]:
        """Its last frame came up to a period before the bus broke."""
        since, period_s = Mark(mark=_BROKEN), partner.period_s
        low_s, high_s = partner.delay.low - 1.5 * period_s, partner.delay.high + AFTER_S
        for output in _opened_without(partner):
            yield Trips(output=output, since=since, low_s=low_s, high_s=high_s)
        # No sooner than that is no demand: frames that waited in the adapter come at once.
        yield from closes(partner.opens, _MENDED, self.back_s + partner.back.high + period_s)

    def draft(self, title: str, when: str, part: Part) -> Draft:
        return Draft(
            title=title,
            parameters={"fault": self.kind, "when": when},
            steps=part.steps,
            expectations=part.expectations,
        )


def _opened_without(partner: Watched) -> tuple[str, ...]:
    """Outputs that open when it is missed; contactors do so for good."""
    contactors = partner.profile.contactors
    drops = contactors is not None and partner.name in contactors.opened_by
    return (*partner.opens, *((contactors.main,) if contactors and drops else ()))


def _violation(profile: Profile, partners: list[Watched]) -> Provoked | None:
    """Find a protection that acts upon another output than a missing message does.

    Where outputs close by request a fault opens them all, so there is none.
    """
    if any(p.is_at_home for p in partners):
        return None
    taken = {output for p in partners for output in p.opens}
    for name, protection in chosen(profile, Options(), lambda p: p.kind is CELL):
        if protection.opens and not taken & set(protection.opens):
            return at_each(profile, name)[0]
    return None
