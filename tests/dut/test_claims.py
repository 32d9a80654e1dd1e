"""Claims of a profile: their ids, what stays of them while a profile changes, what was renamed."""

from __future__ import annotations

from typing import Any

import pytest

from rig.dut.claims import claims_of, known, requirements_of, today
from rig.dut.profile import Profile


def changed(profile: Profile, **sections: Any) -> Profile:
    return profile.model_copy(update=sections)


def test_a_claim_has_its_path_its_words_and_its_requirements(esp32: Profile) -> None:
    claims = claims_of(esp32)
    protection = esp32.protections["cell overvoltage"]

    assert claims["protections/cell overvoltage/delay"].title == "cell overvoltage: delay"
    assert claims["protections/cell overvoltage/acts@cell 3"].title.endswith("acts at cell 3")
    assert claims["protections/cell overvoltage/delay"].requirements == protection.traces_to
    assert protection.traces_to
    assert all(f"requirements/{r}" in claims for r in protection.traces_to)


def test_figures_and_order_are_no_part_of_an_id(esp32: Profile) -> None:
    other = changed(esp32, protections=dict(reversed(esp32.protections.items())))
    level = esp32.protections["cell undervoltage"].threshold
    moved = esp32.protections["cell overvoltage"].model_copy(update={"threshold": level})
    other.protections["cell overvoltage"] = moved

    assert set(claims_of(other)) == set(claims_of(esp32))
    assert list(claims_of(other)) != list(claims_of(esp32))


@pytest.mark.parametrize("name", ["esp32", "sixteen", "pbmslsuite"])
def test_ids_and_titles_are_all_different(name: str, request: pytest.FixtureRequest) -> None:
    claims = claims_of(request.getfixturevalue(name)).values()

    assert len({claim.title for claim in claims}) == len(claims)


def test_what_is_no_claim_of_the_profile_is_not_known(esp32: Profile) -> None:
    there = "protections/cell overvoltage/delay"
    named = [there, f"{there}@cell 3", f"{there}/inside@cell 3", "protections/moon/delay", there]

    assert known(esp32, named)[:2] == (there, f"{there}@cell 3")
    assert "protections/moon/delay" not in known(esp32, named)
    assert requirements_of(esp32, [f"{there}@cell 3"]) == {
        there: esp32.protections["cell overvoltage"].traces_to
    }


def test_a_renamed_claim_says_what_it_was(esp32: Profile) -> None:
    now = changed(esp32, was={"protections/OV": "protections/cell overvoltage"})

    assert today(now, "protections/OV/delay@cell 3") == "protections/cell overvoltage/delay@cell 3"
    assert today(now, "protections/OV") == "protections/cell overvoltage"
    assert today(now, "protections/OV2/delay") == "protections/OV2/delay"
