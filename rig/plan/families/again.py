"""Families in which a protection acts and lets go several times in one case."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rig.dut.profile import Profile, Protection
from rig.expectations import Expectation
from rig.expectations.stays import Stays
from rig.plan.families.choosing import (
    chosen,
    has_level,
    one_stimulus_each,
    recovers_by_itself,
)
from rig.plan.families.cycle import LET_GO, at_level, cycle
from rig.plan.families.draft import AFTER_S, Draft, Options, draft_of, phase_s
from rig.plan.families.expecting import all_stay
from rig.plan.stimulus import (
    Stimulus,
    beyond,
    far_beyond,
    home,
    just_beyond,
    normal_ends,
    opened,
    paths,
    stimuli,
)
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.random_phase import RandomPhase
from rig.steps.set import Set

_ROUNDS = 3  # a thing that works once may fail the next time
_CURRENT = 0.4  # of the lowest over-current limit: flows while another protection acts


def in_turn(profile: Profile, options: Options) -> Iterator[Draft]:
    """Each cell or sensor in turn, by little and by much: it acts and lets go every time.

    The others stand at nominal, at the other end of their normal range, or at the same end.
    """
    for name, protection in chosen(profile, options, _comes_and_goes):
        if protection.unit == "A" and not _closes_by_itself(profile):
            continue  # no current flows again until it is asked for
        turns = _turns(profile, name, protection)
        cycles = [cycle(profile, s, protection, f" {i}") for i, s in enumerate(turns, start=1)]
        yield draft_of(
            f"{protection.short} acts and lets go {len(turns)} times, each at another place or"
            " by more",
            turns[0],
            protection,
            steps=[
                RandomPhase(span_s=phase_s(profile)),
                *(step for c in cycles for step in c.steps),
                Hold(duration_s=AFTER_S),
            ],
            expectations=[
                *(e for c in cycles for e in c.expectations),
                *_others_stay(profile, turns, protection),
                *_lasts(protection, len(turns)),
            ],
        )


def _closes_by_itself(profile: Profile) -> bool:
    """Whether its paths conduct again once a protection has let go, without being asked."""
    return profile.start.by != "request"


def _comes_and_goes(protection: Protection) -> bool:
    """Whether it acts on what can be made and unmade within seconds, as often as one likes."""
    return recovers_by_itself(protection) and not protection.watches.startswith(("host", "console"))


def _turns(profile: Profile, name: str, protection: Protection) -> list[Stimulus]:
    """Give one stimulus for each turn: every target, and three turns at least."""
    each = stimuli(profile, name)
    rounds = -(-_ROUNDS // len(each))
    if not has_level(protection):
        return each * rounds
    values = (just_beyond(protection), far_beyond(profile, name), beyond(profile, name))
    turns = []
    for turn, stimulus in enumerate(each * rounds):
        others = [s.target for s in each if s.target != stimulus.target]
        places = _places(profile, protection)
        place = places[turn % len(places)] if others else None
        moved = {} if place is None else dict.fromkeys(others, place)
        nominal = home(profile, stimulus.target)
        turns.append(at_level(stimulus, values[turn % len(values)], nominal, moved))
    return turns


def _places(profile: Profile, protection: Protection) -> tuple[float | None, ...]:
    """Where the others stand: opposite, nominal, at the same end."""
    low, high = normal_ends(profile, protection)
    opposite, same = (low, high) if protection.rising else (high, low)
    return opposite, None, same


def _others_stay(
    profile: Profile, turns: Sequence[Stimulus], protection: Protection
) -> Iterator[Expectation]:
    opens = set(protection.opens) | {o for s in turns for o in opened(profile, s.values)}
    for output in paths(profile):
        if output not in opens:
            yield Stays(output=output, is_open=False)


def _lasts(protection: Protection, turns: int) -> Iterator[Expectation]:
    """What it opens stays closed from the last recovery on."""
    for output in protection.opens:
        yield Stays(output=output, is_open=False, begin=f"{LET_GO} {turns}")


def with_current(profile: Profile, options: Options) -> Iterator[Draft]:
    """Let current flow one way, then the other: what watches voltage or heat acts all the same.

    Where no current flows again until it is asked for, that takes a case each.
    """
    if not (ways := _flows(profile)):
        return
    together = _closes_by_itself(profile)
    for flows in [ways] if together else [[amps] for amps in ways]:
        for stimulus, protection in one_stimulus_each(profile, options, _is_no_current):
            yield _with(profile, stimulus, protection, flows, together=together)


def _with(
    profile: Profile,
    stimulus: Stimulus,
    protection: Protection,
    flows: Sequence[float],
    *,
    together: bool,
) -> Draft:
    parts = [cycle(profile, stimulus, protection, f" at {amps:g} A") for amps in flows]
    steps: list[Step] = [RandomPhase(span_s=phase_s(profile))]
    for amps, part in zip(flows, parts, strict=True):
        steps += [Set(values={"current": amps}), Hold(duration_s=AFTER_S), *part.steps]
    return draft_of(
        f"{protection.short} acts and lets go while {_said(flows)} flow",
        stimulus,
        protection,
        parameters=None if together else {"current": f"{flows[0]:g} A"},
        steps=steps,
        expectations=[
            *(e for part in parts for e in part.expectations),
            *all_stay(profile, stimulus.values, None, None),
        ],
    )


def _is_no_current(protection: Protection) -> bool:
    return has_level(protection) and recovers_by_itself(protection) and protection.unit != "A"


def _flows(profile: Profile) -> list[float]:
    """Give a charge and a discharge current that no protection minds."""
    if not profile.has_current:
        return []
    found = []
    for watches, sign in (("charge current", 1.0), ("discharge current", -1.0)):
        levels = [abs(p.level) for p in profile.protections.values() if p.watches == watches]
        if levels:
            found.append(round(sign * _CURRENT * min(levels), 1))
    return found


def _said(flows: Sequence[float]) -> str:
    return " or ".join(f"{amps:g} A" for amps in flows)
