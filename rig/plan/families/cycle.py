"""A trip and a recovery as a part of a longer case, with marks of its own. Must not make drafts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rig.dut.profile import Profile, Protection
from rig.expectations import Expectation
from rig.instants import Crossing, Instant, Mark
from rig.plan.families.choosing import delay_of
from rig.plan.families.draft import AFTER_S
from rig.plan.families.expecting import recovers, said_within_s, says, trips, unsays
from rig.plan.families.recovery import TRIPPED, release_of
from rig.plan.stimulus import APPLIED, REMOVED, Stimulus
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.set import Set

LET_GO = "let go"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """What is done in it, and what must follow."""

    steps: Sequence[Step]
    expectations: Sequence[Expectation]


def cycle(profile: Profile, stimulus: Stimulus, protection: Protection, nth: str) -> Cycle:
    """Provoke a protection and let it go again; its marks bear `nth` behind their names."""
    marked = numbered(stimulus, nth)
    release = release_of(profile, stimulus, protection, nth, TRIPPED + nth)
    said_s = said_within_s(protection) + AFTER_S
    return Cycle(
        steps=[
            *marked.apply,
            Hold(duration_s=delay_of(protection).high + said_s, mark=TRIPPED + nth),
            *marked.remove,
            Hold(duration_s=release.time.high + said_s, mark=LET_GO + nth),
        ],
        expectations=[
            *trips(marked, protection),
            *says(marked, protection),
            *recovers(protection, release.since, release.time),
            *unsays(protection, release.said_since, release.said_time),
        ],
    )


def numbered(stimulus: Stimulus, nth: str) -> Stimulus:
    """Return the same stimulus with marks that bear `nth`, its cause looked for after them."""
    return replace(
        stimulus,
        apply=tuple(_numbered(step, nth) for step in stimulus.apply),
        remove=tuple(_numbered(step, nth) for step in stimulus.remove),
        since=since_nth(stimulus.since, nth),
    )


def since_nth(since: Instant, nth: str) -> Instant:
    """Return when the cause begins to count, in the part of the case whose marks bear `nth`."""
    if isinstance(since, Crossing):
        return replace(since, after=APPLIED + nth)
    return Mark(mark=since.mark + nth)


def _numbered(step: Step, nth: str) -> Step:
    return step.marked(step.mark + nth) if step.mark else step


def at_level(
    stimulus: Stimulus, level: float, home: float, others: Mapping[str, float] | None = None
) -> Stimulus:
    """Return a level's stimulus with another value, and with other quantities moved beforehand.

    `others` are where those are put first; they go to where the target goes when it is removed.
    """
    target, moved = stimulus.target, dict(others or {})
    before = (Set(values=moved), Hold(duration_s=AFTER_S)) if moved else ()
    back = {target: home, **dict.fromkeys(moved, home)}
    return replace(
        stimulus,
        apply=(*before, Set(values={target: level}, mark=APPLIED)),
        remove=(Set(values=back, mark=REMOVED),),
        values={target: level, **moved},
    )
