"""Reading YAML: every mistake of a file, by line, column and field, with what would be right."""

from __future__ import annotations

import pickle
from functools import cached_property
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, PlainValidator, WithJsonSchema

from rig.description import BrokenDescriptionError, Description, load, parse
from rig.errors import DescriptionError
from rig.quantity import Seconds, Toleranced, parse_toleranced, reader


class Part(Description):
    """A thing with a threshold."""

    threshold: Annotated[
        Toleranced,
        PlainValidator(reader(parse_toleranced, "V")),
        WithJsonSchema({"examples": ["3.65 V ± 10 mV"]}),
    ]
    delay_s: Annotated[Seconds, Field(alias="delay")]


class Whole(Description):
    """Several of them."""

    full_name: str
    parts: dict[str, Part] = Field(default_factory=dict)
    numbers: tuple[int, ...] = ()
    is_on: bool = False


def _mistakes(text: str) -> list[str]:
    with pytest.raises(BrokenDescriptionError) as broken:
        parse(text, Whole, "file.yaml")
    return [str(m) for m in broken.value.mistakes]


def test_words_with_spaces_become_si_attributes() -> None:
    text = "full name: x\nparts:\n  first one: {threshold: 3.65 V ± 10 mV, delay: 800 ms}\n"

    part = parse(text, Whole, "file.yaml").model.parts["first one"]

    assert part.delay_s == 0.8
    assert part.threshold.value == 3.65


def test_all_mistakes_of_a_file_are_named_at_once_in_its_order() -> None:
    text = (
        "full name: x\n"
        "parts:\n"
        "  one: {threshold: 3.65, delay: 800 mV}\n"
        "  two: {treshold: 3.65 V ± 10 mV, delay: 1 s}\n"
        "numbers: [1, two]\n"
    )

    assert _mistakes(text) == [
        'file.yaml:3:20: parts.one.threshold: "3.65" has no unit;'
        ' write for example "3.65 V ± 10 mV"',
        'file.yaml:3:33: parts.one.delay: "800 mV" is a voltage, a time is wanted;'
        ' write for example "800 ms"',
        'file.yaml:4:3: parts.two.threshold: "threshold" is missing;'
        ' add for example "threshold: 3.65 V ± 10 mV"',
        'file.yaml:4:9: parts.two.treshold: "treshold" is not known here;'
        ' did you mean "threshold"? (known: threshold, delay)',
        'file.yaml:5:14: numbers[2]: a whole number is wanted, found "two"; write for example 4',
    ]


def test_names_of_the_code_are_no_words_of_a_description() -> None:
    assert 'did you mean "full name"?' in _mistakes("full_name: x\n")[-1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "1:1: the file is empty; write a description", id="empty"),
        pytest.param("# nothing\n", "1:1: the file is empty; write a description", id="comment"),
        pytest.param("- a\n", "1:1: the file holds no mapping of keys to values", id="list"),
        pytest.param("full name: x\n\tparts: {}\n", "2:1: a tab stands where", id="tab"),
        pytest.param('full name: "x\n', "1:12: a quote is not closed", id="quote"),
        pytest.param("numbers: [1, 2\n", '1:10: a "[" is not closed', id="bracket"),
        pytest.param("full name: x: y\n", '1:13: a second ":" in one line', id="colon"),
        pytest.param("full name: x\n---\nfull name: y\n", "2:1: a second document", id="documents"),
        pytest.param("full name: *x\n", "1:12: an alias has no anchor", id="alias"),
        pytest.param(
            "full name: x\nfull name: y\n", '2:1: full name: "full name" stands', id="twice"
        ),
        pytest.param("full name: x\n? [a]\n: b\n", "2:3: a key is not a word", id="key"),
        pytest.param("full name: !!python/name:os.system\n", "means nothing", id="tag"),
        pytest.param("full name: x\nparts: &a {b: *a}\n", "an alias holds itself", id="cycle"),
    ],
)
def test_a_file_that_is_no_yaml_says_where(text: str, message: str) -> None:
    assert message in "\n".join(_mistakes(text))


@pytest.mark.parametrize("word", ["on", "off", "yes", "no", "1:30", "2027-03-31"])
def test_words_that_old_yaml_turns_into_something_else_stay_words(word: str) -> None:
    assert parse(f"full name: {word}\n", Whole, "f").model.full_name == word


def test_a_missing_file_names_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "nightly.yaml").write_text("full name: x\n", encoding="utf-8")

    with pytest.raises(DescriptionError, match=r'no such file; did you mean "nightly\.yaml"'):
        load(tmp_path / "nightli.yaml", Whole)


def test_a_file_that_is_not_utf_8_says_so(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("full name: 25 °C\n".encode("latin-1"))

    with pytest.raises(DescriptionError, match=r":1:15: this is not UTF-8"):
        load(path, Whole)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "windows.yaml"
    path.write_bytes(b"\xef\xbb\xbffull name: x\r\n")

    assert load(path, Whole).full_name == "x"


def test_mistakes_survive_pickling() -> None:
    with pytest.raises(BrokenDescriptionError) as broken:
        parse("full name: 1\n", Whole, "f")

    assert str(pickle.loads(pickle.dumps(broken.value))) == str(broken.value)  # noqa: S301 -- ours


@given(st.text(alphabet="ab:-[]{}#&*!|>'\"%@`, \n\t\\1.~?", max_size=40))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        parse(text, Whole, "f")
    except BrokenDescriptionError as error:
        places = [(m.line, m.column, m.mend) for m in error.mistakes]
    else:
        return

    assert places
    assert all(line >= 1 and column >= 1 and mend for line, column, mend in places)


class _Square(Description):
    side: int

    @cached_property
    def area(self) -> int:
        return self.side**2


def test_a_copy_that_is_changed_works_out_anew_what_follows() -> None:
    square = _Square(side=3)
    assert square.area == 9

    assert square.model_copy(update={"side": 4}).area == 16
    assert square.model_copy() == square
