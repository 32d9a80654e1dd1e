"""Old words of plans and profiles: whoever writes one is told the new one; stored ones are read."""

from __future__ import annotations

import pytest

from rig.description import BrokenDescriptionError, Description, parse
from rig.former_words import with_words_of_today, word_of_today
from rig.mistakes import suggest


class Cause(Description):
    console: str


class Lamp(Description):
    flags: dict[str, int]
    console: str = ""
    causes: tuple[Cause, ...] = ()


OLD = 'says: {Status.OV: 1}\ncauses:\n  - says: "rst:0x1"\n'


@pytest.mark.parametrize(
    ("known", "new"),
    [(["flags", "console"], "flags"), (["by", "console"], "console"), (["by"], None)],
)
def test_of_several_new_words_the_one_counts_that_is_known_there(
    known: list[str], new: str | None
) -> None:
    assert word_of_today("says", known) == new


def test_an_old_word_is_answered_with_the_new_one() -> None:
    with pytest.raises(BrokenDescriptionError, match='it is called "flags" now') as refused:
        parse(OLD, Lamp, "lamp.yaml")

    assert "says" in str(refused.value)
    assert suggest("dither", ["random phase", "hold"]) == 'it is called "random phase" now'


def test_what_a_run_keeps_is_read_by_the_words_of_today() -> None:
    lamp = parse(OLD, Lamp, "lamp.yaml", stored=True).model

    assert lamp.flags == {"Status.OV": 1}
    assert lamp.causes[0].console == "rst:0x1"


def test_a_word_that_is_still_known_is_no_old_word() -> None:
    assert with_words_of_today({"load": 1, "new": 2}, ["load", "bus load"]) == {"load": 1, "new": 2}
