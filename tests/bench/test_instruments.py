"""What drivers know is known again as it was, however they keep it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from rig.bench.instruments import Instruments
from rig.clock import WallClock
from rig.instruments.session import Session


class Plain:
    """Keeps what it knows in its dictionary."""

    def __init__(self, session: Session, clock: WallClock) -> None:
        self.session, self.clock = session, clock
        self.ranges = {1: [5.0, 1.0]}
        self.is_on = False


@dataclass(slots=True)
class Slotted:
    """Keeps it in slots."""

    session: Session
    clock: WallClock
    ranges: dict[int, list[float]] = field(default_factory=lambda: {1: [5.0, 1.0]})
    is_on: bool = False


@pytest.mark.parametrize("kind", [Plain, Slotted])
def test_what_a_case_taught_a_driver_is_forgotten_each_time(kind: Any) -> None:
    session, clock = Session("supply", "TCPIP::127.0.0.1::1::SOCKET"), WallClock()
    driver = kind(session, clock)
    instruments = Instruments(sessions={"supply": session}, all={"supply": driver})
    known = instruments.known(clock)

    for _ in range(2):
        driver.ranges[1].append(7.0)
        driver.ranges[2] = []
        driver.is_on = True
        if kind is Plain:
            driver.later = "learnt"
        instruments.know_again(known, clock)

        assert (driver.ranges, driver.is_on) == ({1: [5.0, 1.0]}, False)
        assert driver.session is session
        assert driver.clock is clock
        assert not hasattr(driver, "later")
