"""Building blocks of a driver that is declared as data: settings with range, resolution, read-back.

A driver's file says which commands its model has; this one says what "verified" means. Must not
know a model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rig.errors import BenchError, LimitError
from rig.instruments.capabilities import Identity
from rig.instruments.session import Session

# `+0,"No error"`, `0,"No error"`, `0  No Error`, `0,None`: each of some maker
_ERROR = re.compile(r"\s*([+-]?\d+)[\s,]*(.*)", re.DOTALL)
# Bits of *ESR? (IEEE 488.2-1992, 11.5.1.1): power on; command, execution, device, query error.
_POWER_ON, _ERRORS = 128, 32 + 16 + 8 + 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """A data sheet's limit of error: `reading` x |value| + `offset`, as one limit, half-width."""

    reading: float
    offset: float

    def at(self, value: float) -> float:
        """Half-width at a value, in its unit."""
        return self.reading * abs(value) + self.offset


@dataclass(frozen=True, slots=True, kw_only=True)
class ScpiSetting:
    """A number that is commanded, and read back before anything else is said.

    `command` and `readback` may hold `{channel}`; `command` holds `{value}` with its format.
    """

    command: str
    readback: str
    unit: str
    low: float
    high: float
    resolution: float  # of the read-back, in `unit`
    scale: float = 1.0  # the instrument's unit in `unit`: 1e-3 where it speaks milliamperes

    def check(self, session: Session, value: float) -> None:
        """Refuse a value that the instrument could not give; nothing is sent.

        Raises
        ------
        LimitError
            `value`, in `unit`, is not within `low` and `high`.
        """
        if not self.low <= value <= self.high:  # this way round, NaN is refused too
            raise LimitError(
                f"{self.name} {value:g} {self.unit} is outside {self.low:g} to {self.high:g}",
                session.where,
                "lower the value, or name an instrument with a larger range",
            )

    def put(self, session: Session, value: float, channel: int | str = "") -> float:
        """Set, read back, and return what the instrument says that it will do, in `unit`.

        Raises
        ------
        LimitError
            As `check`.
        BenchError
            It reads back as another value, by more than `resolution`.
        """
        self.check(session, value)
        command = self.command.format(value=value / self.scale, channel=channel)
        session.write(command)
        question = self.readback.format(channel=channel)
        actual = session.query_number(question) * self.scale
        if abs(actual - value) > self.resolution:
            raise refused(session, command, question, f"{actual / self.scale:g}")
        return actual

    @property
    def name(self) -> str:
        """The command without its arguments."""
        return re.split(r"[ {?]", self.command, maxsplit=1)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A setting that is one of a few words, each with the answer that its query gives."""

    command: str
    readback: str
    answers: Mapping[str, Sequence[str]]  # word sent -> spellings of the answer

    def put(self, session: Session, word: str, channel: int | str = "") -> None:
        """Set and read back.

        Raises
        ------
        BenchError
            It reads back as another word.
        """
        command = self.command.format(value=word, channel=channel)
        session.write(command)
        question = self.readback.format(channel=channel)
        answer = session.query(question)
        if answer.upper() not in self.answers[word]:
            raise refused(session, command, question, answer)

    def get(self, session: Session, channel: int | str = "") -> str:
        """Ask for the word that holds now; an answer that means none of them is a BenchError."""
        question = self.readback.format(channel=channel)
        answer = session.query(question)
        for word, spellings in self.answers.items():
            if answer.upper() in spellings:
                return word
        raise session.out_of_step(f"{question} was answered by {answer[:80]!r}")


ON_OFF: Mapping[str, Sequence[str]] = {"1": ("1", "ON"), "0": ("0", "OFF")}


def refused(session: Session, command: str, question: str, answer: str) -> BenchError:
    """The error of a setting that the instrument did not take."""
    return BenchError(
        f"{command} was not taken: {question} answers {answer}",
        session.where,
        "is it in remote mode, has a protection tripped, is a lock on at the front panel?",
    )


def identify(reply: str) -> Identity:
    """Split an answer to `*IDN?`; makers differ in how many fields they fill."""
    maker, model, serial, *rest = [*(part.strip() for part in reply.split(",")), "", "", ""]
    return Identity(
        manufacturer=maker, model=model, serial=serial, firmware=",".join(filter(None, rest))
    )


def check_model(session: Session, identity: Identity, expected: str) -> None:
    """Refuse to drive an instrument of another kind: its limits would be wrong.

    Raises
    ------
    BenchError
        Maker and model do not match the regular expression `expected`.
    """
    if not re.search(expected, f"{identity.manufacturer} {identity.model}", re.IGNORECASE):
        raise BenchError(
            f"this is a {identity.manufacturer} {identity.model}, the driver is for {expected}",
            session.where,
            "correct `driver` or `resource` in the bench description",
        )


def check_errors(session: Session, question: str = "SYST:ERR?") -> None:
    """Empty the error queue; whatever was in it is a BenchError."""
    found: list[str] = []
    while len(found) < 50:  # no queue is deeper
        reply = session.query(question)
        match = _ERROR.fullmatch(reply)
        if match is None:
            raise session.out_of_step(f"{question} was answered by {reply[:80]!r}")
        if int(match[1]) == 0:
            break
        found.append(reply)
    if found:
        what = f"its error queue holds {'; '.join(found)}"
        raise BenchError(what, session.where, "see the transcript for the command that it refused")


def clear_status(session: Session) -> None:
    """Forget events and errors of whoever used the instrument before."""
    session.write("*CLS")
    session.query("*ESR?")


def check_events(session: Session) -> None:
    """Find out by one question whether anything was refused, or the instrument restarted.

    Every entry of the error queue also sets a bit of the event status register (SCPI-99 volume 2,
    21.8), so the queue is read only where there is something in it.

    Raises
    ------
    BenchError
        Something was refused, or it restarted.
    """
    events = int(session.query_number("*ESR?"))
    if events & _POWER_ON:
        raise BenchError(
            "it restarted in the middle of the run: all its settings are gone",
            session.where,
            "check its mains and its cooling; the case has to be repeated",
        )
    if events & _ERRORS:
        check_errors(session)


def channel_list(channels: Iterable[int]) -> str:
    """`(@1,2,3)`: every dialect reads single numbers, not every one reads ranges."""
    return f"(@{','.join(map(str, channels))})"
