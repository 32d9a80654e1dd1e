"""What judging needs of a CAN database. `rig.dut.can_messages.Messages` is one.

The judge must not read a DBC file, so whoever calls it hands this in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from rig.can_address import MessageAddress
from rig.dut.e2e import CrcKind
from rig.judge.rules import NoEvidence
from rig.trace.model import Frames


class Decoder(Protocol):
    """Signals and checks of the messages on a bus by their addresses; arrays in order of time."""

    def __call__(
        self, frames: Frames, message: str, signal: str
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return time_ns, shape (n,), and physical values, shape (n,), of a signal."""
        ...

    def rows(self, frames: Frames, message: str) -> NDArray[np.intp]:
        """Return the indices, shape (n,), of the frames that are this message, from the BMS."""
        ...

    def check_crc(
        self, frames: Frames, message: str, signal: str, data_id: int, kind: CrcKind = "E2E P01"
    ) -> NDArray[np.bool_]:
        """Tell for each frame of this message (see `rows`) whether its checksum is right; (n,)."""
        ...

    def spare_is_zero(self, frames: Frames, message: str) -> NDArray[np.bool_]:
        """Tell for each frame of this message whether all bits without a signal are 0; (n,)."""
        ...


class ByBus:
    """The decoder of several buses: each has its own, by the address of the message."""

    def __init__(self, decoders: Mapping[str, Decoder]) -> None:
        self._decoders = decoders

    def _of(self, message: str) -> Decoder:
        return self._decoders.get(MessageAddress(message).bus) or NoMessages()

    def __call__(
        self, frames: Frames, message: str, signal: str
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return time_ns, shape (n,), and physical values, shape (n,), of a signal."""
        return self._of(message)(frames, message, signal)

    def rows(self, frames: Frames, message: str) -> NDArray[np.intp]:
        """Return the indices of the frames that are this message."""
        return self._of(message).rows(frames, message)

    def check_crc(
        self,
        frames: Frames,
        message: str,
        signal: str,
        data_id: int,
        kind: CrcKind = "E2E P01",
    ) -> NDArray[np.bool_]:
        """Tell for each frame of this message whether its checksum is right."""
        return self._of(message).check_crc(frames, message, signal, data_id, kind)

    def spare_is_zero(self, frames: Frames, message: str) -> NDArray[np.bool_]:
        """Tell for each frame of this message whether all bits are 0 that no signal has."""
        return self._of(message).spare_is_zero(frames, message)


class NoMessages:
    """The decoder of a BMS without CAN: nothing comes."""

    def _nothing(self) -> NDArray[np.int64]:
        return np.empty(0, np.int64)

    def __call__(
        self, frames: Frames, message: str, signal: str
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return no values: there is no such message."""
        del frames, message, signal
        return self._nothing(), self._nothing().astype(np.float64)

    def rows(self, frames: Frames, message: str) -> NDArray[np.intp]:
        """Return no frames."""
        del frames, message
        return self._nothing().astype(np.intp)

    def check_crc(
        self, frames: Frames, message: str, signal: str, data_id: int, kind: CrcKind = "E2E P01"
    ) -> NDArray[np.bool_]:
        """Return nothing checked."""
        del frames, message, signal, data_id, kind
        return self._nothing().astype(np.bool_)

    def spare_is_zero(self, frames: Frames, message: str) -> NDArray[np.bool_]:
        """Return nothing checked."""
        del frames, message
        return self._nothing().astype(np.bool_)


class LostMessages(NoMessages):
    """The decoder where there was a DBC which can't be believed: all its methods say so.

    Raises
    ------
    NoEvidence
        No frame can be understood.
    """

    def _nothing(self) -> NoReturn:
        raise NoEvidence("the DBC that was frozen with the run is not there, or not as it was")
