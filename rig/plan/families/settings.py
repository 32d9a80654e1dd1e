"""Families about settings: each one moves its own figure and no other, and is kept.

They go by what the profile promises once a setting is changed (`rig.plan.as_set`), so that a
protection with other settings is tested as any other. A case may leave settings as it likes: the
next one's home restores them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from rig.dut.profile import Profile
from rig.dut.settings import Loss, Setting, Settings
from rig.expectations import Expectation
from rig.expectations.console_says import ConsoleSays
from rig.instants import Crossing, Mark
from rig.plan.as_set import as_set, factory_value, other_values
from rig.plan.families.asking import Talk, until_closed, until_ready
from rig.plan.families.draft import Draft, Options, family_of, setting
from rig.plan.families.expecting import becomes, closes, stay
from rig.plan.families.provoked import Provoked, at_each
from rig.plan.families.resetting import power_cycle, reset_by
from rig.plan.families.timing import (
    ACKNOWLEDGED_S,
    BRIEFLY_OFF_S,
    CUT_SPAN_S,
    LEAD_S,
    LONGER,
    START_SPAN_S,
)
from rig.plan.stimulus import APPLIED, home, just_inside, paths
from rig.quantities import CELL, CURRENT, SUPPLY, TEMPERATURE, Kind, kind_of
from rig.quantity import Interval, format
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.random_phase import RandomPhase
from rig.steps.set import Set
from rig.steps.type_line import Type

_CUTS = 10


def _promised(profile: Profile) -> Settings | None:
    return profile.settings


@family_of("settings", _promised, severity="critical")
def settings(profile: Profile, options: Options, promised: Settings) -> Iterator[Draft]:  # noqa: ARG001
    """Change each setting: its protection acts by the new value and no longer by the old one."""
    for name, one in promised.each.items():
        if one.moves == "threshold":
            yield _threshold(profile, name, one)
        elif one.moves == "recovery level":
            yield _recovery_level(profile, name, one)
        else:
            for value in dict.fromkeys(other_values(profile, name)):
                yield _delay(profile, name, one, value)


def _threshold(profile: Profile, name: str, promised: Setting) -> Draft:
    """Laxer: a value that tripped it does not; stricter: one that did not trip it does."""
    strict, lax = other_values(profile, name)
    it = at_each(profile, promised.of)[-1]
    talk = _Asked(profile)
    talk.do(it.random_phase)
    talk.change(name, lax, "laxer")
    talk.do(
        Set(values={it.target: _middle(it, name, lax)}, mark="beyond"),
        Hold(duration_s=LONGER * it.delay.high, mark="held"),
        Set(values={it.target: home(profile, it.target)}),
    )
    talk.change(name, strict, "stricter")
    talk.expect(*stay(it.opens, "laxer", "held", is_open=False), *it.stays_silent("laxer", "held"))
    talk.provoke(_between_levels(it, name, strict, after="stricter"))
    return talk.draft(f"{name} moves the threshold of {it.short}", name)


def _between_levels(it: Provoked, name: str, value: float, *, after: str) -> Provoked:
    """It as set to this value, at half the way to it from the factory's."""
    changed = as_set(it.profile, {name: value})
    p, values = changed.protections[it.name], {it.target: _middle(it, name, value)}
    stimulus = replace(
        it.stimulus,
        apply=(Set(values=values, mark=APPLIED),),
        since=Crossing(quantity=it.target, level=p.level, rising=p.rising, after=after),
        values=values,
    )
    return Provoked(changed, stimulus, p)


def _middle(it: Provoked, name: str, value: float) -> float:
    """Halfway between a setting's factory value and another, as a case's quantity has it."""
    return round(it.protection.sign * 0.5 * (factory_value(it.profile, name) + value), 6)


def _recovery_level(profile: Profile, name: str, promised: Setting) -> Draft:
    """Farther: it lets go no longer where it did; nearer: it does where it did not."""
    farther, nearer = other_values(profile, name)
    it = at_each(profile, promised.of)[-1]
    talk = _Asked(profile)
    talk.do(it.random_phase, *it.tripped("tripped"))
    talk.change(name, farther, "farther")
    talk.do(
        Set(values={it.target: _middle(it, name, farther)}),
        Hold(duration_s=LONGER * it.recovery.high, mark="held"),
        Set(values={it.target: _middle(it, name, nearer)}, mark="back"),
    )
    talk.change(name, nearer, "nearer")
    talk.do(Hold(duration_s=it.until_said_s(it.recovery)))
    talk.expect(*it.trips())
    for stays, recovers in zip(
        stay(it.opens, "tripped", "back", is_open=True),
        it.recovers(Mark(mark="nearer"), it.recovery),
        strict=True,
    ):
        talk.expect(stays, recovers)
    return talk.draft(f"{name} moves the recovery level of {it.short}", name)


