"""Each trap of pyvisa-py on raw sockets (its FAQ, issue 376) becomes a BenchError."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.errors import BenchError
from rig.instruments.session import Framing, Session, Transcript
from tests.instruments.peer import Answer, Peer, a_dictionary

Open = Callable[..., Session]


@pytest.fixture
def peers() -> Iterator[Callable[[Answer], Peer]]:
    started: list[Peer] = []

    def start(answer: Answer) -> Peer:
        started.append(Peer(answer))
        return started[-1]

    yield start
    for peer in started:
        peer.close()


@pytest.fixture
def opened() -> Iterator[Open]:
    sessions: list[Session] = []

    def start(peer: Peer, timeout_s: float = 0.2, transcript: Transcript | None = None) -> Session:
        session = Session("meter", peer.resource, Framing(timeout_s=timeout_s), transcript)
        sessions.append(session)
        session.open()
        return session

    yield start
    for session in sessions:
        session.close()


def _write_on(session: Session) -> None:
    """Write until what the peer sent has arrived and is noticed."""
    for _ in range(100_000):
        session.write("X")


def test_opening_returns_the_identity(peers: Callable[[Answer], Peer]) -> None:
    session = Session("meter", peers(a_dictionary({})).resource)

    assert session.open() == "ACME,42,7,1.0"

    session.close()


def test_a_refused_port_is_noticed_when_opening() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    session = Session("meter", f"TCPIP::127.0.0.1::{port}::SOCKET", Framing(timeout_s=0.2))

    with pytest.raises(BenchError, match="refused") as caught:
        session.open()

    assert str(port) in caught.value.where
    assert not session.is_open


def test_no_answer_names_command_and_deadline_and_closes(
    peers: Callable[[Answer], Peer], opened: Open
) -> None:
    session = opened(peers(a_dictionary({})))

    with pytest.raises(BenchError, match=r"MEAS:VOLT\?: no answer within 0.2 s; session closed"):
        session.query("MEAS:VOLT?")

    assert not session.is_open
    with pytest.raises(BenchError, match="session is closed"):
        session.query("*IDN?")


def test_a_dead_peer_is_noticed_at_once_when_reading(
    peers: Callable[[Answer], Peer], opened: Open
) -> None:
    session = opened(peers(a_dictionary({b"MEAS:VOLT?": None})), timeout_s=30.0)

    with pytest.raises(BenchError, match="connection is gone"):
        session.query("MEAS:VOLT?")


def test_a_dead_peer_is_noticed_before_a_write_that_would_seem_to_succeed(
    peers: Callable[[Answer], Peer], opened: Open
) -> None:
    session = opened(peers(a_dictionary({b"BYE?": b"1\n", b"BYE": None})))
    session.write("BYE")
    with pytest.raises(BenchError, match="connection is gone"):
        _write_on(session)


def test_an_answer_that_nobody_asked_for_is_never_taken_for_the_next_one(
    peers: Callable[[Answer], Peer], opened: Open
) -> None:
    session = opened(peers(a_dictionary({b"VOLT 3": b"OK\n", b"VOLT?": b"3.0\n"})))
    session.write("VOLT 3")
    with pytest.raises(BenchError, match="an answer lay there") as caught:
        _write_on(session)

    assert "OK" in str(caught.value)
    assert not session.is_open


def test_after_a_time_out_a_late_answer_can_not_answer_the_next_question(
    peers: Callable[[Answer], Peer], opened: Open
) -> None:
    late = iter([b"", b"1.5\n"])
    peer = peers(lambda line: b"ACME,42,7,1.0\n" if line == b"*IDN?" else next(late))
    session = opened(peer)
    with pytest.raises(BenchError):
        session.query("MEAS:VOLT?")

    session.open()

    assert session.query_number("MEAS:CURR?") == 1.5
    assert peer.connections == 2


def test_a_reply_with_cr_lf_is_read_clean(peers: Callable[[Answer], Peer], opened: Open) -> None:
    session = opened(peers(a_dictionary({b"VOLT?": b"12.000\r\n"})))

    assert session.query("VOLT?") == "12.000"


@pytest.mark.parametrize("reply", [b"9.9E37", b"-9.90000000E+37", b"9.91E37", b"+9.91E+37", b"NAN"])
def test_what_is_no_measurement_is_nan_in_a_list_and_an_error_alone(
    peers: Callable[[Answer], Peer], opened: Open, reply: bytes
) -> None:
    session = opened(peers(a_dictionary({b"READ?": b"1.5," + reply + b"\n", b"V?": reply + b"\n"})))

    values = session.query_numbers("READ?", 2)

    assert values[0] == 1.5
    assert math.isnan(values[1])
    with pytest.raises(BenchError, match="no measurement"):
        session.query_number("V?")


def test_a_list_of_another_length_closes_the_session(
    peers: Callable[[Answer], Peer], opened: Open
) -> None:
    session = opened(peers(a_dictionary({b"READ?": b"1,2\n"})))

    with pytest.raises(BenchError, match="2 numbers instead of 3"):
        session.query_numbers("READ?", 3)

    assert not session.is_open


@given(st.binary(max_size=5000), st.integers(4, 9))
def test_a_block_is_read_whole_whatever_bytes_it_holds(data: bytes, digits: int) -> None:
    header = f"#{digits}{len(data):0{digits}d}".encode()
    peer = Peer(a_dictionary({b"DATA?": header + data + b"\n", b"NEXT?": b"next\n"}))
    session = Session("scope", peer.resource)
    try:
        session.open()

        assert session.query_block("DATA?") == data
        assert session.query("NEXT?") == "next"
    finally:
        session.close()
        peer.close()


@pytest.mark.parametrize(
    "reply",
    [b"1.5\n\n", b"#0abc\n", b"#41234", b"#14abcdxyz\n"],
    ids=["a number", "indefinite", "cut short", "too long"],
)
def test_what_is_no_definite_block_is_a_bench_error(
    peers: Callable[[Answer], Peer], opened: Open, reply: bytes
) -> None:
    session = opened(peers(a_dictionary({b"DATA?": reply})))

    with pytest.raises(BenchError, match="DATA"):
        session.query_block("DATA?")

    assert not session.is_open


def test_the_transcript_bears_the_rigs_time_and_both_directions(
    peers: Callable[[Answer], Peer], opened: Open
) -> None:
    transcript = Transcript(now_ns=5)
    session = opened(peers(a_dictionary({b"VOLT?": b"3.3000\n"})), transcript=transcript)
    transcript.take()
    transcript.now_ns = 7
    session.write("VOLT 3.3")

    session.query("VOLT?")

    assert transcript.take() == (
        "7 meter > VOLT 3.3",
        "7 meter > VOLT?",
        "7 meter < 3.3000",
    )
    assert transcript.take() == ()


def test_nagle_is_off_so_that_a_write_before_a_query_costs_nothing(
    peers: Callable[[Answer], Peer], opened: Open
) -> None:
    session = opened(peers(a_dictionary({})))

    assert session._socket is not None
    assert session._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_question_the_instrument_does_not_know_costs_a_new_connection(
    peers: Callable[[Answer], Peer], opened: Open
) -> None:
    peer = peers(a_dictionary({b"KNOWN?": b"0\n"}))
    session = opened(peer)

    assert session.answers("KNOWN?", within_s=0.2)
    assert not session.answers("UNKNOWN?", within_s=0.05)

    assert session.query("*IDN?") == "ACME,42,7,1.0"
    assert peer.connections == 2
