"""In which way a frame is wrong that is else made right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFault:
    """One way in which frames are wrong that are else made right: counter, checksum, length.

    "crc": all its bits inverted. "bit": one bit of the frame flipped, another one each time, `by`
    counting from which. "counter stands": as in the frame before. "counter skips": `by` numbers
    are left out. "length": `by` bytes, the checksum right over what is left. "identifier": `by`
    added to it. "data id": `by` added to it, so that the checksum is another message's.
    "swapped": the frame changes places with the next one.
    """

    what: Literal[
        "crc",
        "bit",
        "counter stands",
        "counter skips",
        "length",
        "identifier",
        "data id",
        "swapped",
    ]
    by: int = 0
    every: int = 1  # each so-manieth frame is wrong; 0: just the first
