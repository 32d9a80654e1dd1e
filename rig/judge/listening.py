"""Proof that something was listening. Silence on a link proves nothing without it."""

from __future__ import annotations

from rig.judge.rules import NoEvidence
from rig.judge.timing import channel_of
from rig.trace.model import Link, Trace


def must_have_listened(trace: Trace, name: str) -> Link:
    """Return the link; NoEvidence unless its receiver was alive throughout and dropped nothing."""
    link = trace.links.get(name)
    if link is None:
        raise NoEvidence(f"the bench has no {name} link, so nothing listened")
    if not link.alive:
        raise NoEvidence(f"the {name} receiver died during the case{_note(link)}")
    if link.dropped:
        raise NoEvidence(f"the {name} receiver dropped {link.dropped} of what came{_note(link)}")
    return link


def must_have_shown_closed(trace: Trace, output: str, level: float, what: str) -> None:
    """Refuse to lay an open output on the BMS whose tap never showed it closed: it may be dead.

    Parameters
    ----------
    level
        Above it the output counts as closed, in V.

    Raises
    ------
    NoEvidence
        No sample and no reading of the whole case is above it.
    """
    found = channel_of(trace, output)
    readings = [*trace.readings, *(trace.start.readings if trace.start else ())]
    metered = any(r.quantity == output and r.value > level for r in readings)
    if not metered and not (found and (found[1].values > level).any()):
        raise NoEvidence(f"{what} (is its tap connected? it never showed it closed)")


def _note(link: Link) -> str:
    return f" ({link.note})" if link.note else ""
