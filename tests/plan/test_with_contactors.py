"""What families make of a BMS whose contactors close on a request alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rig.dut.profile import Profile
from rig.plan.case import Begins, Power, Set, Step, Traffic
from rig.plan.families import FAMILIES, Draft, Options


def drafts(family: str, profile: Profile) -> list[Draft]:
    return list(FAMILIES[family](profile, Options()))


def let_flow(steps: list[Step], begins: Begins) -> Iterator[bool]:
    """Whether the contactors were asked to close, for each current that is let flow."""
    new, asked = False, begins == "ready"
    for step in steps:
        if isinstance(step, Power):
            new = asked = False
        elif isinstance(step, Traffic):
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
    flows = [asked for d in drafts(family, sixteen) for asked in let_flow(list(d.steps), d.begins)]

    assert flows
    assert all(flows)