def _delay(profile: Profile, name: str, promised: Setting, value: float) -> Draft:
    """Trip after another delay."""
    it = at_each(as_set(profile, {name: value}), promised.of)[-1]
    talk, shown = _Asked(profile), format(value, "s")
    talk.do(it.random_phase)
    talk.change(name, value, "changed")
    talk.provoke(it)
    return talk.draft(f"{name} of {shown} delays {it.short}", name, to=shown)


@family_of("settings alone", _promised, severity="critical")
def settings_alone(profile: Profile, options: Options, promised: Settings) -> Iterator[Draft]:  # noqa: ARG001
    """Change all settings of one protection: none of the others acts, just inside its own."""
    movable = _movable(promised)
    for of, names in movable.items():
        talk = _Asked(profile)
        for name in names:
            talk.change(name, _stricter(profile, name), f"set {name}")
        talk.read_factory(n for n in promised.each if n not in names)
        others = [it for name in movable if name != of for it in at_each(profile, name)[:1]]
        latest_s = max((it.delay.high for it in others), default=0.0)
        for current, mark in ((1.0, "charged"), (-1.0, "discharged")):
            values = _all_inside(profile, others, current)
            talk.do(Set(values=values), Hold(duration_s=LONGER * latest_s, mark=mark))
        talk.expect(*stay(paths(profile), is_open=False))
        short = profile.protections[of].short
        yield talk.draft(f"settings of {short} move no other protection", of=short)


def _all_inside(profile: Profile, others: list[Provoked], sign: float) -> dict[str, float]:
    """All quantities just inside the thresholds, each protection at a cell or sensor of its own."""
    values = dict(profile.nominal_values)
    free: dict[Kind | None, list[str]] = {
        kind: list(profile.names_of(kind)) for kind in (CELL, TEMPERATURE)
    }
    for p in (it.protection for it in others if it.protection.threshold is not None):
        kind = kind_of(p.quantities(profile)[0])
        if kind is CURRENT:
            if p.sign == sign:
                values[CURRENT.word] = just_inside(p)
        elif free.get(kind):
            values[free[kind].pop(0)] = just_inside(p)
    values.pop(SUPPLY.word, None)
    return values


@family_of("settings refused", _promised, severity="critical")
def settings_refused(profile: Profile, options: Options, promised: Settings) -> Iterator[Draft]:  # noqa: ARG001
    """Offer what is not legal: it is refused, and the setting stays as it was."""
    for of, names in _movable(promised).items():
        talk = _Asked(profile)
        for name in names:
            for number, text in enumerate(_illegal(profile, promised.each[name])):
                talk.refuse(name, text, f"{name} {number}")
            talk.read_factory([name])
        short = profile.protections[of].short
        yield talk.draft(f"illegal settings of {short} are refused", of=short)


def _illegal(profile: Profile, promised: Setting) -> Iterator[str]:
    """Values beyond the range on both sides, none at all, and one beyond the level's partner."""
    step = 10.0**-promised.decimals
    yield promised.text(promised.within.low - step)
    yield promised.text(promised.within.high + step)
    yield from ("-1e9", "nan", "much")
    if promised.values_s:
        yield promised.text(0.5 * (promised.values_s[0] + promised.values_s[1]))
    protection = profile.protections[promised.of]
    release = protection.recovers.level if protection.recovers else None
    partner = release if promised.moves == "threshold" else protection.threshold
    if promised.moves != "delay" and partner is not None and release is not None:
        beyond = step if promised.moves == "recovery level" else -step
        beyond = beyond if protection.direction == "above" else -beyond
        for value in (partner.value, partner.value + beyond):
            if value in promised.within:
                yield promised.text(value)


@family_of("settings kept", _promised, severity="critical")
def settings_kept(profile: Profile, options: Options, promised: Settings) -> Iterator[Draft]:  # noqa: ARG001
    """Save other settings and reset by each cause: they are kept, unsaved ones are not."""
    movable = list(_movable(promised))
    if not movable or profile.resets is None:
        return
    causes = list(profile.resets.causes)
    for number, cause in enumerate(causes):
        yield _kept(profile, cause, movable[number % len(movable)])
    talk = _Asked(profile)
    talk.change_all()
    talk.do(*reset_by(profile, causes[0]), *until_ready(profile, "ready"))
    talk.read_factory()
    yield talk.draft(f"unsaved settings are gone after {causes[0]}", after=causes[0], saved="no")


