"""A profile as it stands once settings are changed. Pure; must not know how a setting is written.

With it, everything that a family knows of a claim holds of the changed claim too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rig.dut.profile import Profile, Protection
from rig.dut.settings import Setting
from rig.quantity import Interval, Toleranced

_TELLABLE = 2.4  # two values differ by so many tolerances at least, so that between them is room


def with_settings(profile: Profile, values: Mapping[str, float]) -> Profile:
    """Return the profile with other values of some settings."""
    protections = dict(profile.protections)
    for name, value in values.items():
        setting = _settings(profile)[name]
        protections[setting.of] = _moved(protections[setting.of], setting, value)
    return profile.model_copy(update={"protections": protections})


def factory_value(profile: Profile, name: str) -> float:
    """Give a setting's factory value: what its protection claims."""
    setting = _settings(profile)[name]
    protection = profile.protections[setting.of]
    if setting.parameter == "delay":
        delay: Interval = _given(protection.delay, name)
        return _nominal(delay)
    return _level(protection, setting, name).value


def other_values(profile: Profile, name: str) -> tuple[float, float]:
    """Give two legal values that can be told from the factory's: a stricter and a laxer one.

    Stricter is a threshold sooner met, a recovery level later met, a shorter delay. Where there
    is none on one side, both lie on the other.
    """
    setting = _settings(profile)[name]
    if setting.values_s:
        return _other_delays(profile, name, setting)
    strict, lax = _ends(profile, setting)
    return _between(profile, name, strict), _between(profile, name, lax)


def _settings(profile: Profile) -> Mapping[str, Setting]:
    return profile.settings.each if profile.settings else {}


def _given(claim: Any, name: str) -> Any:
    if claim is None:
        raise ValueError(f"{name} moves what its protection does not claim")
    return claim


def _level(protection: Protection, setting: Setting, name: str) -> Toleranced:
    recovers = protection.recovers
    level = (
        protection.threshold if setting.parameter == "threshold" else recovers and recovers.level
    )
    found: Toleranced = _given(level, name)
    return found


def _moved(protection: Protection, setting: Setting, value: float) -> Protection:
    if setting.parameter == "threshold":
        threshold = _shifted(_given(protection.threshold, setting.of), value)
        return protection.model_copy(update={"threshold": threshold})
    recovers = protection.recovers
    if setting.parameter == "recovery level" and recovers is not None:
        key = "below" if recovers.below is not None else "above"
        level = _shifted(_given(recovers.level, setting.of), value)
        return protection.model_copy(update={"recovers": recovers.model_copy(update={key: level})})
    delay: Interval = _given(protection.delay, setting.of)
    factor = value / _nominal(delay)
    moved = Interval(delay.low * factor, delay.high * factor, delay.unit, value)
    return protection.model_copy(update={"delay": moved})


def _nominal(delay: Interval) -> float:
    return delay.nominal if delay.nominal is not None else 0.5 * (delay.low + delay.high)


def _shifted(level: Toleranced, value: float) -> Toleranced:
    return Toleranced(value, level.tolerance, level.unit)


def _other_delays(profile: Profile, name: str, setting: Setting) -> tuple[float, float]:
    factory = factory_value(profile, name)
    others = sorted(value for value in setting.values_s if value != factory)
    return others[0], others[-1]


def _ends(profile: Profile, setting: Setting) -> tuple[float, float]:
    """How far the stricter and the laxer value may lie: the range, short of its counterpart."""
    within = setting.within
    if setting.parameter == "delay":
        return within.low, within.high
    protection = profile.protections[setting.of]
    above = protection.direction == "above"
    low, high = _short_of_partner(protection, setting)
    return (low, high) if above else (high, low)


def _short_of_partner(protection: Protection, setting: Setting) -> tuple[float, float]:
    """Clip a range where trip and recovery level would meet."""
    release = protection.recovers.level if protection.recovers else None
    partner = release if setting.parameter == "threshold" else protection.threshold
    low, high = setting.within.low, setting.within.high
    if partner is None:
        return low, high
    partner_is_below = (setting.parameter == "threshold") == (protection.direction == "above")
    return (max(low, partner.value), high) if partner_is_below else (low, min(high, partner.value))


def _between(profile: Profile, name: str, end: float) -> float:
    """Value two fifths of the way to an end; farther where it could not be told otherwise."""
    setting = _settings(profile)[name]
    factory = factory_value(profile, name)
    span = end - factory
    part = 0.4
    if setting.parameter != "delay" and span:
        tolerance = _level(profile.protections[setting.of], setting, name).tolerance
        part = min(max(part, _TELLABLE * tolerance / abs(span)), 0.9)
    return round(factory + part * span, setting.decimals)
