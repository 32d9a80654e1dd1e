"""Settings and resets of a profile: the console's words, and mistakes named by their line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from rig.description import BrokenDescriptionError
from rig.dut.profile import Profile, load_profile

PROFILE = Path(__file__).parents[2] / "fixtures" / "duts" / "esp32-4s" / "profile.yaml"


@pytest.fixture(scope="module")
def esp32() -> Profile:
    return load_profile(PROFILE)


@pytest.fixture
def broken(tmp_path: Path) -> Callable[[str, str], str]:
    """Write the profile with one text replaced, and return what is said of it."""

    def read(old: str, new: str) -> str:
        text = PROFILE.read_text(encoding="utf-8")
        assert text.count(old) == 1
        (tmp_path / "bms.dbc").write_bytes((PROFILE.parent / "bms.dbc").read_bytes())
        (tmp_path / "profile.yaml").write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises(BrokenDescriptionError) as error:
            load_profile(tmp_path / "profile.yaml")
        return str(error.value)

    return read


def test_a_setting_is_typed_and_shown_with_its_decimals(esp32: Profile) -> None:
    settings = esp32.settings
    assert settings is not None

    assert settings.writing("ovp.trip", 3.6) == "set ovp.trip 3.600"
    assert settings.writing("utc.trip", -4.0) == "set utc.trip -4.0"
    assert settings.reading("ovp.trip") == "get ovp.trip"
    assert re.search(settings.shown("ovp.trip", 3.6, 3.7), "ovp.trip=3.700 V")
    assert not re.search(settings.shown("ovp.trip", 3.6), "ovp.trip=3.6000 V")
    assert not re.search(settings.shown("ovp.trip", 3.6), "ovpxtrip=3.600 V")


@pytest.mark.parametrize(
    ("line", "disturbs"),
    [("set ovp.trip 3.6", True), ("get ovp.trip", False), ("save", False), ("", False),
     ("settle", False), ("test storage", True), ("factory", False)],
)  # fmt: skip
def test_a_line_disturbs_settings_if_it_changes_or_spoils_one(
    esp32: Profile, line: str, *, disturbs: bool
) -> None:
    assert esp32.disturbs_settings(line) is disturbs


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "of: cell overvoltage, range: 3.45 V",
            "of: cell overvolt, range: 3.45 V",
            "cell overvolt",
        ),
        ("range: 3.45 V to 3.85 V", "range: 3.66 V to 3.85 V", "is outside"),
        ("range: 3.45 V to 3.85 V", "range: 3.64 V to 3.66 V", "can be told"),
        ("range: 3.45 V to 3.85 V", "range: 3 A to 4 A", "not of the kind"),
        ("provoked by: spoil settings", "provoked by: spoil", "console command"),
        ('write: "set {name} {value}"', 'write: "set {name}"', "{value}"),
        ("by: command, command: reboot", "by: command, command: boot", "console command"),
        ("by: supply dip", "by: power cycle", "supply dip"),
    ],
)
def test_a_mistake_is_named_with_its_line(
    broken: Callable[[str, str], str], old: str, new: str, says: str
) -> None:
    said = broken(old, new)

    assert says in said
    assert re.search(r"profile\.yaml:\d+:\d+:", said)


def test_a_setting_of_what_is_not_promised_is_named(broken: Callable[[str, str], str]) -> None:
    said = broken("occ1.trip: {parameter: threshold", "occ1.trip: {parameter: recovery level")

    assert "claims no recovery level" in said
