"""The firmware of the reference BMS: tasks with periods and phases, counters, a state machine.

Written like firmware; it sees the world through `Pins` alone. Which cells, limits and chemistry it
was built for stands in its `Image`; the classes of its parts in `Parts`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from rig.virtual.carrier.pins import Pins
from rig.virtual.guests.esp32 import Chip, ResetCause, ticks_since
from rig.virtual.guests.reference import can_telemetry as can
from rig.virtual.guests.reference.afe import Readings
from rig.virtual.guests.reference.contactors import MAIN, PRECHARGE, ContactorControl, LinkSense
from rig.virtual.guests.reference.image import Build, Image, S
from rig.virtual.guests.reference.nor_flash import NorFlash
from rig.virtual.guests.reference.protections import BIT, BY_CHANNEL, Event
from rig.virtual.guests.reference.storage import packed
from rig.virtual.kernel import MS, Kernel
from rig.virtual.seeds import Random

CHARGE_GATE, DISCHARGE_GATE = "charge gate", "discharge gate"
_REBOOT_NS = 20 * MS  # until the console has sent its last line

Note = Callable[..., None]


def bleed_of(index: int) -> str:
    """Pin of the bleed transistor of a cell; `index` counts from 0."""
    return f"bleed {index + 1}"


def outputs_of(image: Image) -> tuple[str, ...]:
    """Name the pins that the BMS drives."""
    coils = (MAIN, PRECHARGE) if image.contactors else ()
    return (CHARGE_GATE, DISCHARGE_GATE, *coils, *(bleed_of(n) for n in range(image.cells)))


class ShortCircuitLatch:
    """The latch of the board's comparator, which has opened the discharge gate by itself."""

    def __init__(self, pins: Pins) -> None:
        self._pins = pins

    @property
    def latched(self) -> bool:
        """Whether it has tripped and was not released since."""
        return self._pins.level("short circuit")

    def release(self) -> None:
        """Pulse the line that releases it."""
        for on in (True, False):
            self._pins.drive("clear short circuit", on)


