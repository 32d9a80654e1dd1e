"""Files that nobody means, or another tool wrote: refused in a line each, soon, with its place."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import pytest

from rig.check import check
from rig.description import BrokenDescriptionError, Mistake, load, parse
from tests.test_description import Whole

PLACE = re.compile(r"[^\n]+:\d+:\d+: [^\n]+; [^\n]+")


def _mistakes(text: str) -> list[str]:
    with pytest.raises(BrokenDescriptionError) as broken:
        parse(text, Whole, "file.yaml")
    return [str(m) for m in broken.value.mistakes]


@pytest.mark.parametrize("tag", ["!!timestamp", "!!bool", "!!int", "!!float", "!!null", "!!binary"])
@pytest.mark.parametrize("value", ["maybe", "12", "[a, b]", "{a: b}"])
def test_a_tag_is_refused_whatever_it_stands_at(tag: str, value: str) -> None:
    said = _mistakes(f"full name: {tag} {value}\n")

    assert any(f"1:12: full name: the tag {tag} means nothing here; remove" in m for m in said)


def test_a_tag_of_a_mapping_or_of_a_key_is_refused() -> None:
    said = "\n".join(_mistakes("full name: x\nparts: !!omap {}\n!!bool is on: true\n"))

    assert "2:8: parts: the tag !!omap means nothing here" in said
    assert "3:1: is on: the tag !!bool means nothing here" in said


@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ("{a: ", "}"), ("- ", "")])
@pytest.mark.parametrize("levels", [40, 900, 20_000])
def test_hundreds_of_levels_are_one_mistake(levels: int, opens: str, closes: str) -> None:
    begin = time.perf_counter()

    said = _mistakes("full name:\n " + opens * levels + "x" + closes * levels + "\n")

    assert "deeper than 32 levels" in said[0]
    assert time.perf_counter() - begin < 10.0


def test_aliases_of_aliases_are_not_expanded_without_bound() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 26)]

    said = _mistakes("\n".join(rows) + "\n")

    assert any("aliases repeat more than" in m for m in said)
    assert len(said) <= 30


def test_an_alias_that_repeats_a_little_is_well() -> None:
    text = "full name: &x y\nparts: {a: &p {threshold: 1 V ± 1 mV, delay: 1 s}, b: *p}\n"

    assert len(parse(text, Whole, "f").model.parts) == 2


def test_a_merge_key_says_that_there_are_none() -> None:
    said = _mistakes("full name: x\nparts:\n  a: &p {delay: 1 s}\n  b: {<<: *p, delay: 2 s}\n")

    assert any("4:7: parts.b.<<: a merge key takes nothing over here; write" in m for m in said)


@pytest.mark.parametrize(
    ("number", "found"), [("010", 10), ("0x10", 16), ("-7", -7), ("+3", 3), ("08", 8)]
)
def test_a_number_with_a_zero_before_it_is_no_octal(number: str, found: int) -> None:
    assert parse(f"full name: x\nnumbers: [{number}]\n", Whole, "f").model.numbers == (found,)


@pytest.mark.parametrize("number", ["9" * 5000, "1e999", "-1e400", "0x" + "f" * 4000])
def test_a_number_that_no_float_holds_is_refused(number: str) -> None:
    said = _mistakes(f"full name: x\nnumbers: [{number}]\n")

    assert "2:11: numbers[1]:" in said[0]
    assert "is too large" in said[0]
    assert len(said[0]) < 1000


@pytest.mark.parametrize(
    "text",
    [
        "full name: x\nis on: " + "m" * 1_000_000 + "\n",
        "full name: x\nparts: " + "m" * 1_000_000 + "\n",
        "full name: x\nparts: {a: {threshold: " + "9" * 1_000_000 + " V, delay: 1 s}}\n",
        "full name: x\nparts: {a: {threshold: 1 V ± 1 mV, delay: " + "s" * 1_000_000 + "}}\n",
        "full name: x\n? " + "k" * 1_000_000 + "\n: y\n",
    ],
    ids=["bool", "mapping", "number", "unit", "key"],
)
def test_a_megabyte_in_a_value_is_not_echoed(text: str) -> None:
    said = _mistakes(text)

    assert all(len(m) < 1500 for m in said)
    assert all("(1,000,0" in m or "999,9" in m for m in said[:1])


@pytest.mark.parametrize("character", ["\\n", "\\r", "\\t", "\\e[31m", "\\a", "\\u202e", "\\u2028"])
def test_control_characters_keep_a_mistake_in_its_line(character: str) -> None:
    said = _mistakes(
        f'full name: x\nis on: "a{character}b"\n"k{character}ey": 1\n'
        f'parts: {{"p{character}q": {{threshold: "3{character}", delay: 1 s}}}}\n'
    )

    for mistake in said:
        assert PLACE.fullmatch(mistake), mistake
        assert mistake.isprintable()


@pytest.mark.parametrize("half", ["\\ud800", "\\udfff", "x\\uDC00y"])
@pytest.mark.parametrize("text", ['full name: "{}"\n', 'full name: x\n"{}": 1\n'])
def test_half_of_a_pair_of_characters_is_a_mistake_in_its_line(text: str, half: str) -> None:
    said = _mistakes(text.replace("{}", half))

    assert any("is no character" in mistake for mistake in said)
    assert all(PLACE.fullmatch(mistake) and mistake.isprintable() for mistake in said)


def test_a_file_name_with_a_line_break_keeps_its_line() -> None:
    shown = str(Mistake("a\nb.yaml", 1, 1, "", "it is wrong", "mend it"))

    assert shown == "a\\nb.yaml:1:1: it is wrong; mend it"


def test_a_raw_control_character_has_a_place() -> None:
    (said,) = _mistakes("full name: x\nparts:\n  a\x07b: {}\n")

    assert said.startswith("file.yaml:3:4: ")
    assert "U+0007" in said


def test_a_file_of_nothing_but_errors_is_no_flood() -> None:
    text = "full name: x\n" + "".join(f"k{n}: 1\n" for n in range(3000))

    with pytest.raises(BrokenDescriptionError) as broken:
        parse(text, Whole, "file.yaml")

    lines = str(broken.value).splitlines()
    assert len(lines) <= 101
    assert lines[-1] == "… and 2,900 more mistakes in file.yaml"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in its folders")
def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    assert sys.platform != "win32"
    pipe = tmp_path / "plan.yaml"
    os.mkfifo(pipe)

    with pytest.raises(BrokenDescriptionError, match="it is no file"):
        load(pipe, Whole)
    assert "it is no file" in check([pipe]).text()


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no /dev/zero here")
def test_a_device_that_never_ends_is_no_file() -> None:
    assert "/dev/zero:1:1: it is no file" in check([Path("/dev/zero")]).text()


def test_a_file_larger_than_any_description_is_refused_unread(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    with large.open("wb") as file:
        file.truncate(5_000_000_000)  # a hole: it takes no room

    assert "larger than" in check([large]).text()


def test_a_name_longer_than_file_names_are_is_a_mistake(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    for name in ("x" * 5000, "a/" * 3000, "nul\\0byte"):
        plan.write_text(f'plan: p\nfor: "{name}"\ncases: [{{family: power up}}]\n', "utf-8")

        assert "there is no description" in check([plan]).text()


@pytest.mark.parametrize(
    "pattern", ["(" * 5000 + ")" * 5000, "a{99999999999999999999}", "(?P<n>a)(?P<n>b)", "*"]
)
def test_a_pattern_that_is_none_is_refused(pattern: str, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "plan: p\nfor: esp32-4s\ncases:\n  - name: n\n    steps: [{hold: 1 s}]\n"
        f"    expect: [{{console: {{never says: '{pattern}'}}}}]\n",
        encoding="utf-8",
    )

    assert "is no regular expression" in check([plan]).text()


@pytest.mark.parametrize("pattern", ["", ".*", "^", "x?", "(a|)"])
def test_a_pattern_that_every_line_matches_proves_nothing(pattern: str, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "plan: p\nfor: esp32-4s\ncases:\n  - name: n\n    steps: [{hold: 1 s, as: h}]\n"
        f"    expect: [{{console: {{says: '{pattern}', within: 1 s, after: h}}}}]\n",
        encoding="utf-8",
    )

    assert "matches every line" in check([plan]).text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("is on: true\nfull name = x\nparts: {}\n", '2:1: a line has no ": " between'),
        ("is on: true\nfull name:x\nparts: {}\n", '2:1: a line has no ": " between'),
        ("full name: x\nis on: true\t\n", "2:12: a tab stands where YAML wants spaces; write"),
        ('full name: "\\d"\n', "write \\\\d, or put single quotes"),
        ("[bms]\nname = x\n", "text stands beside the keys"),
        ("full name: x\nparts: {a: {threshold: 3,65 V}}\n", "a decimal comma"),
    ],
    ids=["equals", "no-blank", "tab", "backslash", "toml", "comma"],
)
def test_habits_of_other_formats_are_told_what_yaml_wants(text: str, said: str) -> None:
    assert said in "\n".join(_mistakes(text))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("full name: x\n  25 °C\n".encode("cp1252"), ":2:6: this is not UTF-8"),
        ("full name: x\n".encode("utf-16"), ":1:1: this is UTF-16"),
        ("full name: x\n".encode("utf-16-be"), ":1:1: a text holds the control character U+0000"),
    ],
)
def test_another_encoding_has_a_place(raw: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_bytes(raw)

    with pytest.raises(BrokenDescriptionError) as broken:
        load(path, Whole)
    assert said in str(broken.value)


def test_a_broken_profile_is_read_as_a_profile_by_its_name(tmp_path: Path) -> None:
    profile = tmp_path / "profile.yaml"
    profile.write_text('{"name": "x", "chip": "y"}', encoding="utf-8")

    assert '"protections" is missing' in check([profile]).text()
