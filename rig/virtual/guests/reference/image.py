"""What is compiled into one build of the firmware, and which classes are linked into it.

What the maker claims stands in the DUT's profile; the two must be able to disagree. A defect is
written as a change of a `Build`: a figure of the image (`configure`), a rule (`with_rule`) or a
mixin laid over one part (`patch`), so that several defects can be put into one build.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rig.virtual.guests.esp32 import BootLog
from rig.virtual.guests.reference.afe import FrontEnd, FrontEndImage, Thermistor
from rig.virtual.guests.reference.balancing import Balancer, BalancingLimits
from rig.virtual.guests.reference.can_telemetry import Telemetry
from rig.virtual.guests.reference.console import ConsoleStack, LineReader
from rig.virtual.guests.reference.contactors import ContactorControl, ContactorFigures
from rig.virtual.guests.reference.energy import Gauge, Health
from rig.virtual.guests.reference.limits import Limiter, LimitsImage, LimitWatch
from rig.virtual.guests.reference.min_max import MinMax
from rig.virtual.guests.reference.protections import (
    Debounce,
    Detector,
    HostWatch,
    LeakyDebounce,
    Protections,
    Rule,
)
from rig.virtual.guests.reference.quantities import Quantities
from rig.virtual.guests.reference.receive import HostCheck, HostImage, Receiver
from rig.virtual.guests.reference.settings import StoredSetting, StoredSettings
from rig.virtual.guests.reference.settings_task import SettingsTask
from rig.virtual.guests.reference.state_of_charge import ChargeCounter, EnergyImage, StateOfCharge
from rig.virtual.guests.reference.storage import Store
from rig.virtual.guests.reference.timers import SoftTimers
from rig.virtual.guests.reference.transmit import TransmitImage, Transmitter
from rig.virtual.kernel import MS

if TYPE_CHECKING:
    from rig.virtual.guests.reference.bms import Bms

S = 1000 * MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What is compiled into one build of the firmware."""

    name: str
    version: str = "1.0.0"
    cells: int
    sensors: int
    rules: tuple[Rule, ...]
    main_ns: int = 10 * MS
    current_ns: int = 10 * MS
    scan_ns: int = 50 * MS
    bleed_off_before_ns: int = 8 * MS  # with the 2 ms after it: no bleed for 10 ms around a scan
    bleed_off_after_ns: int = 2 * MS
    fast_frames_ns: int = 100 * MS
    temperatures_ns: int = 500 * MS
    energy_ns: int = 500 * MS
    wear_ns: int = 1000 * MS
    status_line_ns: int = 1000 * MS
    self_test_ticks: int = 25  # then "ready"
    closing_ticks: int = 40  # then the paths may close
    watchdog_ns: int = 300 * MS
    watchdog_flag_ms: int = 10_000
    host_timeout_ms: int = 990
    host_frames_to_return: int = 3
    host: HostImage = field(default_factory=HostImage)
    energy: EnergyImage = field(default_factory=EnergyImage)
    balancing: BalancingLimits = field(default_factory=BalancingLimits)
    settings: tuple[StoredSetting, ...] = ()
    console_stack_bytes: int = 4096
    thermistor: Thermistor = field(default_factory=Thermistor)
    front_end: FrontEndImage = field(default_factory=FrontEndImage)
    # As kernels do to find what a wrap breaks before 49.7 days are over (INITIAL_JIFFIES in Linux
    # starts 5 min before it); 20 s, so that the longer cases of a night cross it.
    tick_start_ms: int = (1 << 32) - 20_000
    limits: LimitsImage = field(default_factory=LimitsImage)
    transmit: TransmitImage = field(default_factory=TransmitImage)
    contactors: ContactorFigures | None = None
    boot_log: BootLog


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The class of each part; `Bms` makes them all at its start."""

    program: type[Bms]
    front_end: type[FrontEnd] = FrontEnd
    protections: type[Protections] = Protections
    detector: type[Detector] = Detector
    debounce: type[Debounce] = Debounce
    leaky_debounce: type[Debounce] = LeakyDebounce
    quantities: type[Quantities] = Quantities
    host: type[HostWatch] = HostWatch
    host_check: type[HostCheck] = HostCheck
    receiver: type[Receiver] = Receiver
    balancer: type[Balancer] = Balancer
    counter: type[ChargeCounter] = ChargeCounter
    soc: type[StateOfCharge] = StateOfCharge
    health: type[Health] = Health
    gauge: type[Gauge] = Gauge
    telemetry: type[Telemetry] = Telemetry
    transmitter: type[Transmitter] = Transmitter
    min_max: type[MinMax] = MinMax
    limiter: type[Limiter] = Limiter
    limit_watch: type[LimitWatch] = LimitWatch
    lines: type[LineReader] = LineReader
    timers: type[SoftTimers] = SoftTimers
    stack: type[ConsoleStack] = ConsoleStack
    settings: type[StoredSettings] = StoredSettings
    settings_task: type[SettingsTask] = SettingsTask
    store: type[Store] = Store
    contactors: type[ContactorControl] = ContactorControl


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One build of the firmware."""

    image: Image
    parts: Parts

    def configure(self, **figures: Any) -> Build:
        """Return a build with other figures in its image."""
        return replace(self, image=replace(self.image, **figures))

    def with_rule(self, short: str, **changes: Any) -> Build:
        """Return a build in which one protection was compiled otherwise.

        Raises
        ------
        KeyError
            There is no protection of that short name.
        """
        rules = self.image.rules
        if short not in {rule.short for rule in rules}:
            raise KeyError(f"{self.image.name} has no rule {short}")
        changed = (replace(rule, **changes) if rule.short == short else rule for rule in rules)
        return self.configure(rules=tuple(changed))

    def patch(self, **mixins: type) -> Build:
        """Return a build with a mixin laid over each named part, above what is there already.

        One that is there already, from another variant of the same build, stays where it is.
        """
        there = {name: getattr(self.parts, name) for name in mixins}
        laid = {
            name: type(mixin.__name__, (mixin, there[name]), {})
            for name, mixin in mixins.items()
            if not issubclass(there[name], mixin)
        }
        return replace(self, parts=replace(self.parts, **laid))
