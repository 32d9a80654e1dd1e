"""Which of a profile's claims the cases answer, and which a plan leaves out. Pure.

People read a claim by its title; several of one title count as answered once all of them are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

from rig.case import Case
from rig.dut.claims import SIDES, claims_of, each_claim, path_of, today
from rig.dut.profile import Profile, Protection
from rig.plan.complete import around_of


def claimed(profile: Profile) -> list[str]:
    """Titles of all claims of the profile, each once."""
    return list(dict.fromkeys(claim.title for claim in claims_of(profile).values()))


def left_out(patterns: Mapping[str, str], profile: Profile) -> dict[str, str]:
    """Claims that a plan leaves out, with its reason for each; "*" in a pattern is anything."""
    return {
        title: reason
        for pattern, reason in reversed(list(patterns.items()))  # of two that fit the first counts
        for title in matching(pattern, profile)
    }


def matching(pattern: str, profile: Profile) -> list[str]:
    """Titles that a pattern of `leaves out` means, by title or id; brackets are themselves."""
    title, name = (p.replace("[", "[[]") for p in (pattern, today(profile, pattern)))
    meant = (
        claim.title
        for claim in claims_of(profile).values()
        if fnmatchcase(claim.title, title) or fnmatchcase(claim.id, name)
    )
    return list(dict.fromkeys(meant))


def untested(profile: Profile, cases: Iterable[Case]) -> list[str]:
    """Titles of the claims that no case answers."""
    answered = {claim for case in cases for claim in answered_by(case, profile)}
    named = {today(profile, one) for claim in answered for one in each_claim(claim)}
    named |= {path_of(claim) for claim in named}
    open_ = (
        claim.title
        for claim in claims_of(profile).values()
        if claim.id not in named and not {f"{claim.id}/{side}" for side in SIDES} <= named
    )
    return list(dict.fromkeys(open_))


def answered_by(case: Case, profile: Profile) -> Iterator[str]:
    """Name the claims that a case answers; one that was stored without them is asked anew."""
    yield from (f"requirements/{r}" for r in case.traces_to)
    yield from case.claims
    around = around_of(case, profile)
    for wanted in case.expectations:
        yield from wanted.claims or wanted.answers(around)


def sentence_of(profile: Profile, title: str) -> str:
    """Say it in words: "the profile claims UTC recovery at 5 °C; no case looks"."""
    name, _, what = title.rpartition(": ")
    protection = profile.protections.get(name)
    said = _figure(protection, what) if protection else None
    return f"the profile claims {said or title}; no case looks"


def _figure(p: Protection, what: str) -> str | None:
    """A claim of a protection with its figure, where it has one."""
    recovers = p.recovers.level if p.recovers else None
    figures = {
        "threshold": p.threshold and f"{p.short} at {p.threshold}",
        "delay": p.delay and f"{p.short} after {p.delay}",
        "recovery level": recovers and f"{p.short} recovery at {recovers}",
    }
    if what.split()[0] in ("acts", "opens", "keeps", "recovers", "sets", "clears"):
        return f"that {p.short} {what}"
    return figures.get(what) or f"{p.short}: {what}"
