"""Families about settings: each one moves its own figure and no other, and is kept.

They go by what the profile claims once a setting is changed (`rig.plan.with_settings`), so that a
protection with other settings is tested as any other. A case may leave settings as it likes: they
are restored before the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from rig.dut.profile import Profile
from rig.dut.settings import Loss, Setting, Settings
from rig.expectations import Expectation
from rig.expectations.console_says import ConsoleSays
from rig.plan.families.console_dialog import ConsoleDialog, until_closed, until_ready
from rig.plan.families.draft import Draft, Options, family_of, setting
from rig.plan.families.expecting import becomes, closes, stay
from rig.plan.families.provoked import Provoked, at_each
from rig.plan.families.reset_steps import power_cycle, reset_by
from rig.plan.families.timing import (
    ACKNOWLEDGED_S,
    BRIEFLY_OFF_S,
    CUT_SPAN_S,
    LEAD_S,
    LONGER,
    START_SPAN_S,
)
from rig.plan.stimulus import APPLIED, just_inside, paths
from rig.plan.with_settings import factory_value, other_values, with_settings
from rig.quantities import CELL, CURRENT, SUPPLY, TEMPERATURE, Kind, kind_of
from rig.quantity import Interval, format
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.random_phase import RandomPhase
from rig.steps.set import Set
from rig.steps.type_line import Type
from rig.time_reference import Crossing, Mark

_CUTS = 10


def _claimed(profile: Profile) -> Settings | None:
    return profile.settings


@family_of("settings", _claimed, severity="critical")
def settings(profile: Profile, options: Options, claimed: Settings) -> Iterator[Draft]:  # noqa: ARG001
    """Change each setting: its protection acts by the new value and no longer by the old one."""
    for name, one in claimed.each.items():
        if one.parameter == "threshold":
            yield _threshold(profile, name, one)
        elif one.parameter == "recovery level":
            yield _recovery_level(profile, name, one)
        else:
            for value in dict.fromkeys(other_values(profile, name)):
                yield _delay(profile, name, one, value)


def _threshold(profile: Profile, name: str, claimed: Setting) -> Draft:
    """Laxer: a value that tripped it does not; stricter: one that did not trip it does."""
    strict, lax = other_values(profile, name)
    it = at_each(profile, claimed.of)[-1]
    dialog = _Asked(profile)
    dialog.do(it.random_phase)
    dialog.change(name, lax, "laxer")
    dialog.do(
        Set(values={it.target: _middle(it, name, lax)}, mark="beyond"),
        Hold(duration_s=LONGER * it.delay.high, mark="held"),
        Set(values={it.target: profile.nominal_of(it.target)}),
    )
    dialog.change(name, strict, "stricter")
    dialog.expect(
        *stay(it.opens, "laxer", "held", is_open=False), *it.stays_silent("laxer", "held")
    )
    dialog.provoke(_between_levels(it, name, strict, after="stricter"))
    return dialog.draft(f"{name} moves the threshold of {it.short}", name)


def _between_levels(it: Provoked, name: str, value: float, *, after: str) -> Provoked:
    """It as set to this value, at half the way to it from the factory's."""
    changed = with_settings(it.profile, {name: value})
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


def _recovery_level(profile: Profile, name: str, claimed: Setting) -> Draft:
    """Farther: it lets go no longer where it did; nearer: it does where it did not."""
    farther, nearer = other_values(profile, name)
    it = at_each(profile, claimed.of)[-1]
    dialog = _Asked(profile)
    dialog.do(it.random_phase, *it.tripped("tripped"))
    dialog.change(name, farther, "farther")
    dialog.do(
        Set(values={it.target: _middle(it, name, farther)}),
        Hold(duration_s=LONGER * it.recovery.high, mark="held"),
        Set(values={it.target: _middle(it, name, nearer)}, mark="back"),
    )
    dialog.change(name, nearer, "nearer")
    dialog.do(Hold(duration_s=it.until_reported_s(it.recovery)))
    dialog.expect(*it.trips())
    for stays, recovers in zip(
        stay(it.opens, "tripped", "back", is_open=True),
        it.recovers(Mark(mark="nearer"), it.recovery),
        strict=True,
    ):
        dialog.expect(stays, recovers)
    return dialog.draft(f"{name} moves the recovery level of {it.short}", name)


