"""Where every case starts: nominal values, and a BMS that was just started and is ready, or is off.

So no case inherits another's latched fault, filter or clock. Also asks the BMS what it runs.
"""

from __future__ import annotations

from rig.bench.bench import Bench
from rig.drive.waiting import not_there, sleep_ns, wait_for
from rig.errors import NotReadyError
from rig.plan.case import Begins, ConsoleLine, OutputState, Traffic

_POWER_OFF_NS = 300_000_000  # longer than the hold-up time of a BMS's own supply
_READY_MARGIN_S = 1.0  # waited beyond what the profile promises before the bench gives up
_OLD_FRAMES_NS = 500_000_000  # in which a queue of the adapter empties
_NOT_YET_PERIODS = 1.5  # of the host's message, in which it does not ask yet
_ANSWER_S = 1.0  # of the console to a typed command


def go_home(bench: Bench, begins: Begins = "ready") -> None:
    """Bring everything to nominal and start the BMS afresh, or leave its supply off.

    Raises
    ------
    NotReadyError
        It does not get ready, or a path that conducts in health stays open.
    """
    if bench.partner is not None:
        bench.partner.reset()
    bench.nominal()
    _let_old_frames_leave(bench)
    if bench.console is not None:
        bench.console.begin()
    _restore_settings(bench)
    if bench.profile.start.by != "reset":
        bench.set({"supply": 0.0})
        sleep_ns(bench, _POWER_OFF_NS)
        if begins == "off":  # how it starts is what the case judges
            return
        bench.set({"supply": bench.profile.nominal_values["supply"]})
    elif bench.console is not None:
        bench.console.reset()
    _await_ready(bench)


def _let_old_frames_leave(bench: Bench) -> None:
    """See that what a faulty bus held back in the adapter does not reach the BMS in this case."""
    can, ready_s = bench.can, bench.profile.start.ready_within_s + _READY_MARGIN_S
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
    wait_for(bench, ready, bench.profile.start.ready_within_s + _READY_MARGIN_S)
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
        go_home(bench)
    except NotReadyError:
        return ""
    already = len(bench.console.lines())
    bench.console.type(console.commands["version"])
    for _ in range(10):
        sleep_ns(bench, round(_ANSWER_S * 1e8))
        for line in bench.console.lines()[already:]:
            # Between its answer and us may stand lines that it logs by itself.
            if bench.profile.name in line.plain:
                return line.plain.strip()
    return ""


def _request_to_close(bench: Bench) -> None:
    """Be the partner at whose word the outputs close; it goes on while the case runs."""
    profile = bench.profile
    received = profile.can.receives if profile.can else {}
    for message, signals in profile.start.request.items():
        if bench.partner is None:
            raise not_there("is started by a message", "CAN bus", message)
        period_s = received[message].period_s
        asked = profile.contactors.request if profile.contactors else None
        if asked is not None and asked.message == message:  # to be new, it takes another before it
            none = {asked.signal: float(asked.none)}
            bench.partner.begin(Traffic(message=message, signals=none, period_s=period_s))
            sleep_ns(bench, round(_NOT_YET_PERIODS * period_s * 1e9))
        bench.partner.begin(Traffic(message=message, signals=signals, period_s=period_s))


def _await_ready(bench: Bench) -> None:
    """Wait for the console's word, then until the paths that conduct in health do so."""
    profile = bench.profile
    console = profile.console
    within_s = (profile.start.ready_within_s or 0.0) + _READY_MARGIN_S
    if console is not None and console.ready is not None:
        # Half of the start is slept through: to be woken by each line of a boot log helps nobody.
        bench.clock.sleep_until(bench.clock.now_ns() + round(0.5e9 * within_s / 2.0))
        ready = ConsoleLine(pattern=console.ready)
        if not wait_for(bench, ready, within_s):
            raise NotReadyError(
                f"the BMS did not say {console.ready!r} within {within_s:g} s of its start",
                "start of the case",
                "look at the console transcript: is it powered, and is this its firmware?",
            )
    _request_to_close(bench)
    within_s = (profile.start.closed_within_s or 0.0) + _READY_MARGIN_S
    for output in profile.start.closes:
        if not wait_for(bench, OutputState(output=output, is_open=False), within_s):
            raise NotReadyError(
                f"{output} did not close within {within_s:g} s of the BMS being ready",
                "start of the case",
                "look for a latched fault on the console, and at the wiring of the output",
            )
    if contactors := profile.contactors:  # a case begins when closing is over; it may judge that
        ended = OutputState(output=contactors.precharge, is_open=True)
        wait_for(bench, ended, contactors.overlap.high)
