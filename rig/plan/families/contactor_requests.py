"""How contactors are asked to close. Must not say what is expected of it."""

from __future__ import annotations

from collections.abc import Iterable

from rig.dut.contactors import Contactors
from rig.dut.profile import Profile
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.start_periodic import StartPeriodic

SPOKEN = 3  # frames of its host, after which it has surely heard one


def periodic_request(
    profile: Profile, contactors: Contactors, request: int, mark: str | None = None
) -> StartPeriodic:
    """Have the host say this from now on."""
    asked = contactors.request
    period_s = profile.can.receives[asked.message].period_s if profile.can else 0.0
    signals = {asked.signal: float(request)}
    return StartPeriodic(message=asked.message, signals=signals, period_s=period_s, mark=mark)


def no_request(profile: Profile, contactors: Contactors) -> list[Step]:
    """Have the host ask for nothing: a request is new only behind something else."""
    silent = periodic_request(profile, contactors, contactors.request.none)
    return [silent, Hold(duration_s=SPOKEN * silent.period_s)]


def close_request(profile: Profile) -> list[Step]:
    """Ask it once it is ready after a start, so that current can flow; no steps if nobody has to.

    Closed they are at the end of the last step.
    """
    contactors = profile.contactors
    if contactors is None:
        return []
    return [
        *no_request(profile, contactors),
        periodic_request(profile, contactors, contactors.request.close),
        Hold(duration_s=profile.start.closed_within_s),
    ]


def all_talk(profile: Profile) -> list[StartPeriodic]:
    """Have the BMS's partners say everything that it receives, each message at its period."""
    receives = profile.can.receives if profile.can else {}
    return [StartPeriodic(message=m, period_s=its.period_s) for m, its in receives.items()]


def lasts_s(steps: Iterable[Step]) -> float:
    """How long these steps hold."""
    return sum(step.duration_s for step in steps if isinstance(step, Hold))
