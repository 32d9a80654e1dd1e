"""Where every case starts: nominal values, and a BMS that was just started and is ready, or is off.

So no case inherits another's latched fault, filter or clock. Also asks the BMS what it runs.
"""

from __future__ import annotations

from rig.bench.bench import Bench
from rig.case import Precondition
from rig.drive.starting import Starting, await_ready, ready_within_s
from rig.drive.waiting import sleep_ns, wait_for
from rig.errors import NotReadyError
from rig.steps.conditions import ConsoleLine

_POWER_OFF_NS = 300_000_000  # longer than the hold-up time of a BMS's own supply
_OLD_FRAMES_NS = 500_000_000  # in which a queue of the adapter empties
_ANSWER_S = 1.0  # of the console to a typed command


def establish_preconditions(
    bench: Bench, precondition: Precondition = "ready", starting: Starting | None = None
) -> None:
    """Bring everything to nominal and start the BMS afresh, or leave its supply off.

    `starting` keeps what is seen of the start, however it ends.

    Raises
    ------
    NotReadyError
        It does not get ready, or a path that conducts in health stays open.
    """
    starting, settle_s = starting or Starting(), 0.0
    if bench.rest_bus is not None:
        bench.rest_bus.reset()
    resets = bench.profile.start.by == "reset"
    if bench.is_new:  # nothing to put back, and a supply that was never on
        bench.nominal(supply=resets)
    else:
        _put_back(bench)
    if resets:
        if bench.console is not None:
            bench.console.reset()
    elif precondition == "off":  # how it starts is what the case judges
        return
    else:
        settle_s = bench.set({"supply": bench.profile.nominal_values["supply"]})[-1].settle_s
    await_ready(bench, starting, settle_s)


def _put_back(bench: Bench) -> None:
    """Undo what earlier cases did to bench and BMS; the supply is then off, unless it stays on."""
    bench.nominal()
    _let_old_frames_leave(bench)
    if bench.console is not None:
        bench.console.begin()
    _restore_settings(bench)
    if bench.profile.start.by != "reset":
        bench.set({"supply": 0.0})
        sleep_ns(bench, _POWER_OFF_NS)


def _let_old_frames_leave(bench: Bench) -> None:
    """See that what a faulty bus held back in the adapter does not reach the BMS in this case."""
    can, ready_s = bench.can, ready_within_s(bench)
    if can is None or not can.owed:
        return
    sleep_ns(bench, _OLD_FRAMES_NS)
    if can.owed and bench.profile.start.by != "reset":  # it may have left the bus for good
        bench.set({"supply": 0.0})
        sleep_ns(bench, _POWER_OFF_NS)
        bench.set({"supply": bench.profile.nominal_values["supply"]})
        sleep_ns(bench, round(ready_s * 1e9))
    can.forget_owed()


def _restore_settings(bench: Bench) -> None:
    """Give a BMS its factory settings back, where a case may have left others, however it ended.

    What an earlier session left is tried for once and no more: a BMS that can't restore its
    settings has nothing to lose, and its cases find that.
    """
    if bench.settings == "factory" or bench.profile.settings is None or bench.console is None:
        return
    disturbed, bench.settings = bench.settings == "disturbed", "factory"
    if _restored(bench):
        return
    bench.set({"supply": 0.0})  # it may be off, hung or still starting
    sleep_ns(bench, _POWER_OFF_NS)
    bench.set({"supply": bench.profile.nominal_values["supply"]})
    ready = ConsoleLine(pattern=bench.profile.console.ready if bench.profile.console else "")
    wait_for(bench, ready, ready_within_s(bench))
    if not _restored(bench) and disturbed:
        bench.settings = "disturbed"
        raise NotReadyError(
            "the BMS did not restore its factory settings, which a case before had changed",
            "start of the case",
            f"type {bench.profile.settings.restore!r} on its console and see what it answers",
        )


def _restored(bench: Bench) -> bool:
    settings = bench.profile.settings
    if settings is None or bench.console is None:
        return True
    bench.console.type(settings.restore)
    return wait_for(bench, ConsoleLine(pattern=settings.saved), settings.saved_within_s)


def read_firmware(bench: Bench) -> str:
    """Ask the BMS for its version, where its console has a command for that; "" where not.

    A BMS that does not get ready says nothing either; that is for the cases to find.
    """
    console = bench.profile.console
    if console is None or bench.console is None or "version" not in console.commands:
        return ""
    try:
        establish_preconditions(bench)
    except NotReadyError:
        return ""
    already = bench.console.count()
    bench.console.type(console.commands["version"])
    for _ in range(10):
        sleep_ns(bench, round(_ANSWER_S * 1e8))
        for line in bench.console.lines(already):
            # Between its answer and us may stand lines that it logs by itself.
            if bench.profile.name in line.plain:
                return line.plain.strip()
    return ""
