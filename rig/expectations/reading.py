"""From a plan's words to expectations: which kind is meant, and what a profile says of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from rig.can_address import SignalAddress
from rig.console_name import is_console
from rig.description import mistake_error, suggest
from rig.expectations.expectation import Expectation
from rig.expectations.words import CONSOLE, SIGNAL, Subject, Words
from rig.steps.resolver import Resolver


@dataclass(frozen=True, slots=True)
class Said:
    """What a plan says of one output, signal …, as far as it can be read without a profile."""

    given: frozenset[str]  # its words
    kind: type[Expectation] | None = None  # None: they don't fit, or something is missing
    content: Words | None = None


def models() -> list[type[Words]]:
    """Give the words of all kinds."""
    return [kind.words for kind in Expectation.kinds().values()]


def subjects() -> list[Subject]:
    """Give all that something can be expected of."""
    return list(dict.fromkeys(kind.subject for kind in Expectation.kinds().values()))


# ---- without a profile --------------------------------------------------------------------------
def said(name: str, value: Any) -> Said:
    """Choose the kind by its word, and check shape and units of what stands beside it.

    Raises
    ------
    PydanticCustomError, ValidationError
        It is no expectation, or a value is wrong.
    """
    kinds = _of_name(name)
    entries = _mapping(value, kinds)
    known = {word for words in models() for word in words.known()}
    if unknown := [key for key in entries if key not in known]:
        raise _not_known(entries, unknown, kinds)
    given = frozenset(entries)
    meant = [kind for kind in kinds if given & set(kind.words.leads)]
    if len(meant) != 1:
        return Said(given)
    [kind] = meant
    fitting = {key: content for key, content in entries.items() if key in kind.words.known()}
    content = _checked(kind.words, fitting)
    return Said(given, kind if content else None, content)


def _of_name(name: str) -> list[type[Expectation]]:
    """Give the kinds of what may be called so, as far as that can be told without a profile."""
    alone = CONSOLE.name if is_console(name) else name
    may_be = [subject for subject in subjects() if subject.name == alone]
    if not may_be:
        of_bms = (subject for subject in subjects() if not subject.name)
        is_signal = bool(SignalAddress(name).name)
        may_be = [subject for subject in of_bms if (subject is SIGNAL) is is_signal]
    return [kind for kind in Expectation.kinds().values() if kind.subject in may_be]


def _mapping(value: Any, kinds: Iterable[type[Expectation]]) -> Mapping[str, Any]:
    """Read short forms: "stays closed", [cell 3] of what has only one word."""
    leads = [lead for kind in kinds for lead in kind.words.leads]
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and len(leads) == 1:
        return {leads[0]: value}
    for lead in leads:
        if isinstance(value, str) and value.startswith(f"{lead} "):
            return {lead: value.removeprefix(lead).strip()}
    mend = 'write for example "stays closed", "stays 0", "says ready"'
    raise mistake_error(f'"{value}" is no expectation', mend)


def _checked(words: type[Words], entries: Mapping[str, Any]) -> Words | None:
    """Check what stands there; None where only something is missing, which is reported later."""
    try:
        return words.model_validate(entries, by_alias=True, by_name=False)
    except ValidationError as error:
        if all(detail["type"] == "missing" for detail in error.errors(include_url=False)):
            return None
        raise


def _not_known(
    entries: Mapping[str, Any], unknown: Iterable[str], kinds: Iterable[type[Expectation]]
) -> ValidationError:
    known = [word for kind in kinds for word in kind.words.known()]
    return ValidationError.from_exception_data(
        "expectation",
        [
            InitErrorDetails(
                type=mistake_error(f'"{key}" is not known here', suggest(key, known), at_key=True),
                loc=(key,),
                input=entries[key],
            )
            for key in unknown
        ],
    )


# ---- against a profile --------------------------------------------------------------------------
def expected(name: str, words: Said, names: Resolver) -> Iterator[Expectation]:
    """Make the expectations of one entry; every mistake is reported to `names`."""
    profile = names.profile
    subject = next((s for s in subjects() if s.has(name, profile)), None)
    if subject is None:
        fixed = [s.name for s in subjects() if s.name]
        known = [*profile.outputs, *profile.messages, *fixed]
        names.refuse(f'there is no output or message "{name}"', suggest(name, known))
        return
    found = list(_unfit(subject, words.given))
    for what, mend in found:
        names.refuse(what, mend)
    if found or words.kind is None or words.content is None:
        return
    for made in words.kind.read(name, words.content, names):
        made.check(names)
        yield made


def _unfit(subject: Subject, given: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Tell which words say nothing of this subject, or beside each other, and which are missing."""
    kinds = {k.words for k in Expectation.kinds().values() if k.subject is subject}
    known = ", ".join(sorted(lead for words in kinds for lead in words.leads))
    meant = [words for words in kinds if given & set(words.leads)]
    leads = {lead for words in meant for lead in words.leads if lead in given}
    is_one = len(meant) == 1 and (len(leads) == 1 or meant[0].together)
    if is_one:
        beside = sorted(meant[0].known().keys() - set(meant[0].leads))
        strays, takes = given - meant[0].known().keys(), ", ".join(beside) or "nothing"
        where = f'beside "{min(leads)}"'
        mend = f"{where} stands {takes}"
    else:
        strays = given - {word for words in kinds for word in words.known()}
        where, mend = f"about {subject.said}", f"for {subject.said}: {known}"
    yield from ((f'"{stray}" says nothing {where}', mend) for stray in sorted(strays))
    if strays:
        return
    if not is_one:
        yield f"what is expected of {subject.said}?", f"write one of {known}"
        return
    for key, asked in meant[0].asks.items():
        if key not in given:
            yield asked
