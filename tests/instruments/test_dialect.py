"""Settings that are read back, error queues in their spellings, identities of all sorts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from rig.errors import BenchError, LimitError
from rig.instruments.dialect import ON_OFF, Choice, ScpiSetting, check_errors, identify
from rig.instruments.registry import DRIVERS
from rig.instruments.session import Framing, Session
from tests.instruments.peer import Peer, a_dictionary

VOLTS = ScpiSetting(
    command="VOLT {value:.3f}", readback="VOLT?", unit="V", low=0.0, high=20.0, resolution=1e-3
)
AMPS = ScpiSetting(
    command="OUTCURR {value:.1f}", readback="OUTCURR?",
    unit="A", low=0.0, high=1.0, resolution=1e-3, scale=1e-3,
)  # fmt: skip

Opened = Callable[[dict[bytes, bytes | None]], Session]


@pytest.fixture
def opened() -> Iterator[Opened]:
    parts: list[tuple[Session, Peer]] = []

    def start(replies: dict[bytes, bytes | None]) -> Session:
        peer = Peer(a_dictionary(replies))
        session = Session("supply", peer.resource, Framing(timeout_s=0.3))
        parts.append((session, peer))
        session.open()
        return session

    yield start
    for session, peer in parts:
        session.close()
        peer.close()


def test_a_setting_returns_what_the_instrument_read_back(opened: Opened) -> None:
    assert VOLTS.put(opened({b"VOLT?": b"12.0004\n"}), 12.0) == 12.0004


def test_a_setting_that_was_not_taken_says_what_was_read_back(opened: Opened) -> None:
    with pytest.raises(BenchError, match=r"VOLT 12.000 was not taken: VOLT\? answers 5"):
        VOLTS.put(opened({b"VOLT?": b"5.000\n"}), 12.0)


def test_an_instrument_that_speaks_milliamperes_is_told_milliamperes(opened: Opened) -> None:
    session = opened({b"OUTCURR?": b"250.0\n"})
    session.transcript.take()

    assert AMPS.put(session, 0.25) == 0.25

    assert session.transcript.take()[0].endswith("> OUTCURR 250.0")


@pytest.mark.parametrize("value", [-0.001, 20.001, float("nan"), float("inf")])
def test_a_value_outside_the_range_is_never_sent(opened: Opened, value: float) -> None:
    session = opened({})
    session.transcript.take()

    with pytest.raises(LimitError, match="outside 0 to 20"):
        VOLTS.put(session, value)

    assert session.transcript.take() == ()


@pytest.mark.parametrize("answer", [b"1\n", b"ON\n", b"on\r\n"])
def test_on_may_be_answered_in_words(opened: Opened, answer: bytes) -> None:
    Choice(command="OUTP {value}", readback="OUTP?", answers=ON_OFF).put(
        opened({b"OUTP?": answer}), "1"
    )


@pytest.mark.parametrize(
    "empty", [b'+0,"No error"', b'0,"No error"', b"0,None", b"0  No Error", b"0,'No error'"]
)
def test_an_empty_error_queue_in_every_spelling(opened: Opened, empty: bytes) -> None:
    check_errors(opened({b"SYST:ERR?": empty + b"\n"}))


def test_an_answer_that_is_no_error_closes_the_session(opened: Opened) -> None:
    session = opened({b"SYST:ERR?": b"3.300\x01V\n"})

    with pytest.raises(BenchError):
        check_errors(session)


@pytest.mark.parametrize(
    ("reply", "model", "serial", "firmware"),
    [
        ("Keysight Technologies,E36312A,MY1,2.1.0-1.0.4", "E36312A", "MY1", "2.1.0-1.0.4"),
        ("Siglent Technologies,SPD3303X,S1,1.01,V3.0", "SPD3303X", "S1", "1.01,V3.0"),
        ("LAMBDA,GEN20-76", "GEN20-76", "", ""),
        ("something", "", "", ""),
    ],
)
def test_identities_have_as_many_fields_as_makers_like(
    reply: str, model: str, serial: str, firmware: str
) -> None:
    found = identify(reply)

    assert (found.model, found.serial, found.firmware) == (model, serial, firmware)


def test_every_driver_in_the_registry_is_named_as_a_description_writes_it() -> None:
    assert len(DRIVERS) == 7
    for name, info in DRIVERS.items():
        assert name == info.name == name.lower()
        assert info.channels
