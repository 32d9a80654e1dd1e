"""Words that profiles, plans and stored cases had before, each with the one that took its place.

Whoever writes an old word is told the new one; what was stored with old words is read as it was
meant. Pure; must not know a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# Of several, the one counts that is known where the old word stands.
_FORMER: Mapping[str, tuple[str, ...]] = {
    # profiles
    "allowance": ("current and voltage limits",),
    "also promises": ("also claims",),
    "bears": ("tolerates bus load",),
    "moves": ("parameter",),
    "says": ("flags", "flag", "console"),
    "says for": ("flags for",),
    "says within": ("flags within",),
    "seen to": ("input accuracy",),
    # plans
    "begins": ("precondition",),
    "dither": ("random phase",),
    "load": ("bus load",),
    "play": ("sequence",),
    "quiet": ("stop periodic",),
    "traffic": ("start periodic",),
    "wrong": ("frame fault",),
    # kinds of steps in stored cases that no plan wrote so
    "await": ("wait for",),
    "staircase": ("ramp",),
}


def word_of_today(word: str, known: Iterable[str]) -> str | None:
    """Give the word that took the place of an old one, if it is among those known there."""
    names = set(known)
    return next((new for new in _FORMER.get(word, ()) if new in names), None)


def with_words_of_today(entries: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """Give the entries under words that are known; what has no other word stays as it is."""
    names = set(known)
    return {
        (word if word in names else word_of_today(word, names) or word): content
        for word, content in entries.items()
    }
