"""Lines typed on the console, each with its answer. Must not know what they are about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rig.dut.profile import Profile
from rig.expectations import Expectation
from rig.expectations.console_says import ConsoleSays
from rig.plan.families.draft import Draft
from rig.plan.families.timing import ANSWERS_APART_S, CLOSED_S, OUTLAST_S
from rig.steps import Step
from rig.steps.conditions import ConsoleLine, OutputState
from rig.steps.hold import Hold
from rig.steps.type_line import Type
from rig.steps.wait_for import WaitFor
from rig.time_reference import Mark


@dataclass(slots=True)
class ConsoleDialog:
    """Steps and expectations of a case as they are put together, in order."""

    steps: list[Step] = field(default_factory=list)
    expectations: list[Expectation] = field(default_factory=list)

    def do(self, *steps: Step) -> None:
        """Add steps."""
        self.steps += steps

    def expect(self, *expectations: Expectation) -> None:
        """Add expectations."""
        self.expectations += expectations

    def ask(self, line: str, answer: str, within_s: float, mark: str) -> None:
        """Type a line at `mark`; the answer must come in time, and the case goes on with it."""
        self.do(
            Type(line=line, mark=mark),
            WaitFor(until=ConsoleLine(pattern=answer), within_s=within_s),
            Hold(duration_s=ANSWERS_APART_S),
        )
        self.expect(ConsoleSays(pattern=answer, since=Mark(mark=mark), high_s=within_s))

    def _outlast(self) -> None:
        """Hold at the end for so long that whatever is due is seen to come, or not to."""
        due_s = max((getattr(e, "high_s", 0.0) for e in self.expectations), default=0.0)
        held_s = sum(step.duration_s for step in self.steps if isinstance(step, Hold))
        if held_s <= due_s + OUTLAST_S:
            self.do(Hold(duration_s=round(due_s + OUTLAST_S - held_s, 6)))

    def case(
        self, title: str, parameters: Mapping[str, str], claims: tuple[str, ...] = ()
    ) -> Draft:
        """Make a case of it, which outlasts what is due."""
        self._outlast()
        return Draft(
            title=title,
            parameters=parameters,
            steps=self.steps,
            expectations=self.expectations,
            claims=claims,
        )


def until_ready(profile: Profile, mark: str, *, already_s: float = 0.0) -> list[Step]:
    """Wait until the BMS says that it is ready after a start; `mark` is borne by that instant.

    `already_s` is the longest that the cause of the start may take to act.
    """
    within_s = profile.start.ready_within_s + already_s
    if profile.console is None:
        return [Hold(duration_s=within_s, mark=mark)]
    ready = ConsoleLine(pattern=profile.console.ready)
    return [WaitFor(until=ready, within_s=within_s, mark=mark)]


def until_closed(profile: Profile, mark: str) -> list[Step]:
    """Wait until the outputs of a healthy BMS have closed after it got ready."""
    within_s = profile.start.closed_within_s
    states = (OutputState(output=output, is_open=False) for output in profile.closes_at_start)
    waits: list[Step] = [WaitFor(until=state, within_s=within_s) for state in states]
    return [*waits, Hold(duration_s=CLOSED_S, mark=mark)]
