"""What a profile names and does not have, and values that its own limits rule out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rig.description import Document, Location, Mistake, suggest
from rig.dut.current_voltage_limits import Curve
from rig.dut.plausible import implausible
from rig.dut.settings_fit import misfits
from rig.quantities import BALANCE, CELL, CURRENT, TEMPERATURE

if TYPE_CHECKING:  # the profile asks here when it is read
    from rig.dut.profile import Profile, Protection


def contradictions(document: Document[Profile]) -> list[Mistake]:
    """Find what a profile names and doesn't have."""
    profile = document.model
    mistakes: list[Mistake] = []
    mistakes += _unknown(
        document, ("start", "closes"), profile.start.closes, profile.outputs, "output"
    )
    received = profile.can.receives if profile.can else {}
    mistakes += _unknown(
        document, ("start", "request"), tuple(profile.start.request), received, "received message"
    )
    for name, protection in profile.protections.items():
        where: Location = ("protections", name)
        for key, outputs in (("opens", protection.opens), ("keeps", protection.keeps)):
            mistakes += _unknown(document, (*where, key), outputs, profile.outputs, "output")
        mistakes += _commands(document, where, protection)
        if protection.message is not None:
            named = (protection.message,)
            mistakes += _unknown(document, (*where, "message"), named, received, "received message")
        if protection.link is not None:
            named = (protection.link,)
            mistakes += _unknown(document, (*where, "link"), named, profile.links, "link")
        if protection.threshold is not None:
            mistakes += _within_limits(document, where, protection)
    mistakes += [*_energy(document), *misfits(document)]
    mistakes += _event_codes(document)
    mistakes += [*_limits_sent_paths(document), *_limits_sent_ends(document)]
    for name, link in profile.links.items():
        known = profile.telemetry.reports()
        mistakes += _unknown(document, ("links", name, "carries"), link.carries, known, "report")
    mistakes += [*_balance_outputs(document), *_contactors(document)]
    return [*mistakes, *_nominal(document), *_links(document), *implausible(document)]


def _unknown(
    document: Document[Profile],
    where: Location,
    names: tuple[str, ...],
    known: Mapping[str, object],
    kind: str,
) -> list[Mistake]:
    return [
        document.mistake(where, f'there is no {kind} "{name}"', suggest(name, known))
        for name in names
        if name not in known
    ]


def _commands(
    document: Document[Profile], where: Location, protection: Protection
) -> list[Mistake]:
    console = document.model.console
    commands = dict(console.commands) if console else {}
    means = {**commands, "power cycle": "", "reset": ""}
    cleared = protection.latched.cleared_by if protection.latched else ()
    found = _unknown(document, (*where, "latched", "cleared by"), cleared, means, "means")
    if protection.command is not None:
        named = (protection.command,)
        found += _unknown(document, (*where, "command"), named, commands, "console command")
    return found


def _within_limits(
    document: Document[Profile], where: Location, protection: Protection
) -> list[Mistake]:
    """A threshold beyond the absolute limits could never be tested."""
    profile = document.model
    if protection.is_of_spread:
        return []
    quantities = protection.quantities(profile)
    if not quantities:
        what = f'the BMS has nothing that "{protection.watches}" could be'
        return [document.mistake((*where, "watches"), what, "remove it, or add what it watches")]
    allowed = profile.allowed(quantities[0])
    if protection.level in allowed:
        return []
    what = f"{protection.threshold} is beyond the limits of {allowed}"
    return [document.mistake((*where, "threshold"), what, "raise limits, if the BMS bears it")]


def _balance_outputs(document: Document[Profile]) -> list[Mistake]:
    profile = document.model
    if profile.balancing is None or profile.balancing.output is None:
        return []
    names = profile.names_of(BALANCE)
    return _unknown(document, ("balancing", "output"), names, profile.outputs, "output")


def _energy(document: Document[Profile]) -> list[Mistake]:
    """Charge can be judged only where it is reported, and against a rated capacity."""
    profile = document.model
    if profile.energy is None:
        return []
    mistakes = []
    if profile.telemetry.soc is None or profile.telemetry.soc.signal is None:
        what = "no CAN signal reports the state of charge"
        mistakes.append(document.mistake(("energy",), what, "add soc to telemetry"))
    if profile.cells.capacity_ah is None:
        what = "a charge in percent needs the rated capacity"
        mistakes.append(document.mistake(("energy",), what, "add capacity to cells"))
    if not profile.has_current:
        what = "charge can't be counted by a BMS that measures no current"
        mistakes.append(document.mistake(("energy",), what, "remove it"))
    return mistakes


