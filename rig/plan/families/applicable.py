"""Which protections a family can test, how, and what time they are claimed to take."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rig.dut.profile import Profile, Protection
from rig.plan.families.draft import Options
from rig.plan.families.timing import NO_DELAY_S, NO_RECOVERY_S, SLOW_ENOUGH_S
from rig.plan.stimulus import just_inside, opened
from rig.quantities import CURRENT
from rig.quantity import Interval

_PERIODS = 2.5  # of a message that is looked at: two frames of it surely come
_AT_A_WIRE = ("sense wire", "sensor open", "sensor short", "link")


def chosen(
    profile: Profile, options: Options, only: Callable[[Protection], bool]
) -> Iterable[tuple[str, Protection]]:
    """The protections that the options ask for and `only` accepts."""
    for name, protection in profile.protections.items():
        if options.protections is not None and name not in options.protections:
            continue
        if only(protection):
            yield name, protection


def slowest_s(profile: Profile, messages: Iterable[str]) -> float:
    """Longest claimed period of these messages; 0 where none is claimed."""
    claimed = (profile.messages[name] for name in messages if name in profile.messages)
    return max((claim.period.value for claim in claimed), default=0.0)


def look_s(
    profile: Profile, least_s: float, messages: Iterable[str], *, periods: float = _PERIODS
) -> float:
    """How long to look at what these messages say: some periods of the slowest, or `least_s`."""
    return max(least_s, periods * slowest_s(profile, messages))


def has_threshold(protection: Protection) -> bool:
    """Whether it acts at a level."""
    return protection.threshold is not None


def has_level(protection: Protection) -> bool:
    """Whether it acts at a level that one quantity alone can approach."""
    return has_threshold(protection) and not protection.is_of_spread


def is_slow(protection: Protection) -> bool:
    """Whether its delay is long enough to come back within it."""
    return has_level(protection) and delay_of(protection).low >= SLOW_ENOUGH_S


def is_findable(profile: Profile) -> Callable[[Protection], bool]:
    """A ramp finds a threshold only where no earlier stage acts on the way to it."""

    def test(protection: Protection) -> bool:
        if not has_level(protection) or not protection.opens:
            return False
        target = protection.quantities(profile)[0]
        return protection.opens[0] not in opened(profile, {target: just_inside(protection)})

    return test


def recovers_by_itself(protection: Protection) -> bool:
    """Whether it lets go once its cause is gone, and shows it."""
    return protection.recovers is not None and bool(protection.opens or protection.flags)


def recovers_by_level(protection: Protection) -> bool:
    """Whether it lets go once a level is passed the other way."""
    return recovers_by_itself(protection) and protection.recovery_level is not None


def recovers_at_an_output(protection: Protection) -> bool:
    """Whether an output closes once one quantity passes a level the other way."""
    return has_level(protection) and bool(protection.opens) and recovers_by_level(protection)


def can_be_there_at_start(protection: Protection) -> bool:
    """Whether its cause can be there before the BMS is powered, on any bench."""
    quiet = protection.watches in _AT_A_WIRE or (
        has_level(protection) and protection.kind is not CURRENT
    )
    return bool(protection.opens) and quiet


def delay_of(protection: Protection) -> Interval:
    """Time from the cause to the output."""
    return protection.delay or Interval(0.0, NO_DELAY_S, "s")


def recovery_time_of(protection: Protection) -> Interval:
    """Time that a recovery takes; where none is claimed, it must come within some seconds."""
    after = protection.recovers.after if protection.recovers else None
    return after or Interval(0.0, NO_RECOVERY_S, "s")
