"""What a running case can wait for, and its words in a plan."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter

from rig import bounds
from rig.can_address import SignalAddress
from rig.console_name import OWN_CONSOLE, is_console
from rig.description import by_key, mapping_schema, mistake_error, regex, with_keys
from rig.quantity import Seconds, bounded, unitless
from rig.steps.resolver import Resolver


class _Condition(ABC):
    """What can be waited for."""

    __slots__ = ()

    @abstractmethod
    def check(self, names: Resolver) -> None:
        """Hold it against the profile."""

    @abstractmethod
    def written(self) -> dict[str, Any]:
        """Give it in a plan's words."""

    @abstractmethod
    def sentence(self) -> str:
        """Say what is waited for."""

    def outputs(self) -> Iterator[str]:
        """Give the outputs that a meter watches for it."""
        return iter(())

    def signals_named(self) -> Iterator[tuple[str, float]]:
        """Give each "Message.Signal" in it, with the value."""
        return iter(())


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputState(_Condition):
    """An output is open or closed, as the bench's meter reads it."""

    output: str
    is_open: bool
    kind: Literal["output"] = "output"

    def check(self, names: Resolver) -> None:
        names.at(self.output).known(self.output, names.profile.outputs, "output")

    def written(self) -> dict[str, Any]:
        return {self.output: "open" if self.is_open else "closed"}

    def sentence(self) -> str:
        return f"{self.output} is {'open' if self.is_open else 'closed'}"

    def outputs(self) -> Iterator[str]:
        yield self.output


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalValue(_Condition):
    """A CAN signal has this value in the newest frame."""

    signal: SignalAddress
    value: float
    kind: Literal["signal"] = "signal"

    def check(self, names: Resolver) -> None:
        names.at(self.signal).has_place(self.signal)

    def written(self) -> dict[str, Any]:
        return {str(self.signal): unitless(self.value)}

    def sentence(self) -> str:
        return f"{self.signal} is {self.value:g}"

    def signals_named(self) -> Iterator[tuple[str, float]]:
        yield self.signal, self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleLine(_Condition):
    """A console line that matches this regular expression was received since the step began."""

    pattern: str
    console: str = OWN_CONSOLE
    kind: Literal["console"] = "console"

    def check(self, names: Resolver) -> None:
        names.at(self.console).has_console(self.console)

    def written(self) -> dict[str, Any]:
        return {self.console: self.pattern}

    def sentence(self) -> str:
        return f"the {self.console} says “{self.pattern}”"


Condition = Annotated[OutputState | SignalValue | ConsoleLine, Field(discriminator="kind")]


# ---- in a plan ----------------------------------------------------------------------------------
_WAIT_TIME: TypeAdapter[float] = TypeAdapter(Annotated[Seconds, bounded(bounds.WAIT)])


def _entry(key: str, value: Any) -> Any:
    if key == "within":
        return _WAIT_TIME.validate_python(value)
    if "." in key and isinstance(value, bool | int | float):
        return float(value)
    if is_console(key) and isinstance(value, str):
        return regex(value)
    if value not in ("open", "closed"):
        words = "open or closed (an output), a number (a signal), or console: a regular expression"
        raise mistake_error(f'"{value}" is no state to wait for', f"write {words}")
    if "." in key:
        raise mistake_error(f'a signal has a number, not "{value}"', "write for example 1")
    return value


def _one_state(entries: dict[str, Any]) -> dict[str, Any]:
    if len(entries) != 1 or "within" in entries:
        raise mistake_error("until needs one state", "write {charge path: open}")
    return entries


def _one_state_in_time(entries: dict[str, Any]) -> dict[str, Any]:
    if len(entries) != 2 or "within" not in entries:
        mend = "write for example {charge path: open, within: 2 s}"
        raise mistake_error("wait for needs one state and within", mend)
    return entries


Until = Annotated[
    dict[str, Annotated[Any, by_key(_entry)]],
    BeforeValidator(with_keys),
    AfterValidator(_one_state),
    mapping_schema("{charge path: open}"),
]
Waiting = Annotated[
    dict[str, Annotated[Any, by_key(_entry)]],
    BeforeValidator(with_keys),
    AfterValidator(_one_state_in_time),
    mapping_schema("{charge path: open, within: 2 s}"),
]


def condition(states: Mapping[str, Any]) -> Condition:
    """Make the condition of the one state in `Until` or `Waiting`."""
    [(name, state)] = ((key, value) for key, value in states.items() if key != "within")
    if is_console(name):
        return ConsoleLine(pattern=state, console=name)
    if "." in name:
        return SignalValue(signal=SignalAddress(name), value=state)
    return OutputState(output=name, is_open=state == "open")
