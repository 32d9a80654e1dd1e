"""What stands in a plan behind `send` and `start periodic`: a message, its signals, how often."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, TypeAdapter

from rig import bounds
from rig.description import by_key, mapping_schema, mistake_error, with_keys
from rig.quantity import Seconds, bounded, unitless
from rig.steps.frame_fault import FrameFault, frame_fault
from rig.steps.step import Step

_EVERY: TypeAdapter[float] = TypeAdapter(Annotated[Seconds, bounded(bounds.FASTEST)])
_JITTER: TypeAdapter[float] = TypeAdapter(Annotated[Seconds, bounded(bounds.STEP_TIME)])
_BESIDE = {"times", "every", "jitter", "frame fault"}


def _entry(key: str, value: Any) -> Any:
    if key in ("every", "jitter"):
        return (_EVERY if key == "every" else _JITTER).validate_python(value)
    if key == "frame fault":
        return frame_fault(value)
    return _times(value) if key == "times" else _signals(value)


def _times(value: Any) -> int:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number or not 1 <= value <= bounds.MOST_TIMES:
        what = f'"{value}" is no number of times: 1 to {bounds.MOST_TIMES:,}'
        raise mistake_error(what, "write for example times: 5")
    return int(value)


def _signals(value: Any) -> Mapping[str, float]:
    numbers = value or {}
    if not isinstance(numbers, dict) or not all(
        isinstance(v, int | float) for v in numbers.values()
    ):
        raise mistake_error(
            "signals are a mapping of names to numbers", "write for example {Mode: 1}"
        )
    return numbers


def content(word: str) -> Any:
    """Give the type of what stands behind a word: a message, its signals, and how it is sent."""

    def one_message(entries: dict[str, Any]) -> dict[str, Any]:
        messages = [key for key in entries if key not in _BESIDE]
        if len(messages) != 1:
            what = f"{word} needs just one message"
            raise mistake_error(what, "write for example {HostAlive: {}}")
        [message] = messages
        return {"message": message, "signals": entries.pop(message), **entries}

    return Annotated[
        dict[str, Annotated[Any, by_key(_entry)]],
        BeforeValidator(with_keys),
        AfterValidator(one_message),
        mapping_schema("{HostAlive: {}, times: 5, every: 200 ms}"),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending(Step):
    """A message of which frames are sent, and in which way they are wrong."""

    message: str
    signals: Mapping[str, float] = field(default_factory=dict)
    frame_fault: FrameFault | None = None

    def behind_word(self, often: Mapping[str, Any]) -> dict[str, Any]:
        """Give the message in a plan's words, and how often it is sent."""
        numbers = {name: unitless(value) for name, value in self.signals.items()}
        return {self.message: numbers, **often} | (
            {"frame fault": self.frame_fault.written()} if self.frame_fault else {}
        )

    def said(self, often: str) -> str:
        """Name it with its signals: "HostAlive (Mode = 1) 3 times, each with a wrong checksum"."""
        inner = ", ".join(f"{name} = {value:g}" for name, value in self.signals.items())
        frame_fault = f", {self.frame_fault.sentence()}" if self.frame_fault else ""
        return f"{self.message}{f' ({inner})' if inner else ''}{often}{frame_fault}"

    def signals_named(self) -> Iterator[tuple[str, float]]:
        yield from ((f"{self.message}.{name}", value) for name, value in self.signals.items())
