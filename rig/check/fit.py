"""Whether a profile, its DBC and a bench fit each other, and what may be commanded on the two."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import cantools

from rig.bench.description import BenchFile
from rig.bench.limits import Allowed, limits_of
from rig.bounds import WIDEST_SPAN
from rig.can_address import OWN_BUS, MessageAddress, SignalAddress
from rig.check.values import (
    broken,
    checksums,
    is_whole_byte,
    misfit,
    reported_values,
    said_values,
)
from rig.console_name import OWN_CONSOLE
from rig.description import BrokenDescriptionError, Document, Location, Mistake, suggest
from rig.dut.profile import Profile
from rig.quantities import CURRENT, LINK, PACK, SUPPLY, Kind, kind_of, unit_of
from rig.quantity import format as shown
from rig.yaml_data import is_file


def _messages_of(dbc: Path) -> tuple[dict[str, Any], str]:
    """Give the messages of a DBC by name, and why there are none."""
    if not is_file(dbc):
        return {}, "there is no file"
    try:
        database = cantools.database.load_file(dbc)
        found = {message.name: message for message in database.messages}  # type: ignore[union-attr]
    except Exception as error:  # noqa: BLE001 -- its parser's own, and whatever a file brings about
        return {}, f"{error}" or type(error).__name__
    return found, "it holds no message"


def _where(bus: str) -> Location:
    """Give where the profile names the DBC of a bus."""
    return ("can", "dbc") if bus == OWN_BUS else ("buses", bus, "dbc")


class Fit:
    """A profile, and a bench where there is one: what they say of each other."""

    def __init__(self, profile: Document[Profile], bench: Document[BenchFile] | None) -> None:
        self.profile_document, self.bench_document = profile, bench
        self.profile = profile.model
        self.bench = bench.model if bench else None

    @staticmethod
    def refuse(mistakes: Iterable[Mistake]) -> None:
        """Raise BrokenDescriptionError with all of them, if there are any."""
        if found := list(mistakes):
            raise BrokenDescriptionError(found)

    @cached_property
    def _databases(self) -> Mapping[str, tuple[dict[str, Any], str]]:
        """Messages of the DBC of each bus, by name, and why there are none."""
        return {bus: _messages_of(path) for bus, path in self.profile.dbc_paths.items()}

    def _message(self, name: str) -> Any:
        """Give the DBC's message of an address, or of a signal's; None: there is none."""
        address = SignalAddress(name).message
        messages, _ = self._databases.get(address.bus, ({}, ""))
        return messages.get(address.name)

    def profile_mistakes(self) -> Iterator[Mistake]:
        """Hold the profile against its DBCs."""
        document = self.profile_document
        if unread := list(self._unread()):
            yield from unread
            return
        if not self._databases:
            return
        for where, name in self.profile.signals():
            if found := self.unknown_signal(name):
                yield document.mistake(where, *found)
        yield from self._lengths()
        yield from self._periods()
        if useless := list(self._signals()):
            yield from useless  # whose values would mean nothing
            return
        yield from self._values()

    def _unread(self) -> Iterator[Mistake]:
        """DBCs that are not there, that are none, or that a run could not keep apart."""
        paths: dict[str, Path] = {}
        for bus, path in self.profile.dbc_paths.items():
            where, document = _where(bus), self.profile_document
            if not is_file(path):
                yield document.mistake(where, f"there is no file {path}", "put it there")
            elif not self._databases[bus][0]:
                what = f"{path} is no DBC that can be read: {self._databases[bus][1]}"
                yield document.mistake(where, what, "open it with a DBC editor")
            elif paths.setdefault(path.name, path) != path:
                what = f"{path} and {paths[path.name]} have one name"
                yield document.mistake(where, what, "rename one of the two files")

    def _periods(self) -> Iterator[Mistake]:
        """A period that the DBC states too is the same there."""
        received = self.profile.can.receives if self.profile.can else {}
        sent = self.profile.messages.items()
        for where, name, period_s, off_s in (
            *((("messages", n, "period"), n, p.period.value, p.period.tolerance) for n, p in sent),
            *(
                (("can", "receives", n, "period"), n, r.period_s, 0.1 * r.period_s)
                for n, r in received.items()
            ),
        ):
            cycle_ms = getattr(self._message(name), "cycle_time", None)
            if cycle_ms and abs(period_s - cycle_ms / 1000.0) > off_s:
                what = f"the DBC sends {name} every {shown(cycle_ms / 1000.0, 's')}"
                yield self.profile_document.mistake(where, what, "correct one of the two")

    def _signals(self) -> Iterator[Mistake]:
        """Signals of the messages named that carry nothing, and checksums that are no byte."""
        profile, document = self.profile, self.profile_document
        named = [SignalAddress(name).message for _, name in profile.signals()]
        received = profile.can.receives if profile.can else {}
        for message in dict.fromkeys([*named, *profile.messages, *received]):
            address, signals = (
                MessageAddress(message),
                getattr(self._message(message), "signals", ()),
            )
            for found in (broken(s, address.signal(s.name)) for s in signals):
                if found:
                    yield document.mistake(_where(address.bus), *found)
        for where, message, crc in checksums(profile):
            name = MessageAddress(message).signal(crc)
            signal = self._signal(name)
            if signal is not None and not is_whole_byte(signal):
                what = f"{name} is not one whole byte, so it can't hold a CRC-8"
                yield document.mistake(
                    where, what, "name the signal of the checksum, or mend the DBC"
                )

    def _values(self) -> Iterator[Mistake]:
        for where, name, value in said_values(self.profile):
            if found := self.misfit(name, value):
                yield self.profile_document.mistake(where, *found)
        for where, name, value in reported_values(self.profile):
            if found := self.misfit(name, value, exact=False):
                yield self.profile_document.mistake(where, *found)

    def _lengths(self) -> Iterator[Mistake]:
        document, can = self.profile_document, self.profile.can
        for name, claim in self.profile.messages.items():
            where: Location = ("messages", name)
            if found := self.unknown_message(name):
                yield document.key_mistake(where, *found)
            elif claim.length != (length := self._message(name).length):
                what = f"the DBC gives {name} {length} bytes, not {claim.length}"
                yield document.mistake((*where, "length"), what, "correct one of the two")
        for name in can.receives if can else ():
            if found := self.unknown_message(name):
                yield document.key_mistake(("can", "receives", name), *found)

    def unknown_message(self, name: str) -> tuple[str, str] | None:
        """Say that the DBC has no such message, if it hasn't."""
        address = SignalAddress(name).message
        messages, _ = self._databases.get(address.bus, ({}, ""))
        if self._databases and (found := self.profile.unknown_place(address)):
            return found
        if not messages or address.name in messages:
            return None
        of_bus = "" if address.bus == OWN_BUS else f" of {address.bus}"
        return f'the DBC{of_bus} has no message "{address.name}"', suggest(address.name, messages)

    def unknown_signal(self, name: str) -> tuple[str, str] | None:
        """Say what is wrong with "Message.Signal", or a message alone, if anything is."""
        address, message = SignalAddress(name), self._message(name)
        if (found := self.unknown_message(name)) or message is None or not address.name:
            return found
        signals = [s.name for s in message.signals]
        if address.name in signals:
            return None
        return f'{address.message} has no signal "{address.name}"', suggest(address.name, signals)

    def misfit(self, name: str, value: float, *, exact: bool = True) -> tuple[str, str] | None:
        """Say that "Message.Signal" can't hold a value; nothing of a signal that there is not."""
        found = self._signal(name)
        return found and misfit(found, name, value, exact=exact)

    def _signal(self, name: str) -> Any:
        """Give the DBC's signal; None: there is none."""
        signals = getattr(self._message(name), "signals", ())
        return next((s for s in signals if s.name == SignalAddress(name).name), None)

    def bench_mistakes(self) -> Iterator[Mistake]:
        """Hold the bench against the profile."""
        if self.bench_document is None or self.bench is None:
            return
        document, bench, profile = self.bench_document, self.bench, self.profile
        terms = [
            *profile.fed,
            *profile.outputs,
            CURRENT.word,
            SUPPLY.word,
            PACK.word,
            *profile.links,
        ]
        terms += [LINK.word] if profile.contactors else []
        for term in bench.wiring:
            if term not in terms:
                what = f'{profile.name} has no terminal "{term}"'
                yield document.key_mistake(("wiring", term), what, suggest(term, terms))
        for quantity in profile.fed:
            yield from self._driven(quantity)
        consoles = [OWN_CONSOLE] if profile.console is not None else []
        yield from self._linked("console", consoles, bench.consoles)
        yield from self._linked("can", profile.dbcs, bench.buses)
        yield from self._nominal()
        yield from self._spans()

    def _linked(self, key: str, wanted: Iterable[str], there: Collection[str]) -> Iterator[Mistake]:
        """Tell each link of the BMS that the bench has not; a link's own name needs no word."""
        assert self.bench_document is not None  # noqa: S101 -- its only caller looked
        for name in (name for name in wanted if name not in there):
            of_name = "" if name == key else f" {name}"
            what = f"{self.profile.name} has a {key} link{of_name}, and the bench has none"
            mend = f"add {key}:" + (f" with one named {name}" if there or of_name else "")
            yield self.bench_document.mistake((key,), what, mend)

    def _spans(self) -> Iterator[Mistake]:
        """A tap must be able to show the level above which its output counts as closed."""
        assert self.bench is not None  # noqa: S101 -- its only caller looked
        assert self.bench_document is not None  # noqa: S101
        for name, output in self.profile.outputs.items():
            wiring = self.bench.wiring.get(name)
            span_v = wiring.span_v if wiring else None
            if span_v is not None and span_v <= output.closed_above_v:
                level = shown(output.closed_above_v, "V")
                where = self.profile_document.at(("outputs", name, "closed above"))
                what = f"the tap shows {shown(span_v, 'V')}, and closed above is {level} ({where})"
                yield self.bench_document.mistake(
                    ("wiring", name, "span"), what, "widen the span, or correct the level"
                )
            yield from self._too_wide(name, span_v, output.closed_above_v)
        for name in self.profile.cell_names:
            wiring, most_v = self.bench.wiring.get(name), self.ranges[name].high
            span_v = wiring.span_v if wiring else None
            if span_v is not None and span_v < most_v:
                what = f"{name} is set up to {shown(most_v, 'V')}, which the tap can't show"
                yield self.bench_document.mistake(("wiring", name, "span"), what, "widen the span")
            yield from self._too_wide(name, span_v, most_v)

    def _too_wide(self, name: str, span_v: float | None, shows_v: float) -> Iterator[Mistake]:
        """A span so wide that what it shows is lost in its steps."""
        if span_v is not None and span_v > WIDEST_SPAN * shows_v and self.bench_document:
            what = f"of a span of {shown(span_v, 'V')}, {shown(shows_v, 'V')} is too little to see"
            yield self.bench_document.mistake(("wiring", name, "span"), what, "narrow the span")

    def _driven(self, quantity: str) -> Iterator[Mistake]:
        assert self.bench is not None  # noqa: S101 -- its only caller looked
        assert self.bench_document is not None  # noqa: S101
        wiring = self.bench.wiring.get(quantity)
        kind = kind_of(quantity)
        wired = {key for key, _ in wiring.wires()} if wiring else set()
        if kind is None or "from" in wired:
            return
        for key in [key for key in kind.sources if key != "from"] or ["from"]:
            if key not in wired:
                what = f"nothing drives {quantity} of {self.profile.name}: no {key}"
                mend = f"add {quantity}: {{{key}: instrument channel}}"
                yield self.bench_document.mistake(("wiring", quantity), what, mend)

    def _nominal(self) -> Iterator[Mistake]:
        """What every case starts from must be allowed too."""
        assert self.bench_document is not None  # noqa: S101 -- its only caller looked
        for quantity, value in self.profile.nominal_values.items():
            if found := self.beyond(quantity, value):
                yield self.bench_document.mistake(
                    ("limits",), f"at rest, {found}", "raise the limit"
                )

    @cached_property
    def ranges(self) -> Mapping[str, Allowed]:
        """What may be commanded, by quantity."""
        if self.bench is not None:
            return limits_of(self.bench, self.profile).ranges
        by = f"the profile {self.profile.name}"
        allowed = {q: self.profile.allowed(q) for q in self.profile.fed}
        return {
            q: Allowed(low=a.low, high=a.high, low_from=by, high_from=by)
            for q, a in allowed.items()
        }

    def beyond(self, quantity: str, value: float) -> str | None:
        """Say that a value is beyond a limit, whose and where it stands; None if it isn't."""
        for part, share in self.profile.hierarchy.apart({quantity: value}).items():
            if found := self._beyond(part, share):
                return found
        return None

    def _beyond(self, quantity: str, value: float) -> str | None:
        allowed = self.ranges.get(quantity)
        if allowed is None or allowed.low <= value <= allowed.high:
            return None
        low = value < allowed.low
        limit, source = (
            (allowed.low, allowed.low_from) if low else (allowed.high, allowed.high_from)
        )
        unit = unit_of(quantity)
        return (
            f"{quantity} would be {shown(value, unit)}; {source} allows"
            f" {'no less than' if low else 'at most'} {shown(limit, unit)}"
            f" ({self._where_limit(kind_of(quantity), source, value)})"
        )

    def _where_limit(self, kind: Kind | None, source: str, value: float) -> str:
        """Find the line of the limit."""
        limit = (kind and kind.limit) or ""
        if source.startswith("the profile"):
            if kind is SUPPLY:
                return self.profile_document.at(("supply", "voltage"))
            if kind is CURRENT:
                limit = "charge current" if value > 0 else "discharge current"
            return self.profile_document.at(("limits", limit))
        assert self.bench_document is not None  # noqa: S101 -- who else has limits
        if source.startswith("the bench"):
            return self.bench_document.at(("limits", limit))
        return self.bench_document.at(("instruments", source.split(" (")[0], "limits"))