def _delay(profile: Profile, name: str, claimed: Setting, value: float) -> Draft:
    """Trip after another delay."""
    it = at_each(with_settings(profile, {name: value}), claimed.of)[-1]
    dialog, shown = _Asked(profile), format(value, "s")
    dialog.do(it.random_phase)
    dialog.change(name, value, "changed")
    dialog.provoke(it)
    return dialog.draft(f"{name} of {shown} delays {it.short}", name, to=shown)


@family_of("settings alone", _claimed, severity="critical")
def settings_alone(profile: Profile, options: Options, claimed: Settings) -> Iterator[Draft]:  # noqa: ARG001
    """Change all settings of one protection: none of the others acts, just inside its own."""
    movable = _movable(claimed)
    for of, names in movable.items():
        dialog = _Asked(profile)
        for name in names:
            dialog.change(name, _stricter(profile, name), f"set {name}")
        dialog.read_factory(n for n in claimed.each if n not in names)
        others = [it for name in movable if name != of for it in at_each(profile, name)[:1]]
        latest_s = max((it.delay.high for it in others), default=0.0)
        for current, mark in ((1.0, "charged"), (-1.0, "discharged")):
            values = _all_inside(profile, others, current)
            dialog.do(Set(values=values), Hold(duration_s=LONGER * latest_s, mark=mark))
        dialog.expect(*stay(paths(profile), is_open=False))
        short = profile.protections[of].short
        yield dialog.draft(f"settings of {short} move no other protection", of=short)


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


@family_of("settings refused", _claimed, severity="critical")
def settings_refused(profile: Profile, options: Options, claimed: Settings) -> Iterator[Draft]:  # noqa: ARG001
    """Offer what is not legal: it is refused, and the setting stays as it was."""
    for of, names in _movable(claimed).items():
        dialog = _Asked(profile)
        for name in names:
            for number, text in enumerate(_illegal(profile, claimed.each[name])):
                dialog.refuse(name, text, f"{name} {number}")
            dialog.read_factory([name])
        short = profile.protections[of].short
        yield dialog.draft(f"illegal settings of {short} are refused", of=short)


def _illegal(profile: Profile, claimed: Setting) -> Iterator[str]:
    """Values beyond the range on both sides, none at all, and one beyond its counterpart."""
    step = 10.0**-claimed.decimals
    yield claimed.text(claimed.within.low - step)
    yield claimed.text(claimed.within.high + step)
    yield from ("-1e9", "nan", "much")
    if claimed.values_s:
        yield claimed.text(0.5 * (claimed.values_s[0] + claimed.values_s[1]))
    protection = profile.protections[claimed.of]
    release = protection.recovers.level if protection.recovers else None
    partner = release if claimed.parameter == "threshold" else protection.threshold
    if claimed.parameter != "delay" and partner is not None and release is not None:
        beyond = step if claimed.parameter == "recovery level" else -step
        beyond = beyond if protection.direction == "above" else -beyond
        for value in (partner.value, partner.value + beyond):
            if value in claimed.within:
                yield claimed.text(value)


@family_of("settings kept", _claimed, severity="critical")
def settings_kept(profile: Profile, options: Options, claimed: Settings) -> Iterator[Draft]:  # noqa: ARG001
    """Save other settings and reset by each cause: they are kept, unsaved ones are not."""
    movable = list(_movable(claimed))
    if not movable or profile.resets is None:
        return
    causes = list(profile.resets.causes)
    for number, cause in enumerate(causes):
        yield _kept(profile, cause, movable[number % len(movable)])
    dialog = _Asked(profile)
    dialog.change_all()
    dialog.do(*reset_by(profile, causes[0]), *until_ready(profile, "ready"))
    dialog.read_factory()
    yield dialog.draft(f"unsaved settings are gone after {causes[0]}", after=causes[0], saved="no")


def _kept(profile: Profile, cause: str, measured: str) -> Draft:
    dialog = _Asked(profile)
    others = dialog.change_all()
    it = at_each(with_settings(profile, others), measured)[0]
    dialog.save("saved")
    dialog.do(
        *reset_by(profile, cause),
        *until_ready(profile, "ready", already_s=1.0),
        *until_closed(profile, "closed"),
    )
    for name, value in others.items():
        dialog.read(name, value, f"read {name}")
    dialog.provoke(it, "closed")
    kept = (f"settings/kept@{cause}",)
    title = f"saved settings outlive {cause}"
    return dialog.draft(title, claims=kept, after=cause, measured=it.short)


