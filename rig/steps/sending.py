"""What stands in a plan behind `send` and `traffic`: a message, its signals, how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, TypeAdapter

from rig import bounds
from rig.description import by_key, mapping_schema, mistake_error, with_keys
from rig.quantity import Seconds, bounded, unitless
from rig.steps.frame_fault import FrameFault, frame_fault

_EVERY: TypeAdapter[float] = TypeAdapter(Annotated[Seconds, bounded(bounds.FASTEST)])
_JITTER: TypeAdapter[float] = TypeAdapter(Annotated[Seconds, bounded(bounds.STEP_TIME)])
_BESIDE = {"times", "every", "jitter", "wrong"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A message with its signals, as a plan gives it; None: not said."""

    message: str
    signals: Mapping[str, float]
    times: int | None = None
    every_s: float | None = None
    jitter_s: float | None = None
    wrong: FrameFault | None = None


def _entry(key: str, value: Any) -> Any:
    if key in ("every", "jitter"):
        return (_EVERY if key == "every" else _JITTER).validate_python(value)
    if key == "wrong":
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
    """Give the type of what stands behind a word that sends a message; it makes a `Sending`."""

    def sending(entries: dict[str, Any]) -> Sending:
        messages = [key for key in entries if key not in _BESIDE]
        if len(messages) != 1:
            what = f"{word} needs just one message"
            raise mistake_error(what, "write for example {HostAlive: {}}")
        return Sending(
            message=messages[0],
            signals=entries[messages[0]],
            times=entries.get("times"),
            every_s=entries.get("every"),
            jitter_s=entries.get("jitter"),
            wrong=entries.get("wrong"),
        )

    return Annotated[
        dict[str, Annotated[Any, by_key(_entry)]],
        BeforeValidator(with_keys),
        AfterValidator(sending),
        mapping_schema("{HostAlive: {}, times: 5, every: 200 ms}"),
    ]


def written(
    message: str, signals: Mapping[str, float], often: Mapping[str, Any], wrong: FrameFault | None
) -> dict[str, Any]:
    """Give a message in a plan's words, and how often it is sent."""
    numbers = {name: unitless(value) for name, value in signals.items()}
    return {message: numbers, **often, **({"wrong": wrong.written()} if wrong else {})}


def sentence(message: str, signals: Mapping[str, float]) -> str:
    """Name a message with its signals: "HostAlive (Mode = 1)"."""
    inner = ", ".join(f"{name} = {value:g}" for name, value in signals.items())
    return f"{message} ({inner})" if inner else message


def fault_sentence(wrong: FrameFault | None) -> str:
    """Say what is wrong with it: ", each with a wrong checksum"."""
    return f", {wrong.sentence()}" if wrong else ""