def _kept(profile: Profile, cause: str, measured: str) -> Draft:
    talk = _Asked(profile)
    others = talk.change_all()
    it = at_each(as_set(profile, others), measured)[0]
    talk.save("saved")
    talk.do(
        *reset_by(profile, cause),
        *until_ready(profile, "ready", already_s=1.0),
        *until_closed(profile, "closed"),
    )
    for name, value in others.items():
        talk.read(name, value, f"read {name}")
    talk.provoke(it, "closed")
    kept = (f"settings/kept@{cause}",)
    title = f"saved settings outlive {cause}"
    return talk.draft(title, claims=kept, after=cause, measured=it.short)


@family_of("settings restored", _promised, severity="critical")
def settings_restored(profile: Profile, options: Options, promised: Settings) -> Iterator[Draft]:  # noqa: ARG001
    """Restore the factory's settings: all are read back, and kept."""
    talk = _Asked(profile)
    talk.change_all()
    talk.save("saved")
    talk.ask(promised.restore, promised.saved, promised.saved_within_s, "restored")
    talk.read_factory()
    if SUPPLY.word in profile.settable:
        talk.do(*power_cycle(BRIEFLY_OFF_S), *until_ready(profile, "ready"))
        talk.read_factory(again=" again")
    yield talk.draft("the factory's settings are restored and kept")


@family_of("storage loss", _promised, severity="critical")
def storage_loss(profile: Profile, options: Options, promised: Settings) -> Iterator[Draft]:  # noqa: ARG001
    """Spoil all copies of the settings: the loss is told, and nothing closes until that is seen."""
    if (loss := promised.loss) is None or profile.console is None:
        return
    commands = profile.console.commands
    talk = _Asked(profile)
    talk.change_all()
    talk.save("saved")
    talk.do(Type(line=commands[loss.provoked_by]), Hold(duration_s=0.1))
    talk.do(*power_cycle(BRIEFLY_OFF_S, held="off", on="on"))
    talk.do(Hold(duration_s=profile.start.up_within_s + 1.0, mark="waited"))
    talk.read_factory()
    # It closes at once, and the record's clock is known to a ms: watched from before the line.
    talk.do(Hold(duration_s=LEAD_S, mark="before"), Hold(duration_s=LEAD_S))
    talk.do(Type(line=commands[loss.acknowledged_by], mark="acknowledged"))
    talk.do(Hold(duration_s=1.0))
    talk.expect(*_told(profile, loss))
    yield talk.draft("the loss of all settings is told, and opens the paths until acknowledged")


def _told(profile: Profile, loss: Loss) -> Iterator[Expectation]:
    """The flag, the line, the paths: from the start on, until the loss is acknowledged."""
    ready_s = profile.start.ready_within_s
    yield ConsoleSays(pattern=loss.console, since=Mark(mark="on"), high_s=ready_s)
    for said, value in loss.says.items():
        yield becomes(said, value, "on", Interval(0.0, ready_s, "s"))
        yield becomes(said, 1 - value, "acknowledged", Interval(0.0, ACKNOWLEDGED_S, "s"))
    for output in loss.opens:
        yield from stay([output], "off", "waited", is_open=True)
        yield from closes([output], "before", LEAD_S + ACKNOWLEDGED_S)


@family_of("power cuts", _promised, severity="critical")
def power_cuts(profile: Profile, options: Options, promised: Settings) -> Iterator[Draft]:
    """Cut the supply while settings are saved, and while it starts: they are kept, each time."""
    cuts = setting(options, "cuts", _CUTS, int)
    name = next(iter(promised.each))
    yield _cut_while_saving(profile, promised, name, cuts)
    yield _cut_while_starting(profile, name, cuts)


