"""What all instruments share: time, order, errors, status."""

from collections.abc import Sequence

import pytest

from rig.virtual.instruments import scpi
from rig.virtual.instruments.instrument import Accuracy, Dialect, Latency, ScpiInstrument
from rig.virtual.instruments.scpi import Call, Command, ScpiError
from tests.virtual.instruments.desk import MS, Desk

LATENCIES = {"set": Latency(0.010, 0.010, 0.010), "query": Latency(0.020, 0.020, 0.020)}


class Box(ScpiInstrument):
    """A made-up instrument with one value."""

    value = 0.0

    def commands(self) -> Sequence[Command]:
        return [
            Command("VALue", self._set, lambda _: f"{self.value:g}"),
            Command("SILent", query=lambda _: None),
            Command("ONLY", lambda _: None),
        ]

    def _set(self, call: Call) -> None:
        self.value = scpi.within(scpi.parse_number(call.only()), 0, 10)

    def reset(self) -> None:
        self.value = 0.0


@pytest.fixture
def box(desk: Desk) -> Box:
    return a_box(desk)


def a_box(desk: Desk, **manners: object) -> Box:
    dialect = Dialect(idn="Acme,Box,1,1.0", **manners)  # type: ignore[arg-type]
    return Box(desk.kernel, desk.clock, desk.rng(), dialect, LATENCIES)


def test_a_command_takes_effect_when_its_latency_has_passed(desk: Desk, box: Box) -> None:
    box.receive(desk, "VAL 3")

    desk.kernel.run_until(10 * MS - 1)
    assert box.value == 0.0
    desk.kernel.run_until(10 * MS)
    assert box.value == 3.0


def test_nothing_is_owed_for_commands_alone(desk: Desk, box: Box) -> None:
    box.receive(desk, "VAL 3")

    assert box.busy() is None


def test_a_query_is_answered_after_all_that_was_sent_before_it(desk: Desk, box: Box) -> None:
    box.receive(desk, "VAL 3")

    assert desk.ask(box, "VAL?") == "3"
    assert desk.kernel.now_ns == 30 * MS


def test_queries_of_one_message_are_answered_in_one_line(desk: Desk, box: Box) -> None:
    assert desk.ask_raw(box, "VAL 4;VAL?;*OPC?;*IDN?") == b"4;1;Acme,Box,1,1.0\n"


@pytest.mark.parametrize("text", ["NONSENSE?", "SIL?", "ONLY?"])
def test_a_query_without_an_answer_lets_its_time_pass_and_is_silent(
    desk: Desk, box: Box, text: str
) -> None:
    assert desk.ask_raw(box, text) == b""
    assert box.busy() is None
    assert desk.ask(box, "VAL?") == "0"


@pytest.mark.parametrize(
    ("text", "error", "event"),
    [
        ("NONSENSE", '-113,"Undefined header"', 32),
        ("ONLY?", '-115,"Query not allowed"', 32),
        ("VAL", '-109,"Missing parameter"', 32),
        ("VAL 1,2", '-108,"Parameter not allowed"', 32),
        ("VAL x", '-104,"Data type error"', 32),
        ("VAL 11", '-222,"Data out of range"', 16),
        ("VAL 11;VAL y", '-222,"Data out of range"', 48),
    ],
)
def test_a_refused_command_is_in_the_queue_and_in_the_event_register(
    desk: Desk, box: Box, text: str, error: str, event: int
) -> None:
    desk.ask(box, "*ESR?")

    desk.do(box, text)

    assert desk.ask(box, "*STB?") == "4"
    assert desk.ask(box, "*ESR?") == str(event)
    assert desk.ask(box, "SYST:ERR?") == error
    assert desk.ask(box, "*ESR?") == "0"


def test_a_command_error_discards_the_rest_of_its_message(desk: Desk, box: Box) -> None:
    assert desk.ask_raw(box, "VAL 1;NONSENSE;VAL 2") == b""
    desk.do(box)

    assert box.value == 1.0


def test_the_last_place_of_a_full_queue_says_that_it_overflowed(desk: Desk) -> None:
    box = a_box(desk, error_depth=3)
    for _ in range(5):
        desk.do(box, "NONSENSE")

    errors = [desk.ask(box, "SYST:ERR?") for _ in range(4)]

    assert errors == ['-113,"Undefined header"'] * 2 + ['-350,"Queue overflow"', '0,"No error"']


def test_power_on_is_told_once(desk: Desk, box: Box) -> None:
    assert desk.ask(box, "*ESR?") == "128"
    assert desk.ask(box, "*ESR?") == "0"

    box.reboot()

    assert desk.ask(box, "*ESR?") == "128"


def test_more_commands_than_the_buffer_takes_are_lost_until_a_query(desk: Desk) -> None:
    box = a_box(desk, commands_between_queries=20)
    for _ in range(20):
        box.receive(desk, "VAL 1")
    box.receive(desk, "VAL 2")

    assert desk.ask(box, "VAL?") == "1"
    box.receive(desk, "VAL 2")
    assert desk.ask(box, "VAL?") == "2"


def test_what_a_client_that_left_had_not_been_done_is_dropped(desk: Desk, box: Box) -> None:
    for value in (1, 2, 3):
        box.receive(desk, f"VAL {value}")

    box.forget(desk)
    desk.do(box)

    assert box.value == 1.0


def test_an_event_mask_raises_the_summary_bits(desk: Desk, box: Box) -> None:
    desk.do(box, "*CLS", "*ESE 32", "*SRE 32", "NONSENSE")

    assert desk.ask(box, "*STB?") == str(4 + 32 + 64)


def test_a_unit_keeps_inside_the_data_sheet(desk: Desk) -> None:
    accuracy = Accuracy(1e-3, 2e-3)
    for seed in range(200):
        error = accuracy.draw(desk.rng(seed))

        assert abs(error.apply(5.0) - 5.0) <= accuracy.limit(5.0)


def test_latencies_are_mostly_usual_and_never_beyond_the_worst(desk: Desk) -> None:
    latency, rng = Latency(0.01, 0.055, 0.085), desk.rng()
    drawn = [latency.draw_ns(rng) for _ in range(2000)]

    assert min(drawn) >= 10 * MS
    assert max(drawn) <= 85 * MS
    assert 0.87 < sum(ns <= 55 * MS for ns in drawn) / 2000 < 0.93


def test_an_error_that_only_a_model_knows_counts_as_a_device_error(desk: Desk, box: Box) -> None:
    desk.ask(box, "*ESR?")

    box.post(ScpiError(301, "PV Above OVP"))

    assert desk.ask(box, "*ESR?") == "8"
    assert desk.ask(box, "SYST:ERR?") == '301,"PV Above OVP"'
