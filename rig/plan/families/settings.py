"""Families about settings: each one moves its own figure and no other, and is kept.

They go by what the profile promises once a setting is changed (`rig.plan.as_set`), so that a
protection with other settings is tested as any other. A case may leave settings as it likes: the
next one's home restores them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from rig.dut.profile import Profile, Protection
from rig.dut.settings import Loss, Settings
from rig.expectations import Expectation
from rig.expectations.console_says import ConsoleSays
from rig.expectations.recovers import Recovers
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.stays import Stays
from rig.instants import Crossing, Mark
from rig.plan.as_set import as_set, factory_value, other_values
from rig.plan.families.asking import Talk, until_closed, until_ready
from rig.plan.families.choosing import delay_of, recovery_time_of
from rig.plan.families.draft import AFTER_S, Draft, Options, phase_s, setting
from rig.plan.families.expecting import (
    closes,
    keeps,
    said_within_s,
    says,
    stays_silent,
    trips,
    until_said_s,
)
from rig.plan.families.resetting import reset_by
from rig.plan.stimulus import APPLIED, Stimulus, home, just_inside, paths, stimuli
from rig.quantities import CELL, CURRENT, SUPPLY, TEMPERATURE, Kind, kind_of
from rig.quantity import format
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.random_phase import RandomPhase
from rig.steps.set import Set
from rig.steps.type_line import Type

_LONGER = 1.3  # so many delays are waited for what must not come
_CUTS = 10
_CUT_SPAN_S = 0.08  # a save takes tens of ms
_START_SPAN_S = 3.0  # bms-defects.md D104: cuts 0 to 3 s after a start
_OFF_S = 0.3
_LEAD_S = 0.02
_SEEN_S = 0.5  # of an acknowledgement, until it shows


def settings(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """Change each setting: its protection acts by the new value and no longer by the old one."""
    if profile.settings is None:
        return
    for name, promised in profile.settings.each.items():
        if promised.moves == "threshold":
            yield _threshold(profile, name)
        elif promised.moves == "recovery level":
            yield _recovery_level(profile, name)
        else:
            for value in dict.fromkeys(other_values(profile, name)):
                yield _delay(profile, name, value)


def _threshold(profile: Profile, name: str) -> Draft:
    """Laxer: a value that tripped it does not; stricter: one that did not trip it does."""
    strict, lax = other_values(profile, name)
    protection = _protection(profile, name)
    target = _targets(profile, protection)[-1]
    talk = _Asked(profile)
    talk.do(RandomPhase(span_s=phase_s(profile)))
    talk.change(name, lax, "laxer")
    talk.do(
        Set(values={target: _middle(profile, name, lax)}, mark="beyond"),
        Hold(duration_s=_LONGER * delay_of(protection).high, mark="held"),
        Set(values={target: home(profile, target)}),
    )
    talk.change(name, strict, "stricter")
    changed = as_set(profile, {name: strict})
    stimulus = _at(changed, name, target, _middle(profile, name, strict), after="stricter")
    talk.expect(
        *(Stays(output=o, is_open=False, begin="laxer", end="held") for o in protection.opens),
        *stays_silent(protection, "laxer", "held"),
    )
    talk.provoke(changed, stimulus)
    return talk.draft(f"{name} moves the threshold of {protection.short}", name)


def _recovery_level(profile: Profile, name: str) -> Draft:
    """Farther: it lets go no longer where it did; nearer: it does where it did not."""
    farther, nearer = other_values(profile, name)
    protection = _protection(profile, name)
    stimulus = stimuli(profile, _of(profile, name))[-1]
    after = recovery_time_of(protection)
    talk = _Asked(profile)
    talk.do(
        RandomPhase(span_s=phase_s(profile)),
        *stimulus.apply,
        Hold(
            duration_s=until_said_s(protection, delay_of(protection)),
            mark="tripped",
        ),
    )
    talk.change(name, farther, "farther")
    talk.do(
        Set(values={stimulus.target: _middle(profile, name, farther)}),
        Hold(duration_s=_LONGER * after.high, mark="held"),
        Set(values={stimulus.target: _middle(profile, name, nearer)}, mark="back"),
    )
    talk.change(name, nearer, "nearer")
    talk.do(Hold(duration_s=until_said_s(protection, after)))
    talk.expect_all(trips(stimulus, protection))
    for output in protection.opens:
        talk.expect(
            Stays(output=output, is_open=True, begin="tripped", end="back"),
            Recovers(output=output, since=Mark(mark="nearer"), low_s=after.low, high_s=after.high),
        )
    return talk.draft(f"{name} moves the recovery level of {protection.short}", name)


def _delay(profile: Profile, name: str, value: float) -> Draft:
    """Trip after another delay."""
    changed = as_set(profile, {name: value})
    protection = _protection(changed, name)
    stimulus = stimuli(changed, _of(profile, name))[-1]
    talk = _Asked(profile)
    talk.do(RandomPhase(span_s=phase_s(profile)))
    talk.change(name, value, "changed")
    talk.provoke(changed, stimulus)
    shown = format(value, "s")
    return talk.draft(f"{name} of {shown} delays {protection.short}", name, to=shown)


def settings_alone(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """Change all settings of one protection: none of the others acts, just inside its own."""
    if profile.settings is None:
        return
    for of in _changeable(profile):
        names = [n for n, s in profile.settings.each.items() if s.of == of]
        talk = _Asked(profile)
        for name in names:
            talk.change(name, _stricter(profile, name), f"set {name}")
        for name in (n for n in profile.settings.each if n not in names):
            talk.read(name, factory_value(profile, name), f"read {name}")
        others = [p for p in _changeable(profile) if p != of]
        for currents, mark in ((1.0, "charged"), (-1.0, "discharged")):
            values = _all_inside(profile, others, currents)
            latest_s = max((delay_of(profile.protections[p]).high for p in others), default=0.0)
            hold_s = _LONGER * latest_s
            talk.do(Set(values=values), Hold(duration_s=hold_s, mark=mark))
        talk.expect(*(Stays(output=o, is_open=False) for o in paths(profile)))
        short = profile.protections[of].short
        yield talk.draft(f"settings of {short} move no other protection", of=short)


def _all_inside(profile: Profile, names: list[str], sign: float) -> dict[str, float]:
    """All quantities just inside the thresholds, each protection at a cell or sensor of its own."""
    values = dict(profile.nominal_values)
    free: dict[Kind | None, list[str]] = {
        kind: list(profile.names_of(kind)) for kind in (CELL, TEMPERATURE)
    }
    levels = [profile.protections[name] for name in names]
    for protection in (p for p in levels if p.threshold is not None):
        kind = kind_of(_targets(profile, protection)[0])
        if kind is CURRENT:
            if protection.sign == sign:
                values[CURRENT.word] = just_inside(protection)
        elif free.get(kind):
            values[free[kind].pop(0)] = just_inside(protection)
    values.pop(SUPPLY.word, None)
    return values


def settings_refused(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """Offer what is not legal: it is refused, and the setting stays as it was."""
    if profile.settings is None:
        return
    for of in _changeable(profile):
        names = [n for n, s in profile.settings.each.items() if s.of == of]
        talk = _Asked(profile)
        for name in names:
            for number, text in enumerate(_illegal(profile, name)):
                talk.refuse(name, text, f"{name} {number}")
            talk.read(name, factory_value(profile, name), f"read {name}")
        short = profile.protections[of].short
        yield talk.draft(f"illegal settings of {short} are refused", of=short)


def _illegal(profile: Profile, name: str) -> Iterator[str]:
    """Values beyond the range on both sides, none at all, and one beyond the level's partner."""
    promised = _settings_of(profile).each[name]
    step = 10.0**-promised.decimals
    yield promised.text(promised.within.low - step)
    yield promised.text(promised.within.high + step)
    yield "-1e9"
    yield "nan"
    yield "much"
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


