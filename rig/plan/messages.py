"""What a profile promises of a message's bytes, as an expectation. Must not expand families."""

from __future__ import annotations

from rig.dut.messages import MessageContent
from rig.plan.case import MessageSound


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