def _cut_while_saving(profile: Profile, promised: Settings, name: str, cuts: int) -> Draft:
    old, new = other_values(profile, name)
    talk = _Asked(profile)
    for n in range(1, cuts + 1):
        talk.change(name, old, f"old {n}", shown=False)
        talk.save(f"saved {n}")
        talk.change(name, new, f"new {n}", shown=False)
        # The supply still falls while the line is typed, so both orders are cuts while saving.
        cut, save = Power(on=False), Type(line=promised.save)
        wait = RandomPhase(span_s=CUT_SPAN_S)
        talk.do(*((save, wait, cut) if n % 2 else (cut, wait, save)))
        talk.do(Hold(duration_s=BRIEFLY_OFF_S, mark=f"off {n}"), Power(on=True, mark=f"on {n}"))
        talk.do(*until_ready(profile, f"ready {n}"))
        talk.read(name, (old, new), f"read {n}")
        talk.expect(*stay(profile.closes_at_start, f"off {n}", f"ready {n}", is_open=True))
    title = f"{name} is the old or the new value after {cuts} power cuts while it is saved"
    return talk.draft(title, claims=("settings/kept@power cut",), cut="saving")


def _cut_while_starting(profile: Profile, name: str, cuts: int) -> Draft:
    kept, _ = other_values(profile, name)
    talk = _Asked(profile)
    talk.change(name, kept, "set", shown=False)
    talk.save("saved")
    talk.do(Power(on=False), Hold(duration_s=BRIEFLY_OFF_S))
    for n in range(1, cuts + 1):
        talk.do(Power(on=True), RandomPhase(span_s=START_SPAN_S), Power(on=False))
        talk.do(Hold(duration_s=BRIEFLY_OFF_S, mark=f"off {n}"))
    talk.do(Power(on=True, mark="on"), *until_ready(profile, "ready"))
    talk.read(name, kept, "read")
    talk.do(*until_closed(profile, "closed"))
    talk.expect(
        *stay(paths(profile), f"off {cuts}", "ready", is_open=True),
        *closes(profile.closes_at_start, "on", profile.start.up_within_s),
    )
    title = f"{name} is kept through {cuts} power cuts after a start"
    return talk.draft(title, claims=("settings/kept@power cut",), cut="starting")


# ---- parts --------------------------------------------------------------------------------------
class _Asked(Talk):
    """A talk in the words of one profile's settings."""

    def __init__(self, profile: Profile) -> None:
        super().__init__()
        if profile.settings is None:
            raise ValueError(f"{profile.name} promises no settings")
        self._profile, self._promised = profile, profile.settings

    def change(self, name: str, value: float, mark: str, *, shown: bool = True) -> None:
        """Change a setting at `mark` and read it back."""
        s = self._promised
        self.ask(s.writing(name, value), s.taken, s.answers_within_s, mark)
        if shown:
            self.read(name, value, f"read {mark}")

    def change_all(self) -> dict[str, float]:
        """Change each setting to a stricter value, and give those."""
        others = {name: _stricter(self._profile, name) for name in self._promised.each}
        for name, value in others.items():
            self.change(name, value, f"set {name}", shown=False)
        return others

    def refuse(self, name: str, text: str, mark: str) -> None:
        """Offer a value that must be refused."""
        s = self._promised
        self.ask(s.writing(name, text), s.refused, s.answers_within_s, mark)

    def read(self, name: str, value: float | tuple[float, ...], mark: str) -> None:
        """Read a setting that must have this value, or one of these."""
        s, values = self._promised, value if isinstance(value, tuple) else (value,)
        self.ask(s.reading(name), s.shown(name, *values), s.answers_within_s, mark)

    def read_factory(self, names: Iterable[str] | None = None, *, again: str = "") -> None:
        """Read settings that must have the factory's values; all unless named."""
        for name in self._promised.each if names is None else names:
            self.read(name, factory_value(self._profile, name), f"read {name}{again}")

    def save(self, mark: str) -> None:
        """Save, and wait until that is done."""
        s = self._promised
        self.ask(s.save, s.saved, s.saved_within_s, mark)

    def provoke(self, it: Provoked, begin: str | None = None) -> None:
        """Provoke a protection as it is promised with changed settings, at `begin` or after it."""
        self.do(*it.tripped())
        self.expect(*it.trips(), *it.keeps(begin), *it.says())

    def draft(
        self, title: str, name: str = "", claims: tuple[str, ...] = (), **parameters: str
    ) -> Draft:
        """Make a case of it; one about a setting that is named shows that this acts."""
        if name:
            parameters, claims = {"setting": name} | parameters, (f"settings/{name}/acts", *claims)
        return self.case(title, parameters, claims)


def _movable(promised: Settings) -> dict[str, list[str]]:
    """Protections that settings move, each with the names of those."""
    names: dict[str, list[str]] = {}
    for name, one in promised.each.items():
        names.setdefault(one.of, []).append(name)
    return names


def _stricter(profile: Profile, name: str) -> float:
    return other_values(profile, name)[0]
