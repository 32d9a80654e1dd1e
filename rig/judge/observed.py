"""What a judge looks at: the trace of a case, and what the BMS's profile says of what is in it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rig.can_address import OWN_BUS, MessageAddress, SignalAddress
from rig.facts import DutFacts, Output
from rig.judge.decoder import Decoder, NoMessages
from rig.judge.rules import NoEvidence
from rig.judge.series import Readings
from rig.judge.stillness import Stillness
from rig.steps import Step
from rig.trace.model import Frames, Reading, Trace


@dataclass(frozen=True, kw_only=True)  # without slots, for what is worked out once for all judges
class Observed:
    """A trace, and how it is read: a judge needs nothing else."""

    trace: Trace
    sent: Frames | None = None  # those of the BMS's own bus, where the rig sends; None: the trace's
    decode: Decoder = field(default_factory=NoMessages)
    steps: tuple[Step, ...] = ()  # those that were driven
    outputs: Mapping[str, Output] = field(default_factory=dict)
    dut: DutFacts = field(default_factory=DutFacts)

    def on(self, bus: str) -> Observed:
        """Give the same with the frames of one bus alone: a foreign one proves nothing of it."""
        if bus not in self._of_buses:
            trace = replace(self.trace, frames=self.trace.frames.on(bus))
            self._of_buses[bus] = replace(self, trace=trace, sent=self.trace.frames.on(OWN_BUS))
        return self._of_buses[bus]

    @cached_property
    def _of_buses(self) -> dict[str, Observed]:
        return {}

    def period_s(self, message: MessageAddress) -> float | None:
        """Return how often a message is claimed to come; a module's, as those of all."""
        return self.dut.periods.get(message, self.dut.periods.get(message.whole))

    def signal(self, signal: SignalAddress) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return time_ns, shape (n,), and physical values, shape (n,), of a CAN signal."""
        return self.decode(self.trace.frames, signal.message, signal.name)

    def rows(self, message: str) -> NDArray[np.intp]:
        """Return the indices, shape (n,), of the frames that are this message, from the BMS."""
        if message not in self._rows:
            self._rows[message] = self.decode.rows(self.trace.frames, message)
        return self._rows[message]

    @cached_property
    def _rows(self) -> dict[str, NDArray[np.intp]]:
        return {}

    def readings(self, quantity: str) -> Sequence[Reading]:
        """Return the readings of a quantity, without those in which the meter gave no number."""
        return self._readings.get(quantity, ())

    def read(self, quantities: Sequence[str]) -> Readings:
        """Return the readings of several quantities as columns."""
        return Readings.joined([self.readings(quantity) for quantity in quantities])

    @cached_property
    def _readings(self) -> Mapping[str, Sequence[Reading]]:
        found: dict[str, list[Reading]] = {}
        for reading in self.trace.readings:
            if math.isfinite(reading.value):
                found.setdefault(reading.quantity, []).append(reading)
        return found

    @cached_property
    def stillness(self) -> Stillness:
        """When nothing was commanded."""
        return Stillness(self.trace)

    def output(self, name: str) -> Output:
        """Return how an output shows that it conducts; NoEvidence where the case does not say."""
        if name not in self.outputs:
            raise NoEvidence(f"the case does not say at which voltage {name} counts as closed")
        return self.outputs[name]

    # ---- proof that somebody looked -------------------------------------------------------------
    def must_have_listened(self, name: str) -> None:
        """Refuse to judge a link by its silence, unless its receiver was alive and dropped nothing.

        Raises
        ------
        NoEvidence
            There is no such link, or it missed something.
        """
        link = self.trace.links.get(name)
        if link is None:
            raise NoEvidence(f"the bench has no {name} link, so nothing listened")
        note = f" ({link.note})" if link.note else ""
        if not link.alive:
            raise NoEvidence(f"the {name} receiver died during the case{note}")
        if link.dropped:
            raise NoEvidence(f"the {name} receiver dropped {link.dropped} of what came{note}")

    def must_have_shown_closed(self, output: str, what: str) -> None:
        """Refuse to lay an open output on the BMS whose tap never showed it closed: it may be dead.

        Raises
        ------
        NoEvidence
            It never did; `what` says what is asked in vain.
        """
        level, record = self.output(output).closed_above, self.trace.record_of(output)
        start = self.trace.start
        readings = [*self.trace.readings, *(start.readings if start else ())]
        metered = any(r.quantity == output and r.value > level for r in readings)
        if not metered and not (record and (record.channels[output].values > level).any()):
            raise NoEvidence(f"{what} (is its tap connected? it never showed it closed)")

    # ---- what was done --------------------------------------------------------------------------
    def acts(self, mark: str) -> bool:
        """Tell whether the step of this mark did something to the BMS (else it let time pass)."""
        return any(step.mark == mark and step.acts for step in self.steps)

    def sends(self, mark: str) -> bool:
        """Tell whether the step of this mark sent frames."""
        return any(step.mark == mark and step.kind == "send" for step in self.steps)