def _contactors(document: Document[Profile]) -> list[Mistake]:
    """Outputs, protections, means and the host's message that the contactors name."""
    profile, contactors = document.model, document.model.contactors
    if contactors is None:
        return []
    where: Location = ("contactors",)
    received = profile.can.receives if profile.can else {}
    commands = profile.console.commands if profile.console else {}
    means = {**commands, "power cycle": "", "reset": ""}
    failure = (*where, "precharge fails", "cleared by")
    return [
        *_unknown(document, (*where, "main"), (contactors.main,), profile.outputs, "output"),
        *_unknown(
            document, (*where, "precharge"), (contactors.precharge,), profile.outputs, "output"
        ),
        *_unknown(
            document, (*where, "opened by"), contactors.opened_by, profile.protections, "protection"
        ),
        *_unknown(document, failure, contactors.failure.cleared_by, means, "means"),
        *_unknown(
            document,
            (*where, "request", "message"),
            (contactors.request.message,),
            received,
            "received message",
        ),
    ]


def _event_codes(document: Document[Profile]) -> list[Mistake]:
    """An event's code belongs to a protection, which has one name here and there."""
    profile = document.model
    shorts = [protection.short for protection in profile.protections.values()]
    codes = profile.events.codes if profile.events else {}
    return [
        document.key_mistake(
            ("events", "codes", short),
            f'there is no protection "{short}" for short',
            suggest(short, shorts),
        )
        for short in codes
        if short not in shorts
    ]


def _limits_sent_paths(document: Document[Profile]) -> list[Mistake]:
    limits = document.model.current_and_voltage_limits
    mistakes: list[Mistake] = []
    for name, limit in limits.currents.items() if limits else ():
        where: Location = ("current and voltage limits", f"{name} current", "path")
        mistakes += _unknown(document, where, (limit.path,), document.model.outputs, "output")
    return mistakes


def _limits_sent_ends(document: Document[Profile]) -> list[Mistake]:
    """Cells that rest where they count as full, or as empty, must stand for that charge."""
    energy, limits = document.model.energy, document.model.current_and_voltage_limits
    if energy is None or limits is None:
        return []
    charge, mistakes = Curve(energy.state_of_charge.curve), []
    for way, limit in limits.currents.items():
        soc, corners = charge.at(limit.end_v), limit.by_soc.corners
        end, short_by = (
            (corners[-1], corners[-1] - soc) if way == "charge" else (corners[0], soc - corners[0])
        )
        if short_by > limits.input_accuracy.soc:
            what = f"at rest {limit.end_v:g} V stand for {soc:.1%} of charge, not for {end:.0%}"
            where: Location = ("current and voltage limits", f"{way} current", "cells at its end")
            mistakes.append(document.mistake(where, what, "take it from the open circuit's table"))
    return mistakes


def _nominal(document: Document[Profile]) -> list[Mistake]:
    profile = document.model
    keys = {CELL.at(1): "cells", TEMPERATURE.at(1): "temperatures", CURRENT.word: "current"}
    return [
        document.mistake(
            ("nominal", key),
            f"it is outside the limits of {profile.allowed(quantity)}",
            "change it",
        )
        for quantity, key in keys.items()
        if profile.nominal_values.get(quantity, 0.0) not in profile.allowed(quantity)
        and quantity in profile.fed
    ]


def _links(document: Document[Profile]) -> list[Mistake]:
    """Whatever speaks by CAN or console needs one."""
    profile = document.model
    mistakes: list[Mistake] = []
    if profile.can is None:
        mistakes += [
            document.mistake(
                where, f"{name} needs CAN, and the BMS has none", "add can:, or remove it"
            )
            for where, name in profile.signals()
        ]
    if profile.console is None:
        mistakes += [
            document.mistake(
                ("protections", name, "console"), "the BMS has no console", "add console:"
            )
            for name, protection in profile.protections.items()
            if protection.console is not None
        ]
    return mistakes