@family_of("settings restored", _claimed, severity="critical")
def settings_restored(profile: Profile, options: Options, claimed: Settings) -> Iterator[Draft]:  # noqa: ARG001
    """Restore the factory's settings: all are read back, and kept."""
    dialog = _Asked(profile)
    dialog.change_all()
    dialog.save("saved")
    dialog.ask(claimed.restore, claimed.saved, claimed.saved_within_s, "restored")
    dialog.read_factory()
    if SUPPLY.word in profile.settable:
        dialog.do(*power_cycle(BRIEFLY_OFF_S), *until_ready(profile, "ready"))
        dialog.read_factory(again=" again")
    yield dialog.draft("the factory's settings are restored and kept")


@family_of("storage loss", _claimed, severity="critical")
def storage_loss(profile: Profile, options: Options, claimed: Settings) -> Iterator[Draft]:  # noqa: ARG001
    """Spoil all copies of the settings: that is reported, and nothing closes until acknowledged."""
    if (loss := claimed.loss) is None or profile.console is None:
        return
    commands = profile.console.commands
    dialog = _Asked(profile)
    dialog.change_all()
    dialog.save("saved")
    dialog.do(Type(line=commands[loss.provoked_by]), Hold(duration_s=0.1))
    dialog.do(*power_cycle(BRIEFLY_OFF_S, held="off", on="on"))
    dialog.do(Hold(duration_s=profile.start.up_within_s + 1.0, mark="waited"))
    dialog.read_factory()
    # It closes at once, and the record's clock is known to a ms: watched from before the line.
    dialog.do(Hold(duration_s=LEAD_S, mark="before"), Hold(duration_s=LEAD_S))
    dialog.do(Type(line=commands[loss.acknowledged_by], mark="acknowledged"))
    dialog.do(Hold(duration_s=1.0))
    dialog.expect(*_reported(profile, loss))
    yield dialog.draft("the loss of all settings is told, and opens the paths until acknowledged")


def _reported(profile: Profile, loss: Loss) -> Iterator[Expectation]:
    """The flag, the line, the paths: from the start on, until the loss is acknowledged."""
    ready_s = profile.start.ready_within_s
    yield ConsoleSays(pattern=loss.console, since=Mark(mark="on"), high_s=ready_s)
    for said, value in loss.flags.items():
        yield becomes(said, value, "on", Interval(0.0, ready_s, "s"))
        yield becomes(said, 1 - value, "acknowledged", Interval(0.0, ACKNOWLEDGED_S, "s"))
    for output in loss.opens:
        yield from stay([output], "off", "waited", is_open=True)
        yield from closes([output], "before", LEAD_S + ACKNOWLEDGED_S)


@family_of("power cuts", _claimed, severity="critical")
def power_cuts(profile: Profile, options: Options, claimed: Settings) -> Iterator[Draft]:
    """Cut the supply while settings are saved, and while it starts: they are kept, each time."""
    cuts = setting(options, "cuts", _CUTS, int)
    name = next(iter(claimed.each))
    yield _cut_while_saving(profile, claimed, name, cuts)
    yield _cut_while_starting(profile, name, cuts)


def _cut_while_saving(profile: Profile, claimed: Settings, name: str, cuts: int) -> Draft:
    old, new = other_values(profile, name)
    dialog = _Asked(profile)
    for n in range(1, cuts + 1):
        dialog.change(name, old, f"old {n}", shown=False)
        dialog.save(f"saved {n}")
        dialog.change(name, new, f"new {n}", shown=False)
        # The supply still falls while the line is typed, so both orders are cuts while saving.
        cut, save = Power(on=False), Type(line=claimed.save)
        wait = RandomPhase(span_s=CUT_SPAN_S)
        dialog.do(*((save, wait, cut) if n % 2 else (cut, wait, save)))
        dialog.do(Hold(duration_s=BRIEFLY_OFF_S, mark=f"off {n}"), Power(on=True, mark=f"on {n}"))
        dialog.do(*until_ready(profile, f"ready {n}"))
        dialog.read(name, (old, new), f"read {n}")
        dialog.expect(*stay(profile.closes_at_start, f"off {n}", f"ready {n}", is_open=True))
    title = f"{name} is the old or the new value after {cuts} power cuts while it is saved"
    return dialog.draft(title, claims=("settings/kept@power cut",), cut="saving")