def settings_kept(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """Save other settings and reset by each cause: they are kept, unsaved ones are not."""
    if profile.settings is None or profile.resets is None:
        return
    changeable = _changeable(profile)
    for number, cause in enumerate(profile.resets.causes):
        yield _kept(profile, cause, changeable[number % len(changeable)])
    yield _forgotten(profile, next(iter(profile.resets.causes)))


def _kept(profile: Profile, cause: str, measured: str) -> Draft:
    each = _settings_of(profile).each
    others = {name: _stricter(profile, name) for name in each}
    changed = as_set(profile, others)
    stimulus = stimuli(changed, measured)[0]
    talk = _Asked(profile)
    for name, value in others.items():
        talk.change(name, value, f"set {name}", shown=False)
    talk.save("saved")
    talk.do(
        *reset_by(profile, cause), *until_ready(profile, "ready", already_s=1.0),
        *until_closed(profile, "closed"),
    )  # fmt: skip
    for name, value in others.items():
        talk.read(name, value, f"read {name}")
    talk.provoke(changed, stimulus, "closed")
    short = profile.protections[measured].short
    kept = (f"settings/kept@{cause}",)
    return talk.draft(f"saved settings outlive {cause}", claims=kept, after=cause, measured=short)


def _forgotten(profile: Profile, cause: str) -> Draft:
    each = _settings_of(profile).each
    talk = _Asked(profile)
    for name in each:
        talk.change(name, _stricter(profile, name), f"set {name}", shown=False)
    talk.do(*reset_by(profile, cause), *until_ready(profile, "ready"))
    for name in each:
        talk.read(name, factory_value(profile, name), f"read {name}")
    return talk.draft(f"unsaved settings are gone after {cause}", after=cause, saved="no")


def settings_restored(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """Restore the factory's settings: all are read back, and kept."""
    if profile.settings is None:
        return
    promised = profile.settings
    talk = _Asked(profile)
    for name in promised.each:
        talk.change(name, _stricter(profile, name), f"set {name}", shown=False)
    talk.save("saved")
    talk.ask(promised.restore, promised.saved, promised.saved_within_s, "restored")
    for name in promised.each:
        talk.read(name, factory_value(profile, name), f"read {name}")
    if "supply" in profile.settable:
        talk.do(Power(on=False), Hold(duration_s=_OFF_S), Power(on=True))
        talk.do(*until_ready(profile, "ready"))
        for name in promised.each:
            talk.read(name, factory_value(profile, name), f"read {name} again")
    yield talk.draft("the factory's settings are restored and kept")


def storage_loss(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """Spoil all copies of the settings: the loss is told, and nothing closes until that is seen."""
    if profile.settings is None or profile.settings.loss is None or profile.console is None:
        return
    loss, console = profile.settings.loss, profile.console
    start_s = profile.start.up_within_s
    talk = _Asked(profile)
    for name in profile.settings.each:
        talk.change(name, _stricter(profile, name), f"set {name}", shown=False)
    talk.save("saved")
    talk.do(Type(line=console.commands[loss.provoked_by]), Hold(duration_s=0.1))
    talk.do(Power(on=False), Hold(duration_s=_OFF_S, mark="off"), Power(on=True, mark="on"))
    talk.do(Hold(duration_s=start_s + 1.0, mark="waited"))
    for name in profile.settings.each:
        talk.read(name, factory_value(profile, name), f"read {name}")
    # It closes at once, and the record's clock is known to a ms: watched from before the line.
    talk.do(Hold(duration_s=_LEAD_S, mark="before"), Hold(duration_s=_LEAD_S))
    talk.do(Type(line=console.commands[loss.acknowledged_by], mark="acknowledged"))
    talk.do(Hold(duration_s=1.0))
    talk.expect_all(_told(profile, loss))
    yield talk.draft("the loss of all settings is told, and opens the paths until acknowledged")


def _told(profile: Profile, loss: Loss) -> Iterator[Expectation]:
    """The flag, the line, the paths: from the start on, until the loss is acknowledged."""
    on, seen = Mark(mark="on"), Mark(mark="acknowledged")
    ready_s = profile.start.ready_within_s
    yield ConsoleSays(pattern=loss.console, since=on, high_s=ready_s)
    for signal, value in loss.says.items():
        for raised, since, high_s in ((value, on, ready_s), (1 - value, seen, _SEEN_S)):
            yield SignalBecomes(signal=signal, value=float(raised), since=since, high_s=high_s)
    for output in loss.opens:
        yield Stays(output=output, is_open=True, begin="off", end="waited")
        yield from closes((output,), "before", _LEAD_S + _SEEN_S)


def power_cuts(profile: Profile, options: Options) -> Iterator[Draft]:
    """Cut the supply while settings are saved, and while it starts: they are kept, each time."""
    promised = profile.settings
    if promised is None:
        return
    cuts = round(setting(options, "cuts", _CUTS, float))
    name = next(iter(promised.each))
    yield _cut_while_saving(profile, name, cuts)
    yield _cut_while_starting(profile, name, cuts)


def _cut_while_saving(profile: Profile, name: str, cuts: int) -> Draft:
    old, new = other_values(profile, name)
    promised = _settings_of(profile)
    talk = _Asked(profile)
    for n in range(1, cuts + 1):
        talk.change(name, old, f"old {n}", shown=False)
        talk.save(f"saved {n}")
        talk.change(name, new, f"new {n}", shown=False)
        # The supply still falls while the line is typed, so both orders are cuts while saving.
        cut, save = Power(on=False), Type(line=promised.save)
        wait = RandomPhase(span_s=_CUT_SPAN_S)
        talk.do(*((save, wait, cut) if n % 2 else (cut, wait, save)))
        talk.do(Hold(duration_s=_OFF_S, mark=f"off {n}"), Power(on=True, mark=f"on {n}"))
        talk.do(*until_ready(profile, f"ready {n}"))
        shown = promised.shown(name, old, new)
        talk.ask(promised.reading(name), shown, promised.answers_within_s, f"read {n}")
        talk.expect(
            *(
                Stays(output=o, is_open=True, begin=f"off {n}", end=f"ready {n}")
                for o in profile.closes_at_start
            )
        )
    title = f"{name} is the old or the new value after {cuts} power cuts while it is saved"
    return talk.draft(title, claims=("settings/kept@power cut",), cut="saving")


def _cut_while_starting(profile: Profile, name: str, cuts: int) -> Draft:
    kept, _ = other_values(profile, name)
    promised = _settings_of(profile)
    talk = _Asked(profile)
    talk.change(name, kept, "set", shown=False)
    talk.save("saved")
    talk.do(Power(on=False), Hold(duration_s=_OFF_S))
    for n in range(1, cuts + 1):
        talk.do(Power(on=True), RandomPhase(span_s=_START_SPAN_S), Power(on=False))
        talk.do(Hold(duration_s=_OFF_S, mark=f"off {n}"))
    talk.do(Power(on=True, mark="on"), *until_ready(profile, "ready"))
    talk.ask(promised.reading(name), promised.shown(name, kept), promised.answers_within_s, "read")
    talk.do(*until_closed(profile, "closed"))
    talk.expect(
        *(Stays(output=o, is_open=True, begin=f"off {cuts}", end="ready") for o in paths(profile)),
        *closes(profile.closes_at_start, "on", profile.start.up_within_s),
    )
    title = f"{name} is kept through {cuts} power cuts after a start"
    return talk.draft(title, claims=("settings/kept@power cut",), cut="starting")


# ---- parts --------------------------------------------------------------------------------------
class _Asked(Talk):
    """A talk in the words of one profile's settings."""

    def __init__(self, profile: Profile) -> None:
        super().__init__()
        self._profile, self._promised = profile, _settings_of(profile)

    def change(self, name: str, value: float, mark: str, *, shown: bool = True) -> None:
        """Change a setting at `mark` and read it back."""
        s = self._promised
        self.ask(s.writing(name, value), s.taken, s.answers_within_s, mark)
        if shown:
            self.read(name, value, f"read {mark}")

    def refuse(self, name: str, text: str, mark: str) -> None:
        """Offer a value that must be refused."""
        s = self._promised
        self.ask(s.writing(name, text), s.refused, s.answers_within_s, mark)

    def read(self, name: str, value: float, mark: str) -> None:
        """Read a setting that must have this value."""
        s = self._promised
        self.ask(s.reading(name), s.shown(name, value), s.answers_within_s, mark)

    def save(self, mark: str) -> None:
        """Save, and wait until that is done."""
        s = self._promised
        self.ask(s.save, s.saved, s.saved_within_s, mark)

    def provoke(self, changed: Profile, stimulus: Stimulus, begin: str | None = None) -> None:
        """Provoke a protection as it is promised with changed settings, at `begin` or after it."""
        protection = changed.protections[stimulus.protection]
        latest_s = delay_of(protection).high + said_within_s(protection)
        self.do(*stimulus.apply, Hold(duration_s=latest_s + AFTER_S))
        self.expect_all(trips(stimulus, protection))
        self.expect_all(
            replace(e, begin=begin) if isinstance(e, Stays) else e
            for e in keeps(changed, stimulus, protection)
        )
        self.expect_all(says(stimulus, protection))

    def draft(
        self, title: str, name: str = "", claims: tuple[str, ...] = (), **parameters: str
    ) -> Draft:
        """Make a case of it; one about a setting that is named shows that this acts."""
        named = {"setting": name} if name else {}
        acts = (f"settings/{name}/acts",) if name else ()
        self.outlast()
        return Draft(
            title=title,
            protection=None,
            parameters=named | parameters,
            steps=self.steps,
            expectations=self.expectations,
            severity="critical",
            traces_to=self._promised.traces_to,
            claims=(*acts, *claims),
        )


def _settings_of(profile: Profile) -> Settings:
    if profile.settings is None:
        raise ValueError(f"{profile.name} promises no settings")
    return profile.settings


def _of(profile: Profile, name: str) -> str:
    return _settings_of(profile).each[name].of


def _protection(profile: Profile, name: str) -> Protection:
    return profile.protections[_of(profile, name)]


def _changeable(profile: Profile) -> list[str]:
    """Protections that settings move."""
    return list(dict.fromkeys(s.of for s in _settings_of(profile).each.values()))


def _targets(profile: Profile, protection: Protection) -> tuple[str, ...]:
    return protection.quantities(profile)


def _stricter(profile: Profile, name: str) -> float:
    return other_values(profile, name)[0]


def _middle(profile: Profile, name: str, value: float) -> float:
    """Halfway between a setting's factory value and another, as a case's quantity has it."""
    sign = _protection(profile, name).sign
    return round(sign * 0.5 * (factory_value(profile, name) + value), 6)


def _at(profile: Profile, name: str, target: str, value: float, *, after: str) -> Stimulus:
    """Go to a value that the protection acts at, from the instant that it crosses its threshold."""
    protection = _protection(profile, name)
    values: Mapping[str, float] = {target: value}
    return Stimulus(
        protection=_of(profile, name),
        target=target,
        apply=(Set(values=values, mark=APPLIED),),
        remove=(),
        since=Crossing(
            quantity=target, level=protection.level, rising=protection.rising, after=after
        ),
        values=values,
    )