class Bms:
    """One run of the firmware, from `app_main` to the next reset.

    Attributes
    ----------
    chip, image
        The controller that it runs on, and what was compiled in.
    readings : Readings
        The newest values.
    protections, host, host_check, balancer, settings, comparator
        Its parts, as `Parts` names them.
    ticks : int
        Runs of the main task since the start.
    discharge_on : bool
        Whether the discharge path is closed.
    bleeding : list of bool
        Whether each cell's transistor is on; off while cells are scanned.
    rest_since_ms : int
        The tick at which a current last disturbed the battery's rest.
    """

    def __init__(self, chip: Chip, build: Build, note: Note) -> None:
        image, parts, pins = build.image, build.parts, chip.pins
        self.chip, self.image, self._note = chip, image, note
        self._front_end = parts.front_end(
            pins.i2c,
            image.front_end,
            cells=image.cells,
            sensors=image.sensors,
            thermistor=image.thermistor,
            ticks_ms=chip.ticks_ms,
        )
        self.comparator = ShortCircuitLatch(pins)
        self.readings: Readings = self._front_end.fresh()
        self.protections = parts.protections(
            image.rules,
            detector=parts.detector,
            debounce=parts.debounce,
            leaky=parts.leaky_debounce,
            quantities=parts.quantities,
        )
        self.host = parts.host(
            timeout_ms=image.host_timeout_ms, frames_to_return=image.host_frames_to_return
        )
        self.host_check = parts.host_check(image.host)
        self._receiver = parts.receiver(image.host)
        self.balancer = parts.balancer(image.balancing, cells=image.cells)
        self._telemetry = parts.telemetry()
        self._transmitter = parts.transmitter(pins, image.transmit)
        self._min_max = parts.min_max()
        self._limiter = parts.limiter(image.limits, parts.limit_watch)
        self._codes = {rule.short: code for code, rule in enumerate(image.rules, 1)}
        counter = parts.counter(image.energy, step_s=image.main_ns / 1e9)
        self._soc = parts.soc(image.energy, counter)
        self._health, self._gauge = parts.health(image.energy), parts.gauge(image.energy)
        self._lines = parts.lines()
        self._timers = parts.timers(chip)
        self._stack = parts.stack(chip, image.console_stack_bytes)
        self.settings = parts.settings_task(
            parts.settings(image.settings, image.rules),
            parts.store(chip, NorFlash(pins.spi)),
            tell=self._print,
            apply=lambda settings: self.protections.reconfigure(settings.applied_to(image.rules)),
        )
        self._contactors: ContactorControl | None = None
        if image.contactors is not None:
            self._contactors = parts.contactors(pins, image.contactors, LinkSense(pins), note)
        self._state = can.INIT
        self.ticks = self._seen_scans = 0
        self._tells_watchdog = chip.cause is ResetCause.TG1WDT_SYS_RESET
        self._hung = self._charge_on = self.discharge_on = False
        self.bleeding = [False] * image.cells
        self.rest_since_ms = self._started_ms = chip.ticks_ms()

    # Tasks

    def start(self) -> None:
        """Run `app_main`: every task gets a phase of its own, anew at each start."""
        image, chip = self.image, self.chip
        self._note("started", cause=chip.cause.name)
        self.log("I", "boot", f"{image.name} {image.version}")
        self.log("I", "boot", f"reset cause {chip.cause.name}")
        for level, text in self.settings.load():
            self.log(level, "settings", text)
        chip.every(image.current_ns, self.sample_current, phase_ns=self._phase(image.current_ns))
        scan_ns = self._phase(image.scan_ns)
        chip.every(image.scan_ns, self.pause_bleeding, phase_ns=scan_ns)
        chip.every(image.scan_ns, self.scan, phase_ns=scan_ns + image.bleed_off_before_ns)
        chip.every(image.main_ns, self.main, phase_ns=self._phase(image.main_ns))
        self._transmitter.start()
        self._start_frames()
        chip.every(
            image.status_line_ns, self.print_status, phase_ns=self._phase(image.status_line_ns)
        )
        chip.every(image.wear_ns, self._wear, phase_ns=self._phase(image.wear_ns))
        self.arm_watchdog()

    def arm_watchdog(self) -> None:
        """Have the chip reset itself unless the main task feeds the watchdog."""
        self.chip.arm_watchdog(self.image.watchdog_ns)

    def _start_frames(self) -> None:
        """Start the CAN tasks, after the first scan; their slots lie 20 ms apart."""
        image = self.image
        base_ns = 60 * MS + self._phase(image.fast_frames_ns)
        fast = [self._send_status, self._send_cells, self.send_pack, self.send_limits]
        if image.cells > can.CELLS_A_FRAME:
            fast.append(self._send_balancing)
        if self._contactors is not None:
            fast.append(self._send_contactors)
        for slot, send in enumerate(fast):
            self._timers.every(
                image.fast_frames_ns, self._jittered(send), phase_ns=base_ns + slot * 20 * MS
            )
        self._timers.every(
            image.temperatures_ns,
            self._jittered(self._send_temperatures),
            phase_ns=base_ns + 70 * MS,
        )
        self._timers.every(
            image.energy_ns, self._jittered(self._send_energy), phase_ns=base_ns + 50 * MS
        )

    def _phase(self, period_ns: int) -> int:
        return int(self.chip.random.uniform(0.0, period_ns))

    def _jittered(self, send: Callable[[], None]) -> Callable[[], None]:
        """Let a task wake up 20 to 300 us late, as one of low priority does."""
        after, uniform = self.chip.after, self.chip.random.uniform
        return lambda: after(int(uniform(20e3, 300e3)), send)

    def sample_current(self) -> None:
        """Run the 10 ms task of the front end: its status, and the current."""
        resets = self._front_end.resets
        self._front_end.poll(self.readings)
        if self._front_end.resets != resets:
            self.log("W", "afe", "reset, settings written again")
        if self.balancer.is_disturbed(self.readings.current_a):
            self.rest_since_ms = self.chip.ticks_ms()

    def scan(self) -> None:
        """Run the 50 ms task of the front end: cells, sensors, charge, balancing."""
        scans = self.readings.scans
        self._front_end.scan(self.readings)
        if self.readings.scans == scans:
            return
        if scans == 0:
            self._soc.start(self.readings.cells_v)
        elif self._soc.look(self.readings.cells_v, self.readings.current_a):
            self.log("I", "soc", "full")
        if self.may_balance():
            self.balancer.choose(self.readings.cells_v)
            if self.balancer.active:
                self.chip.after(self.image.bleed_off_after_ns, self._apply_bleeds)
        elif self.balancer.active:
            self._stop_balancing()

    def main(self) -> None:
        """Run the 10 ms task: newest values, protections, gates, state."""
        if self._hung:
            return
        self.chip.feed()
        protections, readings = self.protections, self.readings
        if readings.scans != self._seen_scans:
            self._seen_scans = readings.scans
            protections.look_at_scan(readings)
        protections.look_at_current(readings)
        protections.tell("ATO", bad=self._front_end.is_lost(readings))
        protections.tell("SCD", bad=self.comparator.latched)
        protections.tell("STO", bad=self.settings.lost)
        if self.ticks % self.image.host.every_ticks == 0:
            self.take_host_frames()
        protections.tell("CTO", bad=self.host_is_lost())
        for event in protections.tick():
            self.report(event)
        if not math.isnan(readings.current_a):
            self._soc.count(readings.current_a)
        self.ticks += 1
        if self.ticks >= self.image.closing_ticks:
            self.drive_paths()
            self._drive_contactors()
        elif self.ticks == self.image.self_test_ticks:
            self._state = can.STANDBY
            self.log("I", "bms", "ready")
            self._note("ready")

    def _wear(self) -> None:
        r = self.readings
        self._health.wear(r.current_a, self.image.wear_ns / S, r.temperatures_degc)

    # What the tasks do

    def drive_paths(self) -> None:
        """Open what is blocked; close only where nothing is even on its way to a trip."""
        p = self.protections
        charge, discharge = self.allows_charge(), self.allows_discharge()
        if charge != self._charge_on:
            self._charge_on = charge
            self.drive(CHARGE_GATE, charge)
        if discharge != self.discharge_on:
            self.discharge_on = discharge
            self.drive(DISCHARGE_GATE, discharge)
        if self.balancer.active and self.balancer.is_forbidden(p.flags):
            self._stop_balancing()
        self._state = self._find_state()

    def allows_charge(self) -> bool:
        """Tell whether the charge path may be closed, or stay so."""
        p = self.protections
        return not p.blocks_charge and (self._charge_on or not p.pends_on_charge())

    def allows_discharge(self) -> bool:
        """Tell whether the discharge path may be closed, or stay so."""
        p = self.protections
        return not p.blocks_discharge and (self.discharge_on or not p.pends_on_discharge())

    def _drive_contactors(self) -> None:
        """Let the ladder do its step, once the paths before it have closed."""
        if self._contactors is None:
            return
        if state := self._contactors.tick(faulty=self.protections.blocks_contactors):
            self.log("I", "cont", state)

    def _find_state(self) -> int:
        if self.protections.blocks_charge or self.protections.blocks_discharge:
            return can.FAULT
        if self.balancer.active:
            return can.BALANCING
        return can.NORMAL if self._charge_on or self.discharge_on else can.STANDBY

    def drive(self, gate: str, on: bool) -> None:  # noqa: FBT001
        """Drive the gate of a path."""
        self.chip.pins.drive(gate, on)
        self._note("closed" if on else "opened", output=gate)

    def report(self, event: Event) -> None:
        """Tell of a trip or a recovery: by a frame, by a line."""
        rule = event.rule
        self.send_event(event)
        if not event.tripped:
            self.log("I", "prot", f"{rule.short} cleared")
            self._note("cleared", protection=rule.short)
            return
        value = self.readings.current_a if rule.latches else event.value
        shown = rule.shows.format(n=event.channel + 1, value=value)
        self.log("W", "prot", f"{rule.short} {shown}".rstrip())
        self._note("trip", protection=rule.short, channel=event.channel + 1, value=value)

    def may_balance(self) -> bool:
        """Tell whether bleeding is allowed now."""
        return (
            self.has_rested(self.chip.ticks_ms(), self.rest_since_ms)
            and self.ticks >= self.image.closing_ticks
            and not self.balancer.is_forbidden(self.protections.flags)
        )

    def has_rested(self, now_ms: int, since_ms: int) -> bool:
        """Tell whether the battery has been at rest for long enough, by two ticks in ms."""
        return self.balancer.has_rested(ticks_since(now_ms, since_ms))

    def pause_bleeding(self) -> None:
        """Switch the bleeds off for a scan."""
        for index, on in enumerate(self.bleeding):
            if on:
                self.drive_bleed(index, on=False)
                self.bleeding[index] = False

    def _apply_bleeds(self) -> None:
        for index, on in enumerate(self.balancer.wanted):
            if on:
                self.drive_bleed(index, on=True)
                self.bleeding[index] = True

    def drive_bleed(self, index: int, *, on: bool) -> None:
        """Drive a cell's bleed transistor; `index` counts from 0."""
        self.chip.pins.drive(bleed_of(index), on)

    def _stop_balancing(self) -> None:
        self.balancer.stop()
        self.pause_bleeding()

    # CAN

    def hear_can(self, can_id: int, data: bytes, extended: bool) -> None:  # noqa: FBT001
        """Take a frame from the bus, as the interrupt does."""
        self._receiver.interrupt(self.chip.ticks_ms(), can_id, data, extended=extended)

    def take_host_frames(self) -> None:
        """Take the host's frames out of the receive FIFO."""
        for at_ms, data in self._receiver.take():
            if self.host_check.accepts(data):
                self.host.hear(at_ms)
                if self._contactors is not None:
                    self._contactors.request.hear(data[1] >> 4 & 3)

    def host_is_lost(self) -> bool:
        """Tell whether the host has not been heard for too long."""
        was_lost = self.host.lost
        if self.host.look(self.chip.ticks_ms()) and not was_lost:
            self.host_check.forget()  # once: else a frozen counter would be taken again and again
        return self.host.lost

    def _recover_bus(self) -> None:
        """Bring the controller back from bus-off, as often as it gets there."""
        if self.chip.pins.can_is_off():
            self.leave_bus_off()

    def leave_bus_off(self) -> None:
        """Start the recovery from bus-off."""
        self.chip.pins.can_recover()

    def flags(self) -> int:
        """Gather the bits of BMS_Status: of the protections, of the last reset, of the limits."""
        flags = self.protections.flags
        if self._tells_watchdog:
            # Taken back once and for all: an age by the tick counter starts again at its wrap.
            age_ms = ticks_since(self.chip.ticks_ms(), self._started_ms)
            self._tells_watchdog = age_ms < self.image.watchdog_flag_ms
        flags |= BIT["WatchdogReset"] * self._tells_watchdog
        return flags | BIT["LimitExceeded"] * self._limiter.exceeded

    def send_event(self, event: Event) -> None:
        """Send BMS_Event."""
        rule = event.rule
        data = self._telemetry.event(
            self._codes[rule.short],
            tripped=event.tripped,
            channel=event.channel + 1 if event.tripped and rule.reads in BY_CHANNEL else 0,
            value=event.value * rule.event_lsb_per_unit if event.tripped else 0.0,
        )
        self._transmitter.post_event(can.EVENT_ID, data)

    def _send_status(self) -> None:
        self._recover_bus()
        paths = self._charge_on | self.discharge_on << 1
        bleeding = self.balancer.wanted if self.image.cells <= can.CELLS_A_FRAME else ()
        data = self._telemetry.status(self._state, self.flags(), paths, bleeding)
        self._transmitter.post(can.STATUS_ID, data)

    def _send_cells(self) -> None:
        cells_v = self.readings.cells_v
        for frame in range(self._telemetry.frames_of(len(cells_v))):
            data = self._telemetry.cells(self._telemetry.group(cells_v, frame))
            self._transmitter.post(can.CELLS_ID + frame, data)

    def send_pack(self) -> None:
        """Send BMS_Pack."""
        r = self.readings
        data = self._telemetry.pack(r.current_a, r.pack_v, self._soc.fraction)
        self._transmitter.post(can.PACK_ID, data)

    def send_limits(self) -> None:
        """Reckon the limits anew and send BMS_Limits and BMS_Extremes."""
        readings, limiter = self.readings, self._limiter
        self._min_max.look(readings)
        limits = limiter.step(
            self._min_max,
            readings.temperatures_degc,
            self._soc.fraction,
            charge=self._charge_on,
            discharge=self.discharge_on,
        )
        limiter.watch(readings.current_a)
        self._transmitter.post(can.LIMITS_ID, self._telemetry.limits(limits))
        self._transmitter.post(can.EXTREMES_ID, self._telemetry.min_max(self._min_max))

    def _send_temperatures(self) -> None:
        data = self._telemetry.temperatures(self.readings.temperatures_degc)
        self._transmitter.post(can.TEMPERATURES_ID, data)

    def _send_energy(self) -> None:
        r, soh, gauge = self.readings, self._health.fraction, self._gauge
        data = self._telemetry.energy(
            soh,
            gauge.remaining(self._soc.fraction, soh, r.pack_v),
            gauge.cell_sum_v(r.cells_v),
            errors=(self._front_end.errors, self.host_check.refused),
        )
        self._transmitter.post(can.ENERGY_ID, data)

    def _send_balancing(self) -> None:
        self._transmitter.post(can.BALANCING_ID, self._telemetry.balancing(self.balancer.wanted))

    def _send_contactors(self) -> None:
        control = self._contactors
        if control is not None:
            coils = control.main.on | control.precharge.on << 1 | control.precharge_failed << 2
            data = self._telemetry.contactors(control.state, coils, control.tries, control.link_v())
            self._transmitter.post(can.CONTACTORS_ID, data)

    # Console

    def hear_uart(self, data: bytes) -> None:
        """Take bytes from the console and obey whole lines."""
        for line in self._lines.take(data):
            command = line.strip()
            if command and self._stack.has_room_for(command):
                self._obey(command)

    def _obey(self, command: str) -> None:
        commands = {
            "status": self.print_status,
            "version": lambda: self._print(f"{self.image.name} {self.image.version}"),
            "clear faults": self._clear_faults,
            "reboot": self._reboot,
            "test hang": self._hang,
            "test panic": lambda: self.chip.panic("StoreProhibited"),
            "test storage": self.settings.spoil,
        }
        if command in commands:
            commands[command]()
        elif not self.settings.obey(command):
            self._print("ERR unknown command")

    def _hang(self) -> None:
        self._hung = True

    def _reboot(self) -> None:
        """Open what is closed, let the console end its line, then restart."""
        self._print("OK")
        self._hung = True
        for gate in (CHARGE_GATE, DISCHARGE_GATE):
            self.drive(gate, False)  # noqa: FBT003
        self.chip.after(_REBOOT_NS, lambda: self.chip.restart(ResetCause.SW_CPU_RESET))

    def _clear_faults(self) -> None:
        if self.comparator.latched and not self.load_is_gone():
            self._print("ERR load")
            return
        self.comparator.release()
        self.settings.acknowledge()
        if self._contactors is not None:
            self._contactors.clear()
        for event in self.protections.clear_latched():
            self.report(event)
        self._print("OK")

    def load_is_gone(self) -> bool:
        """Tell by the load detection whether anything still draws on the pack's terminals."""
        if self._contactors is not None:  # which have opened too: nothing is there to be detected
            return True
        return self.chip.pins.level("load detect")

    def _print(self, text: str) -> None:
        self.chip.write(text.encode("ascii") + b"\r\n")

    def log(self, level: str, tag: str, text: str) -> None:
        """Print a line of the log: its level (I, W), who says it, and what."""
        self._print(f"{level} ({self.chip.uptime_ms()}) {tag}: {text}")

    def print_status(self) -> None:
        """Print the line of the state."""
        r = self.readings
        cells = ",".join(f"{volts:.3f}" for volts in r.cells_v)
        sensors = ",".join(f"{degc:.1f}" for degc in r.temperatures_degc)
        state = can.STATE_NAMES[self._state]
        soc = self._soc.fraction * 100.0
        reported = f"state={state} v={cells} i={r.current_a:.2f} t={sensors} soc={soc:.1f}"
        limits = self._limiter.limits
        self.log(
            "I",
            "bms",
            f"{reported} pack={r.pack_v:.2f} cvl={limits.cvl_v:.2f} ccl={limits.ccl_a:.1f}"
            f" dcl={limits.dcl_a:.1f}",
        )


def factory_flash(build: Build) -> tuple[bytes, ...]:
    """Give what the maker programs into the flash: one record of the factory's settings."""
    image, parts = build.image, build.parts
    return (packed(0, parts.settings(image.settings, image.rules).encode()),)


def power_up(  # noqa: PLR0913, PLR0917  (the form that a guest has)
    kernel: Kernel, pins: Pins, build: Build, specimen: Random, run: Random, note: Note
) -> Chip:
    """Put a build of the reference BMS behind `pins`."""
    image = build.image
    return Chip(
        kernel,
        pins,
        lambda chip: build.parts.program(chip, build, note),
        boot=image.boot_log,
        outputs=outputs_of(image),
        random=run,
        specimen=specimen,
        tick_start_ms=image.tick_start_ms,
    )
