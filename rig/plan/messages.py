"""What a profile promises of messages and reports, as expectations. Must not expand families."""

from __future__ import annotations

from dataclasses import replace

from rig.dut.messages import MessageContent
from rig.dut.profile import Report
from rig.expectations.message_sound import MessageSound
from rig.expectations.telemetry_agrees import TelemetryAgrees


def message_sound(
    name: str, promise: MessageContent, *, begin: str | None = None, end: str | None = None
) -> MessageSound:
    """Expect every frame of a message to be as promised."""
    return MessageSound(
        message=name,
        length=promise.length,
        counter=promise.counter,
        counter_last=promise.counter_last,
        crc=promise.crc,
        crc_kind=promise.crc_kind,
        crc_data_id=promise.crc_data_id,
        spare_zero=promise.spare_zero,
        begin=begin,
        end=end,
    )


def agrees(report: Report, number: int | None, quantity: str) -> list[TelemetryAgrees]:
    """Expect a report to agree with the meter wherever it is told, the profile's own first."""
    first = TelemetryAgrees(
        quantity=quantity,
        accuracy=report.accuracy or 0.0,
        relative=report.relative,
        unit=report.unit,
        message=report.message_for(number),
        signal=report.signal_for(number),
        pattern=report.pattern_for(number),
        factor=report.factor,
        settle_s=report.settles_s,
    )
    also = report.also_for(number)
    if also is None:
        return [first]
    return [first, replace(first, message=None, signal=None, pattern=also, factor=1.0)]