def _cut_while_starting(profile: Profile, name: str, cuts: int) -> Draft:
    kept, _ = other_values(profile, name)
    dialog = _Asked(profile)
    dialog.change(name, kept, "set", shown=False)
    dialog.save("saved")
    dialog.do(Power(on=False), Hold(duration_s=BRIEFLY_OFF_S))
    for n in range(1, cuts + 1):
        dialog.do(Power(on=True), RandomPhase(span_s=START_SPAN_S), Power(on=False))
        dialog.do(Hold(duration_s=BRIEFLY_OFF_S, mark=f"off {n}"))
    dialog.do(Power(on=True, mark="on"), *until_ready(profile, "ready"))
    dialog.read(name, kept, "read")
    dialog.do(*until_closed(profile, "closed"))
    dialog.expect(
        *stay(paths(profile), f"off {cuts}", "ready", is_open=True),
        *closes(profile.closes_at_start, "on", profile.start.up_within_s),
    )
    title = f"{name} is kept through {cuts} power cuts after a start"
    return dialog.draft(title, claims=("settings/kept@power cut",), cut="starting")


# ---- parts --------------------------------------------------------------------------------------
class _Asked(ConsoleDialog):
    """A talk in the words of one profile's settings."""

    def __init__(self, profile: Profile) -> None:
        super().__init__()
        if profile.settings is None:
            raise ValueError(f"{profile.name} claims no settings")
        self._profile, self._claimed = profile, profile.settings

    def change(self, name: str, value: float, mark: str, *, shown: bool = True) -> None:
        """Change a setting at `mark` and read it back."""
        s = self._claimed
        self.ask(s.writing(name, value), s.taken, s.answers_within_s, mark)
        if shown:
            self.read(name, value, f"read {mark}")

    def change_all(self) -> dict[str, float]:
        """Change each setting to a stricter value, and give those."""
        others = {name: _stricter(self._profile, name) for name in self._claimed.each}
        for name, value in others.items():
            self.change(name, value, f"set {name}", shown=False)
        return others

    def refuse(self, name: str, text: str, mark: str) -> None:
        """Offer a value that must be refused."""
        s = self._claimed
        self.ask(s.writing(name, text), s.refused, s.answers_within_s, mark)

    def read(self, name: str, value: float | tuple[float, ...], mark: str) -> None:
        """Read a setting that must have this value, or one of these."""
        s, values = self._claimed, value if isinstance(value, tuple) else (value,)
        self.ask(s.reading(name), s.shown(name, *values), s.answers_within_s, mark)

    def read_factory(self, names: Iterable[str] | None = None, *, again: str = "") -> None:
        """Read settings that must have the factory's values; all unless named."""
        for name in self._claimed.each if names is None else names:
            self.read(name, factory_value(self._profile, name), f"read {name}{again}")

    def save(self, mark: str) -> None:
        """Save, and wait until that is done."""
        s = self._claimed
        self.ask(s.save, s.saved, s.saved_within_s, mark)

    def provoke(self, it: Provoked, begin: str | None = None) -> None:
        """Provoke a protection as it is claimed with changed settings, at `begin` or after it."""
        self.do(*it.tripped())
        self.expect(*it.trips(), *it.keeps(begin), *it.flags_set())

    def draft(
        self, title: str, name: str = "", claims: tuple[str, ...] = (), **parameters: str
    ) -> Draft:
        """Make a case of it; one about a setting that is named shows that this acts."""
        if name:
            parameters, claims = {"setting": name} | parameters, (f"settings/{name}/acts", *claims)
        return self.case(title, parameters, claims)


def _movable(claimed: Settings) -> dict[str, list[str]]:
    """Protections that settings move, each with the names of those."""
    names: dict[str, list[str]] = {}
    for name, one in claimed.each.items():
        names.setdefault(one.of, []).append(name)
    return names


def _stricter(profile: Profile, name: str) -> float:
    return other_values(profile, name)[0]
