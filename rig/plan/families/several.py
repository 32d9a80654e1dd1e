"""Families in which more than one thing is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rig.dut.profile import Profile, Protection
from rig.plan.case import Dither, Expectation, Hold, Set, Stays, Trips
from rig.plan.families.choosing import chosen, delay_of, is_slow
from rig.plan.families.draft import AFTER_S, DITHER_S, Draft, Options, draft_of, whose
from rig.plan.families.expecting import said_within_s, says
from rig.plan.stimulus import APPLIED, Stimulus, acting, opened, paths, stimuli

_ONE_BY_ONE_S = 0.35  # instruments are commanded one after the other (instruments.md 5)


def two_faults(profile: Profile, options: Options) -> Iterator[Draft]:
    """Two causes at once: the reaction is the union of both, and both are said."""
    candidates = [
        (s, p)
        for name, p in chosen(profile, options, is_slow)
        for s in stimuli(profile, name)[-1:]  # the last cell or sensor ...
    ]
    for i, (first, p) in enumerate(candidates):
        for second, q in candidates[i + 1 :]:
            other = stimuli(profile, second.protection)[0]  # ... and the first
            if first.target == other.target:
                continue
            values = {**first.values, **other.values}
            yield draft_of(
                f"{whose(p.short, first.target)} and {whose(q.short, other.target)} at once",
                first,
                p,
                parameters={"with": q.short, "with at": other.target},
                steps=[
                    Dither(span_s=DITHER_S),
                    Set(values=values, mark=APPLIED),
                    Hold(
                        duration_s=max(delay_of(p).high, delay_of(q).high)
                        + max(said_within_s(p), said_within_s(q))
                        + AFTER_S
                    ),
                ],
                expectations=[
                    *_union(profile, [(first, p), (other, q)]),
                    *(
                        e
                        for s, r in ((first, p), (other, q))
                        if _gets_to_act(profile, r, values)
                        for e in says(s, r)
                    ),
                ],
            )


def _union(profile: Profile, both: Sequence[tuple[Stimulus, Protection]]) -> Iterator[Expectation]:
    """Each output opens at the earliest of the reactions that open it; the others stay."""
    values = {q: v for stimulus, _ in both for q, v in stimulus.values.items()}
    for output in paths(profile):
        causes = [(s, p) for s, p in both if output in p.opens]
        if causes:
            stimulus, first = min(causes, key=lambda c: delay_of(c[1]).high)
            low_s = min(delay_of(p).low for _, p in causes)
            if len(causes) > 1:  # the other cause may have been there that much sooner
                low_s = max(0.0, low_s - _ONE_BY_ONE_S)
            yield Trips(
                output=output, since=stimulus.since, low_s=low_s, high_s=delay_of(first).high
            )
        elif output not in opened(profile, values):
            yield Stays(output=output, is_open=False)


def _gets_to_act(profile: Profile, protection: Protection, values: Mapping[str, float]) -> bool:
    """Whether its cause lasts: a current ends with whatever opens the path it flows through."""
    if protection.unit != "A":
        return True
    latest_s = delay_of(protection).high + _ONE_BY_ONE_S
    return not any(
        p != protection and set(p.opens) & set(protection.opens) and delay_of(p).low <= latest_s
        for p in acting(profile, values).values()
    )
