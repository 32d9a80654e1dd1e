"""What families make of a BMS whose contactors close on a request alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rig.case import Precondition
from rig.dut.profile import Profile
from rig.expectations.cycles import Cycles
from rig.expectations.signal_stays import SignalStays
from rig.plan.families import Draft, Options, families
from rig.steps import Step
from rig.steps.power import Power
from rig.steps.set import Set
from rig.steps.start_periodic import StartPeriodic


def drafts(family: str, profile: Profile) -> list[Draft]:
    return list(families()[family](profile, Options()))


def let_flow(steps: list[Step], precondition: Precondition) -> Iterator[bool]:
    """Whether the contactors were asked to close, for each current that is let flow."""
    new, asked = False, precondition == "ready"
    for step in steps:
        if isinstance(step, Power):
            new = asked = False
        elif isinstance(step, StartPeriodic):
            closes = step.signals.get("Request") == 1.0
            asked, new = closes and new, not closes
        elif isinstance(step, Set) and step.values.get("current", 0.0) != 0.0:
            yield asked


@pytest.mark.parametrize(
    "family", ["timer wrap", "charge counted", "charge ends", "load after start"]
)
def test_no_current_is_let_flow_after_a_start_before_the_contactors_were_asked_to_close(
    family: str, sixteen: Profile
) -> None:
    flows = [
        asked for d in drafts(family, sixteen) for asked in let_flow(list(d.steps), d.precondition)
    ]

    assert flows
    assert all(flows)


@pytest.mark.parametrize(
    ("protection", "main"),
    [
        ("cell overvoltage", 0.0),
        ("charge overcurrent 1", 1.0),  # the charge path alone
        ("charge overcurrent 2", 0.0),
        ("cell imbalance", 1.0),  # a warning
    ],
)
def test_contactors_are_told_open_where_the_profile_says_what_opens_them_and_precharge_always(
    protection: str, main: float, sixteen: Profile
) -> None:
    (draft,) = [d for d in drafts("flags", sixteen) if d.protection == protection]

    reported = {
        e.signal.name: (e.value, e.begin)
        for e in draft.expectations
        if isinstance(e, SignalStays) and e.signal.message == "BMS_Contactors"
    }

    # Open by a trip, it is so once that has been said; else what is, is so all the time.
    assert reported == {"Main": (main, None if main else "tripped"), "Precharge": (0.0, None)}


def test_tries_are_counted_from_before_the_first_one(sixteen: Profile) -> None:
    """It closes within milliseconds of the request, and a record is placed no better."""
    for case in drafts("precharge fails", sixteen):
        for tries in (e for e in case.expectations if isinstance(e, Cycles)):
            marks = [getattr(step, "mark", None) for step in case.steps]
            assert marks.index(tries.begin) < marks.index("asked")
